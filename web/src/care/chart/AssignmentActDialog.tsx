import { useState } from "react";
import { type AssignmentCommand, useAssignmentCommand } from "@/api/assignments";
import type { Assignment } from "@/api/types";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import { Choice, TextField } from "@/ui/Field";
import { useToast } from "@/ui/Toast";

export type AssignmentAct = AssignmentCommand["kind"];

interface Wording {
  question: string;
  button: string;
  done: string;
  danger?: boolean;
  consequences: string[];
  reason?: "optional" | "required";
}

const WORDING: Record<AssignmentAct, Wording> = {
  pause: {
    question: "Pause this plan?",
    button: "Pause",
    done: "Plan paused",
    reason: "required",
    consequences: ["From now on nothing is due, and nothing counts as missed.", "The patient sees that the plan is paused.", "You can resume it at any time."],
  },
  resume: { question: "Resume this plan?", button: "Resume", done: "Plan resumed", consequences: ["From now on the patient has things to do again."] },
  stop: {
    question: "Stop this plan?",
    button: "Stop plan",
    done: "Plan stopped",
    danger: true,
    reason: "required",
    consequences: ["Nothing more is due, and the plan cannot be resumed.", "Everything recorded so far is kept."],
  },
  complete: {
    question: "Complete this plan?",
    button: "Complete",
    done: "Plan completed",
    consequences: ["The plan counts as finished before its last day, and cannot be resumed.", "Everything recorded so far is kept."],
  },
};

interface ActDialogProps {
  assignment: Assignment;
  title: string;
  act: AssignmentAct;
  close: () => void;
}

/** Asks before a plan changes: what follows, why, and for a resumed plan whether its end moves too. */
export function AssignmentActDialog({ assignment, title, act, close }: ActDialogProps) {
  const command = useAssignmentCommand(assignment.id);
  const toast = useToast();
  const [reason, setReason] = useState("");
  const [error, setError] = useState<string>();
  const [shift, setShift] = useState<"shift" | "keep">("shift");
  const wording = WORDING[act];
  const confirm = async () => {
    if (wording.reason === "required" && reason.trim() === "") return setError("Write the reason in a few words; it is kept with the plan");
    const changed = await command.run(commandOf(act, reason.trim(), shift === "shift"));
    if (changed === undefined) return;
    toast({ message: wording.done });
    close();
  };
  return (
    <ConfirmDialog title={wording.question} lead={title} act={wording.button} danger={wording.danger ?? false} consequences={wording.consequences} isRunning={command.isRunning} fault={command.problem} confirm={() => void confirm()} close={close}>
      {wording.reason ? <TextField label="Reason" required={wording.reason === "required"} maxLength={500} value={reason} onValue={(value) => { setReason(value); setError(undefined); }} error={error} /> : null}
      {act === "resume" ? (
        <Choice
          legend="The days that were paused"
          name="shift"
          value={shift}
          onValue={setShift}
          options={[
            { value: "shift", label: "Add them at the end", hint: "The rest of the plan moves by the days paused." },
            { value: "keep", label: "Leave them out", hint: "The plan ends on the day it was meant to." },
          ]}
        />
      ) : null}
    </ConfirmDialog>
  );
}

function commandOf(kind: AssignmentAct, reason: string, shift: boolean): AssignmentCommand {
  if (kind === "pause") return { kind, reason };
  if (kind === "stop") return { kind, reason };
  return kind === "resume" ? { kind, shift } : { kind };
}
