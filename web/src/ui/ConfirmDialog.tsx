import type { ReactNode } from "react";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { type Fault, FaultNotice } from "./States";

interface ConfirmDialogProps {
  title: string;
  lead?: ReactNode;
  /** What will happen, one sentence each. */
  consequences: readonly string[];
  /** The word on the button: what is done, not "OK". */
  act: string;
  danger?: boolean;
  isRunning: boolean;
  fault: Fault | null;
  confirm: () => void;
  close: () => void;
  children?: ReactNode;
}

/** Asks before an act that matters, and says what follows from it. */
export function ConfirmDialog({ title, lead, consequences, act, danger = false, isRunning, fault, confirm, close, children }: ConfirmDialogProps) {
  return (
    <Dialog
      title={title}
      lead={lead}
      size="s"
      onClose={close}
      footer={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button look={danger ? "danger" : "primary"} isBusy={isRunning} onClick={confirm}>
            {act}
          </Button>
        </>
      }
    >
      <FaultNotice fault={fault} />
      <ul className="consequences">
        {consequences.map((consequence) => (
          <li key={consequence}>{consequence}</li>
        ))}
      </ul>
      {children}
    </Dialog>
  );
}
