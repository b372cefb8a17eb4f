import type { Activity, Occurrence } from "@/api/types";
import { longDay } from "@/format/dates";
import { rangeText } from "@/format/numbers";
import { canRecordEarly, canStillRecord, windowText } from "@/format/occurrences";
import { KIND } from "@/format/words";
import { StatusBadge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Lines } from "@/ui/Lines";
import type { OpenDialog } from "./TodayPage";
import type { DayActs } from "./useDayActs";

export interface OccurrenceDialogProps {
  occurrence: Occurrence;
  activity: Activity | undefined;
  timeZone: string;
  acts: DayActs;
  close: () => void;
}

/** How to do it, and everything that can be done with it. */
export function DetailDialog({ occurrence, activity, timeZone, acts, close, open }: OccurrenceDialogProps & { open: (dialog: OpenDialog) => void }) {
  const { kind, state, id } = occurrence;
  const isDone = state === "completed" || state === "skipped";
  const canRecord = canStillRecord(occurrence) || canRecordEarly(occurrence, timeZone);
  const target = activity?.measurement ? rangeText(activity.measurement.target_range, activity.measurement.unit) : "";
  const complete = () => {
    close();
    void acts.complete(occurrence);
  };
  const footer = isDone ? (
    <Button icon="undo" size="l" disabled={!occurrence.entry_id} onClick={() => { close(); void acts.undo(occurrence); }}>
      Undo
    </Button>
  ) : canRecord ? (
    <>
      <Button look="quiet" size="l" icon="skip" onClick={() => open({ kind: "skip", id })}>
        Skip
      </Button>
      {kind === "measurement" || kind === "questionnaire" ? (
        <Button look="primary" size="l" onClick={() => open({ kind: kind === "measurement" ? "measure" : "questionnaire", id })}>
          {kind === "measurement" ? "Enter value" : "Answer"}
        </Button>
      ) : (
        <Button look="primary" size="l" icon="check" onClick={complete}>
          Done
        </Button>
      )}
    </>
  ) : undefined;
  return (
    <Dialog title={occurrence.title} lead={KIND[kind]} onClose={close} footer={footer}>
      <div className="row">
        <StatusBadge of="occurrence" status={state} />
        <span className="muted number">
          {longDay(occurrence.planned_local)} · {windowText(occurrence, timeZone)}
        </span>
      </div>
      {activity?.medication ? (
        <p className="strong">
          {activity.medication.name}
          {activity.medication.dose ? `, ${activity.medication.dose}` : ""}
        </p>
      ) : null}
      {activity?.instructions ? <Lines text={activity.instructions} /> : <p className="muted">There are no further instructions.</p>}
      {target ? <p className="muted">Your target: {target}</p> : null}
      {state === "missed" && canRecord ? <p className="muted">The planned time has passed. You can still add what you did; it will be marked as late.</p> : null}
    </Dialog>
  );
}
