import { type KeyboardEvent, useState } from "react";
import { addDays, dayOfMonth, daysOf, longDay, mondayOf, monthYear, shortDay, weekday } from "@/format/dates";
import { counted } from "@/format/numbers";

export interface DayRow {
  date: string;
  completed: number;
  skipped: number;
  missed: number;
}

type DayLook = "none" | "all" | "most" | "some" | "nothing";

const LEGEND: [DayLook, string][] = [
  ["all", "All done"],
  ["most", "Most done"],
  ["some", "Some done"],
  ["nothing", "Nothing done"],
  ["none", "Nothing due"],
];

export function lookOf(day: DayRow | undefined): DayLook {
  const due = day ? day.completed + day.skipped + day.missed : 0;
  if (day === undefined || due === 0) return "none";
  const ratio = day.completed / due;
  if (ratio === 1) return "all";
  if (ratio === 0) return "nothing";
  return ratio >= 0.5 ? "most" : "some";
}

export function dayInWords(date: string, day: DayRow | undefined): string {
  if (lookOf(day) === "none") return `${longDay(date)}: nothing due`;
  const parts = [
    [day!.completed, "done"],
    [day!.skipped, "skipped"],
    [day!.missed, "missed"],
  ] as const;
  return `${longDay(date)}: ${parts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`).join(", ")}`;
}

/** As `dayInWords`; days to come and the unfinished today say so. */
function wordsOf(date: string, day: DayRow | undefined, today: string): string {
  if (date > today) return `${longDay(date)}: still to come`;
  return date === today && lookOf(day) === "none" ? `${longDay(date)}: today, nothing counted yet` : dayInWords(date, day);
}

interface CalendarProps {
  title: string;
  from: string;
  to: string;
  today: string;
  days: readonly DayRow[];
  onDay?: (date: string) => void;
  /** For the patient's own eyes: a day on which nothing was done is quiet, not red. */
  isGentle?: boolean;
}

/** Adherence day by day as a calendar: weeks are rows from Monday. Arrow keys walk it; the day in focus is spelled out below. */
export function Calendar({ title, from, to, today, days, onDay, isGentle = false }: CalendarProps) {
  const byDate = new Map(days.map((day) => [day.date, day]));
  const [chosen, setChosen] = useState(today < to ? today : to);
  const first = mondayOf(from);
  const weeks: string[][] = [];
  for (let monday = first; monday <= to && weeks.length < 120; monday = addDays(monday, 7)) weeks.push(daysOf(monday, addDays(monday, 6)));
  const move = (event: KeyboardEvent<HTMLElement>) => {
    const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = addDays(chosen, step);
    if (next < from || next > to) return;
    setChosen(next);
    event.currentTarget.querySelector<HTMLElement>(`[data-date="${next}"]`)?.focus();
  };
  return (
    <figure className="chart calendar" data-gentle={isGentle || undefined}>
      <figcaption className="hidden-visually">{title}</figcaption>
      <table role="grid" aria-label={title} onKeyDown={move}>
        <thead>
          <tr>
            <td className="calendar-month" />
            {weeks[0]?.map((date) => (
              <th key={date} scope="col">
                {weekday(date)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {weeks.map((week, index) => (
            <tr key={week[0]}>
              <th scope="row" className="calendar-month">
                <span aria-hidden="true">{monthLabel(week, index)}</span>
                <span className="hidden-visually">Week of {shortDay(week[0]!)}</span>
              </th>
              {week.map((date) => (
                <Day key={date} date={date} day={byDate.get(date)} today={today} isInside={date >= from && date <= to} isChosen={date === chosen} choose={() => { setChosen(date); onDay?.(date); }} hover={() => setChosen(date)} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p className="chart-live" aria-live="polite">
        {wordsOf(chosen, byDate.get(chosen), today)}
      </p>
      <ul className="calendar-legend" role="list" aria-label="Legend">
        {LEGEND.map(([look, words]) => (
          <li key={look}>
            <span className="calendar-swatch" data-look={look} aria-hidden="true" /> {words}
          </li>
        ))}
      </ul>
    </figure>
  );
}

interface DayProps {
  date: string;
  day: DayRow | undefined;
  today: string;
  isInside: boolean;
  isChosen: boolean;
  choose: () => void;
  hover: () => void;
}

function Day({ date, day, today, isInside, isChosen, choose, hover }: DayProps) {
  if (!isInside) return <td />;
  const look = date > today ? "future" : lookOf(day);
  const words = wordsOf(date, day, today);
  return (
    <td aria-selected={isChosen}>
      <button type="button" className="calendar-day number" data-date={date} data-look={look} data-today={date === today || undefined} aria-label={words} tabIndex={isChosen ? 0 : -1} onClick={choose} onFocus={hover} onPointerEnter={hover}>
        {dayOfMonth(date)}
      </button>
    </td>
  );
}

function monthLabel(week: readonly string[], index: number): string {
  const starts = week.find((date) => dayOfMonth(date) === 1);
  if (starts) return monthYear(starts).slice(0, 3);
  return index === 0 ? monthYear(week[0]!).slice(0, 3) : "";
}

/** "41 of 48 days with everything done" */
export function calendarSummary(days: readonly DayRow[]): string {
  const due = days.filter((day) => lookOf(day) !== "none");
  return `${due.filter((day) => lookOf(day) === "all").length} of ${counted(due.length, "day")} with everything done`;
}
