import { useState } from "react";
import { type RolloutTurn, useTurnRollout } from "@/api/flags";
import { useMay } from "@/api/session";
import type { Flag } from "@/api/types";
import { Button } from "@/ui/Button";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import { TextField } from "@/ui/Field";
import type { IconName } from "@/ui/Icon";
import { useToast } from "@/ui/Toast";
import { focusFault } from "./fieldFaults";
import { StartRolloutDialog } from "./StartRolloutDialog";

interface Words {
  act: string;
  icon: IconName;
  consequences: readonly string[];
  done: string;
}

const TURNS: Record<RolloutTurn, Words> = {
  pause: { act: "Pause", icon: "pause", consequences: ["It rests in its stage until you resume it, 14 days at most: then it is stopped.", "Its guard goes on watching, and can still roll it back."], done: "The rollout rests." },
  resume: { act: "Resume", icon: "play", consequences: ["It goes on to the next stage when this one was held long enough and nothing speaks against it."], done: "The rollout goes on." },
  stop: { act: "Stop", icon: "stop", consequences: ["Nobody has it by this rollout any more, on every node within a second.", "The flag is not killed: rules and choices hold as before."], done: "The rollout is stopped." },
  rollback: { act: "Roll back", icon: "undo", consequences: ["The flag is killed for everybody in your organisation, also for whom a rule names.", "Revive it when the cause is mended; then a rollout can begin anew."], done: "Rolled back: the flag is killed." },
};

/** Starts a rollout of the own organisation where none is running, and turns the one that is. */
export function RolloutActs({ flag }: { flag: Flag }) {
  const mayWrite = useMay("setting.write");
  const [open, setOpen] = useState<RolloutTurn | "start" | null>(null);
  const isKilled = flag.own.state.is_killed || flag.installation.state.is_killed;
  const rollout = flag.rollout?.is_own && flag.rollout.status === "running" ? flag.rollout : null;
  const turns: RolloutTurn[] = rollout ? [rollout.paused_at === null ? "pause" : "resume", "stop", "rollback"] : [];
  const close = () => setOpen(null);
  if (!mayWrite) return null;
  return (
    <div className="row">
      {rollout === null && !isKilled ? (
        <Button look="primary" icon="plus" onClick={() => setOpen("start")}>
          Start a rollout
        </Button>
      ) : null}
      {turns.map((turn) => (
        <Button key={turn} icon={TURNS[turn].icon} look={turn === "rollback" ? "danger" : "secondary"} onClick={() => setOpen(turn)}>
          {TURNS[turn].act}
        </Button>
      ))}
      {open === "start" ? <StartRolloutDialog flag={flag} close={close} /> : null}
      {open !== null && open !== "start" ? <TurnDialog key={open} flag={flag} turn={open} close={close} /> : null}
    </div>
  );
}

function TurnDialog({ flag, turn, close }: { flag: Flag; turn: RolloutTurn; close: () => void }) {
  const act = useTurnRollout(flag.key, turn);
  const toast = useToast();
  const [reason, setReason] = useState("");
  const [error, setError] = useState<string>();
  const words = TURNS[turn];
  const confirm = async () => {
    if (reason.trim().length < 3) {
      setError("Say why, for whoever reads the history.");
      return focusFault();
    }
    if ((await act.run(reason.trim())) === undefined) return;
    close();
    toast({ message: words.done });
  };
  return (
    <ConfirmDialog title={`${words.act} the rollout?`} lead={flag.key} consequences={words.consequences} act={words.act} danger={turn === "rollback"} isRunning={act.isRunning} fault={act.problem} confirm={() => void confirm()} close={close}>
      <TextField label="Why" required value={reason} error={error} maxLength={500} onValue={setReason} />
    </ConfirmDialog>
  );
}
