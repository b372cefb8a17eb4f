import type { OccurrenceDialogProps } from "./DetailDialog";
import { DetailDialog } from "./DetailDialog";
import { MeasureDialog } from "./MeasureDialog";
import { QuestionnaireDialog } from "./QuestionnaireDialog";
import { SkipDialog } from "./SkipDialog";
import type { OpenDialog } from "./TodayPage";

interface DayDialogProps extends Omit<OccurrenceDialogProps, "close"> {
  dialog: NonNullable<OpenDialog>;
  set: (dialog: OpenDialog) => void;
}

/** Whichever dialog of the day is open. */
export default function DayDialog({ dialog, set, ...rest }: DayDialogProps) {
  const close = () => set(null);
  if (dialog.kind === "measure") return <MeasureDialog {...rest} close={close} />;
  if (dialog.kind === "questionnaire") return <QuestionnaireDialog {...rest} close={close} />;
  if (dialog.kind === "skip") return <SkipDialog {...rest} close={close} />;
  return <DetailDialog {...rest} close={close} open={set} />;
}
