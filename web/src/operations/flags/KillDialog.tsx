import { useState } from "react";
import { useSwitchFlag } from "@/api/flags";
import type { Flag } from "@/api/types";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import { TextField } from "@/ui/Field";
import { useToast } from "@/ui/Toast";

/** Asks before a flag is killed, and offers the way back for ten seconds after. */
export function KillDialog({ flag, close }: { flag: Flag; close: () => void }) {
  const kill = useSwitchFlag(flag.key, "kill");
  const revive = useSwitchFlag(flag.key, "revive");
  const toast = useToast();
  const [reason, setReason] = useState("");
  const [error, setError] = useState<string>();
  const confirm = async () => {
    if (reason.trim().length < 3) {
      setError("Say why, for whoever reads the history.");
      return;
    }
    if ((await kill.run(reason.trim())) === undefined) return;
    close();
    toast({ message: `${flag.key} is killed.`, undo: () => void revive.run("The kill was undone.") });
  };
  return (
    <ConfirmDialog
      title={`Kill ${flag.key}?`}
      lead="For your organisation"
      consequences={[`Everybody in your organisation is given ${flag.off}, on every node within a second.`, "Rules and choices stay as they are, without effect until it is revived."]}
      act="Kill"
      danger
      isRunning={kill.isRunning}
      fault={kill.problem}
      confirm={() => void confirm()}
      close={close}
    >
      <TextField label="Why" required value={reason} error={error} maxLength={500} onValue={setReason} />
    </ConfirmDialog>
  );
}
