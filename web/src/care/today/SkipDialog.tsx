import { useState } from "react";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Choice, TextField } from "@/ui/Field";
import { FaultNotice } from "@/ui/States";
import type { OccurrenceDialogProps } from "./DetailDialog";

const REASONS = ["I felt unwell", "I had no time", "I forgot", "I did not have what I needed", "My care team told me to", "Another reason"] as const;
const OTHER = "Another reason";

export function SkipDialog({ occurrence, acts, close }: OccurrenceDialogProps) {
  const [reason, setReason] = useState<(typeof REASONS)[number] | null>(null);
  const [other, setOther] = useState("");
  const [error, setError] = useState<string>();
  const submit = async () => {
    const text = reason === OTHER ? other.trim() : reason;
    if (!text) return setError(reason === OTHER ? "Write the reason in a few words" : "Choose a reason");
    if (await acts.skip(occurrence, text)) close();
  };
  return (
    <Dialog
      title={`Skip “${occurrence.title}”`}
      lead="Your care team sees that you skipped it, and why. You can undo it."
      onClose={close}
      footer={
        <>
          <Button size="l" onClick={close}>
            Keep it
          </Button>
          <Button size="l" look="primary" isBusy={acts.isRunning} onClick={() => void submit()}>
            Skip
          </Button>
        </>
      }
    >
      <FaultNotice fault={acts.problem} />
      <Choice legend="Why?" name="reason" value={reason} onValue={setReason} error={reason === OTHER ? undefined : error} options={REASONS.map((value) => ({ value, label: value }))} />
      {reason === OTHER ? <TextField label="Reason" required maxLength={200} value={other} onValue={setOther} error={error} /> : null}
    </Dialog>
  );
}
