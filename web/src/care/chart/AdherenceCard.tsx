import { useProtocol } from "@/api/protocols";
import type { Adherence, Assignment } from "@/api/types";
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
  assignments: readonly Assignment[];
}

export function AdherenceCard({ adherence, today, assignments }: AdherenceCardProps) {
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
            <Facts data={data} today={today} assignments={assignments} />
          )
        }
      </Loaded>
    </section>
  );
}

function Facts({ data, today, assignments }: { data: Adherence; today: string; assignments: readonly Assignment[] }) {
  const weeks = data.by_week.slice(-10);
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
          <ActivityRows data={data} assignments={assignments} />
        </div>
      </div>
    </div>
  );
}

function ActivityRows({ data, assignments }: { data: Adherence; assignments: readonly Assignment[] }) {
  const rows = data.by_activity.toSorted((a, b) => (a.ratio ?? 2) - (b.ratio ?? 2));
  return (
    <ul role="list" className="activity-rows">
      {rows.map((row) => (
        <li key={`${row.assignment_id ?? ""}/${row.activity_key}`}>
          <span className="activity-name">
            <ActivityName row={row} assignment={assignments.find((assignment) => assignment.id === row.assignment_id)} />
            {row.missed > 0 ? <small className="muted number">{row.missed} missed</small> : null}
          </span>
          <AdherenceMeter ratio={row.ratio} />
        </li>
      ))}
    </ul>
  );
}

/** The title where the server gives it, else that of the protocol's activity; its key when neither is known. */
function ActivityName({ row, assignment }: { row: Adherence["by_activity"][number]; assignment: Assignment | undefined }) {
  const protocol = useProtocol(assignment?.protocol_id ?? "", !row.title && assignment !== undefined);
  const activity = protocol.data?.phases.flatMap((phase) => phase.activities ?? []).find((candidate) => candidate.key === row.activity_key);
  return <span>{row.title ?? activity?.title ?? row.activity_key.replaceAll(/[-_]/g, " ")}</span>;
}
