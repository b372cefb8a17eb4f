import type { Activity, Occurrence } from "@/api/types";
import { canRecordEarly, canStillRecord, windowText } from "@/format/occurrences";
import { KIND, OCCURRENCE_STATE } from "@/format/words";
import { Button } from "@/ui/Button";
import { Icon, kindIcon } from "@/ui/Icon";
import type { OpenDialog } from "./TodayPage";
import type { DayActs } from "./useDayActs";

interface CardProps {
  occurrence: Occurrence;
  activity: Activity | undefined;
  timeZone: string;
  acts: DayActs;
  open: (dialog: OpenDialog) => void;
  /** "2 of 4" where it is to be done several times. */
  turn: string;
}

/** One thing of the day: what, when, and the one tap that does it. */
export function OccurrenceCard({ occurrence, activity, timeZone, acts, open, turn }: CardProps) {
  const isDone = occurrence.state === "completed" || occurrence.state === "skipped";
  const dose = activity?.medication?.dose;
  return (
    <li className="task" data-state={occurrence.state}>
      <span className="task-icon" aria-hidden="true">
        <Icon name={occurrence.state === "completed" ? "check" : occurrence.state === "skipped" ? "skip" : kindIcon(occurrence.kind)} size={22} />
      </span>
      <button type="button" className="task-what" onClick={() => open({ kind: "detail", id: occurrence.id })} aria-haspopup="dialog">
        <span className="task-title">{occurrence.title}</span>
        <span className="task-when number">
          <span className="hidden-visually">{KIND[occurrence.kind]}, {OCCURRENCE_STATE[occurrence.state]}, </span>
          {isDone ? OCCURRENCE_STATE[occurrence.state] : whenText(occurrence, timeZone)}
          {turn ? ` · ${turn}` : ""}
          {dose ? ` · ${dose}` : ""}
        </span>
      </button>
      <CardAct occurrence={occurrence} timeZone={timeZone} acts={acts} open={open} />
    </li>
  );
}

function whenText(occurrence: Occurrence, timeZone: string): string {
  if (occurrence.state === "missed") return canStillRecord(occurrence) ? "You can still add this" : "The time for this is over";
  return windowText(occurrence, timeZone);
}

function CardAct({ occurrence, timeZone, acts, open }: Omit<CardProps, "activity" | "turn">) {
  const { state, kind, title, id } = occurrence;
  if (state === "completed" || state === "skipped") {
    return (
      <Button look="quiet" size="s" icon="undo" disabled={!occurrence.entry_id} onClick={() => void acts.undo(occurrence)} aria-label={`Undo ${title}`}>
        Undo
      </Button>
    );
  }
  if (!canStillRecord(occurrence) && !canRecordEarly(occurrence, timeZone)) return null;
  if (kind === "measurement") {
    return (
      <Button look={state === "open" ? "primary" : "secondary"} onClick={() => open({ kind: "measure", id })} aria-label={`Enter ${title}`}>
        Enter
      </Button>
    );
  }
  if (kind === "questionnaire") {
    return (
      <Button look={state === "open" ? "primary" : "secondary"} onClick={() => open({ kind: "questionnaire", id })} aria-label={`Answer ${title}`}>
        Answer
      </Button>
    );
  }
  return (
    <button type="button" className="task-check" aria-label={`Mark ${title} done`} title="Mark done" onClick={() => void acts.complete(occurrence)}>
      <Icon name="check" size={24} />
    </button>
  );
}
