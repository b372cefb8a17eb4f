import type { Adherence } from "@/api/types";
import { counted, percent } from "@/format/numbers";
import { adherenceWord } from "@/format/words";
import { AdherenceMeter } from "@/ui/Badge";
import { Calendar, calendarSummary } from "@/ui/charts/Calendar";
import { Ring } from "@/ui/Ring";
import { WeekBars, weekLabel } from "@/ui/charts/WeekBars";
import { EmptyState, type Fetched, Loaded } from "@/ui/States";

interface AdherenceCardProps {
  adherence: Fetched<Adherence>;
  today: string;
}

export function AdherenceCard({ adherence, today }: AdherenceCardProps) {
  return (
    <section className="card" aria-label="Adherence">
      <h2>Adherence</h2>
      <Loaded of={adherence} rows={6}>
        {(data) =>
          data.completed + data.skipped + data.missed === 0 ? (
            <EmptyState icon="progress" title="Nothing was due in this time">
              Adherence shows as soon as the first window has closed.
            </EmptyState>
          ) : (
            <Facts data={data} today={today} />
          )
        }
      </Loaded>
    </section>
  );
}

function Facts({ data, today }: { data: Adherence; today: string }) {
  const weeks = data.by_week.slice(-8);
  return (
    <div className="stack" data-gap="l">
      <div className="adherence-head">
        <Ring share={data.ratio} label={`Adherence ${percent(data.ratio)}`} size={104}>
          {percent(data.ratio)}
        </Ring>
        <div>
          <p className="adherence-lead">{adherenceWord(data.ratio)}</p>
          <p className="muted number">
            {data.completed} done · {data.skipped} skipped · {data.missed} missed
          </p>
          <p className="muted number">
            {percent(data.on_time_ratio)} on time{data.streak_days > 1 ? ` · everything done ${counted(data.streak_days, "day")} in a row` : ""}
          </p>
        </div>
        {weeks.length > 1 ? <WeekBars title="Adherence by week" weeks={weeks.map((week) => ({ label: weekLabel(week.week), ratio: week.ratio }))} /> : null}
      </div>
      <div className="adherence-split">
        {data.by_day ? (
          <div>
            <h3 className="section-title">
              By day <span className="muted small">{calendarSummary(data.by_day)}</span>
            </h3>
            <Calendar title="Adherence by day" from={data.from} to={data.to} today={today} days={data.by_day} />
          </div>
        ) : null}
        <div>
          <h3 className="section-title">By activity</h3>
          <ActivityRows data={data} />
        </div>
      </div>
    </div>
  );
}

function ActivityRows({ data }: { data: Adherence }) {
  const rows = data.by_activity.toSorted((a, b) => (a.ratio ?? 2) - (b.ratio ?? 2));
  return (
    <ul role="list" className="activity-rows">
      {rows.map((row) => (
        <li key={row.activity_key}>
          <span className="activity-name">
            <span>{row.title ?? row.activity_key.replaceAll(/[-_]/g, " ")}</span>
            {row.missed > 0 ? <small className="muted number">{row.missed} missed</small> : null}
          </span>
          <AdherenceMeter ratio={row.ratio} />
        </li>
      ))}
    </ul>
  );
}
