import "./Today.css";
import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { activitiesOf } from "@/api/activities";
import { useToday } from "@/api/patients";
import { useAccount } from "@/api/session";
import type { Occurrence, Today } from "@/api/types";
import { addDays, dayIn, daysBetween, longDay, nearDay } from "@/format/dates";
import { counted } from "@/format/numbers";
import { turnText } from "@/format/occurrences";
import { IconButton } from "@/ui/Button";
import { Ring } from "@/ui/Ring";
import { useAddressState } from "@/ui/navigation";
import { Page } from "@/ui/Page";
import { EmptyState, Loaded } from "@/ui/States";
import { OccurrenceCard } from "./OccurrenceCard";
import { useDayActs } from "./useDayActs";

const DayDialog = lazy(() => import("./DayDialog"));

const BACK_DAYS = 7;

export type OpenDialog = { kind: "detail" | "measure" | "questionnaire" | "skip"; id: string } | null;

export default function TodayPage() {
  const patientId = useAccount().patient_id ?? "";
  const [date, setDate] = useAddressState("date");
  const day = useToday(patientId, date || undefined);
  const today = dayIn(day.data?.time_zone);
  const shown = day.data?.date ?? (date || today);
  const go = (days: number) => {
    const next = addDays(shown, days);
    setDate(next === today ? "" : next);
  };
  const back = daysBetween(shown, today);
  return (
    <Page title="Today" hideHeading heading={shown === today ? "Today" : longDay(shown)}>
      <div className="day-nav">
        <IconButton icon="left" label="Day before" disabled={back >= BACK_DAYS} onClick={() => go(-1)} />
        <div>
          <p className="day-near">{nearDay(shown, today)}</p>
          <p className="day-name">{longDay(shown)}</p>
        </div>
        <IconButton icon="right" label="Day after" disabled={back <= -BACK_DAYS} onClick={() => go(1)} />
      </div>
      <Loaded of={day} rows={5}>
        {(data) => <Day data={data} patientId={patientId} date={date || undefined} today={today} />}
      </Loaded>
    </Page>
  );
}

interface DayProps {
  data: Today;
  patientId: string;
  date: string | undefined;
  today: string;
}

function Day({ data, patientId, date, today }: DayProps) {
  const [dialog, setDialog] = useState<OpenDialog>(null);
  const activityOf = activitiesOf(data);
  const acts = useDayActs(patientId, date);
  // The dialogs come after the first paint, before the first tap.
  useEffect(() => void import("./DayDialog"), []);
  const shown = data.occurrences.filter((occurrence) => occurrence.state !== "not_applicable");
  if (shown.length === 0) {
    return (
      <EmptyState icon="sun" title={data.date === today ? "Nothing to do today" : "Nothing planned this day"}>
        <p>{data.date === today ? "Enjoy your day. What comes next is under the arrow at the top." : "Use the arrows at the top to see other days."}</p>
      </EmptyState>
    );
  }
  const sameTurn = (occurrence: Occurrence) =>
    shown.filter((other) => other.assignment_id === occurrence.assignment_id && other.activity_key === occurrence.activity_key && other.planned_local === occurrence.planned_local).length;
  const card = (occurrence: Occurrence) => (
    <OccurrenceCard key={occurrence.id} occurrence={occurrence} activity={activityOf(occurrence)} timeZone={data.time_zone} acts={acts} open={setDialog} turn={turnText(occurrence, sameTurn(occurrence))} />
  );
  const opened = dialog === null ? undefined : shown.find((occurrence) => occurrence.id === dialog.id);
  return (
    <>
      <DaySummary data={data} isToday={data.date === today} />
      {groupsOf(shown, data.date === today).map(({ title, items }) => (
        <Group key={title} title={title} count={items.length}>
          {items.map(card)}
        </Group>
      ))}
      <Suspense fallback={null}>{dialog && opened ? <DayDialog dialog={dialog} set={setDialog} occurrence={opened} activity={activityOf(opened)} timeZone={data.time_zone} acts={acts} /> : null}</Suspense>
    </>
  );
}

function groupsOf(occurrences: readonly Occurrence[], isToday: boolean): { title: string; items: Occurrence[] }[] {
  const groups: [string, Occurrence["state"][]][] = [
    [isToday ? "To do now" : "To do", ["open"]],
    [isToday ? "Later today" : "Planned", ["not_yet_open"]],
    ["Not done", ["missed"]],
    ["Done", ["completed", "skipped"]],
  ];
  return groups.map(([title, states]) => ({ title, items: inOrder(occurrences.filter((occurrence) => states.includes(occurrence.state)), states) })).filter(({ items }) => items.length > 0);
}

/** What closes first comes first among the open; the rest by the time it was planned for. */
const inOrder = (occurrences: Occurrence[], states: readonly string[]): Occurrence[] =>
  occurrences.toSorted((a, b) => (states[0] === "open" && a.closes_at !== b.closes_at ? a.closes_at.localeCompare(b.closes_at) : a.planned_at.localeCompare(b.planned_at)));

function Group({ title, count, children }: { title: string; count: number; children: ReactNode }) {
  return (
    <section className="day-group" aria-label={title}>
      <h2>
        {title} <span className="number muted">{count}</span>
      </h2>
      <ul role="list">{children}</ul>
    </section>
  );
}

function DaySummary({ data, isToday }: { data: Today; isToday: boolean }) {
  const open = data.occurrences.filter((occurrence) => occurrence.state === "open").length;
  const total = data.occurrences.filter((occurrence) => occurrence.state !== "not_applicable").length;
  const done = data.occurrences.filter((occurrence) => occurrence.state === "completed" || occurrence.state === "skipped").length;
  const later = data.occurrences.filter((occurrence) => occurrence.state === "not_yet_open").length;
  const words =
    done === total ? "All done. Well done!" : open > 0 ? `${counted(open, "thing")} to do now` : later > 0 ? "Nothing to do right now" : "You can still add what you did";
  return (
    <div className="day-summary" role="status">
      <Ring share={total === 0 ? null : done / total} label={`${done} of ${total} done`} size={76}>
        {done}/{total}
      </Ring>
      <div>
        <p className="day-words">{words}</p>
        <p className="muted small">{isToday && later > 0 ? `${later} more later today` : `${done} of ${total} done`}</p>
      </div>
    </div>
  );
}
