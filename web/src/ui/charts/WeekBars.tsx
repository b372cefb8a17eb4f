import { shortDay } from "@/format/dates";
import { percent } from "@/format/numbers";
import { adherenceTone } from "@/format/words";

export interface WeekRow {
  /** The week's name in words or its Monday. */
  label: string;
  ratio: number | null;
}

/** Adherence week by week: a bar each, its number above. Read by a screen reader as a list. */
export function WeekBars({ title, weeks }: { title: string; weeks: readonly WeekRow[] }) {
  return (
    <figure className="chart">
      <figcaption className="hidden-visually">{title}</figcaption>
      <ol className="bars" role="list" aria-label={title}>
        {weeks.map((week) => (
          <li key={week.label}>
            <span className="bars-value number">{percent(week.ratio)}</span>
            <span className="bars-track" aria-hidden="true">
              <span className="bars-fill" data-tone={adherenceTone(week.ratio)} style={{ height: `${Math.max(week.ratio === null ? 0 : 3, (week.ratio ?? 0) * 100)}%` }} />
            </span>
            <span className="bars-label">{week.label}</span>
          </li>
        ))}
      </ol>
    </figure>
  );
}

/** The Monday of an ISO week such as "2026-W47", as "16 Nov"; other names stay. */
export function weekLabel(week: string): string {
  const found = /^(\d{4})-W(\d{2})$/.exec(week);
  if (found === null) return /^\d{4}-\d{2}-\d{2}/.test(week) ? shortDay(week) : week;
  const fourth = new Date(Date.UTC(Number(found[1]), 0, 4));
  const monday = fourth.getTime() - ((fourth.getUTCDay() + 6) % 7) * 86_400_000 + (Number(found[2]) - 1) * 604_800_000;
  return shortDay(new Date(monday).toISOString());
}
