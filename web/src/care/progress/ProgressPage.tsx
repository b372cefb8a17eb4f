import "./Progress.css";
import { useMeasurements, usePatientAdherence } from "@/api/patients";
import { useAccount } from "@/api/session";
import type { Adherence } from "@/api/types";
import { addDays, browserZone, dayIn } from "@/format/dates";
import { counted, percent } from "@/format/numbers";
import { ButtonLink } from "@/ui/Button";
import { Calendar } from "@/ui/charts/Calendar";
import { MeasurementCharts } from "@/ui/charts/MeasurementCharts";
import { Ring } from "@/ui/Ring";
import { WeekBars, weekLabel } from "@/ui/charts/WeekBars";
import { useAddressState } from "@/ui/navigation";
import { Page } from "@/ui/Page";
import { EmptyState, Loaded } from "@/ui/States";

const SPANS = [
  ["14", "2 weeks"],
  ["28", "4 weeks"],
  ["56", "8 weeks"],
] as const;

export default function ProgressPage() {
  const patientId = useAccount().patient_id ?? "";
  const today = dayIn(browserZone());
  const [days, setDays] = useAddressState("days", "28");
  const span = { from: addDays(today, 1 - Number(days)), to: today };
  const adherence = usePatientAdherence(patientId, span);
  const measurements = useMeasurements(patientId, span);
  return (
    <Page
      title="Progress"
      actions={
        <div className="segments" role="group" aria-label="Time shown">
          {SPANS.map(([value, label]) => (
            <button key={value} type="button" aria-pressed={days === value} onClick={() => setDays(value)}>
              {label}
            </button>
          ))}
        </div>
      }
    >
      <div className="stack" data-gap="l">
        <Loaded of={adherence} rows={6}>
          {(data) => <Doing adherence={data} today={today} />}
        </Loaded>
        <section aria-label="Measurements" className="stack">
          <h2>Measurements</h2>
          <Loaded of={measurements} rows={4}>
            {(points) =>
              points.length === 0 ? (
                <div className="card">
                  <EmptyState icon="measurement" title="No values in this time">What you measure shows here as a chart.</EmptyState>
                </div>
              ) : (
                <div className="card">
                  <MeasurementCharts points={points} timeZone={browserZone()} />
                </div>
              )
            }
          </Loaded>
        </section>
      </div>
    </Page>
  );
}

function Doing({ adherence, today }: { adherence: Adherence; today: string }) {
  const due = adherence.completed + adherence.skipped + adherence.missed;
  if (due === 0) {
    return (
      <div className="card">
        <EmptyState icon="progress" title="Nothing to show yet" action={<ButtonLink href="/today" look="primary">See today</ButtonLink>}>
          Your progress appears here after your first day.
        </EmptyState>
      </div>
    );
  }
  const weeks = adherence.by_week.slice(-8);
  return (
    <>
      <section className="card progress-hero" aria-label="In short">
        <Ring share={adherence.ratio} label={`${percent(adherence.ratio)} done`} size={112}>
          {percent(adherence.ratio)}
          <small>done</small>
        </Ring>
        <div className="progress-words">
          <p className="progress-lead">
            {adherence.completed} of {counted(due, "thing")} done
          </p>
          {adherence.streak_days > 1 ? <p>Everything done {counted(adherence.streak_days, "day")} in a row.</p> : <p className="muted">Each day counts on its own. You can go on from here.</p>}
          {adherence.skipped > 0 ? <p className="muted small">{counted(adherence.skipped, "time")} skipped with a reason</p> : null}
        </div>
      </section>
      {adherence.by_day ? (
        <section className="card" aria-label="Day by day">
          <h2>Day by day</h2>
          <Calendar title="What you did, day by day" from={adherence.from} to={adherence.to} today={today} days={adherence.by_day} isGentle />
        </section>
      ) : null}
      {weeks.length > 1 ? (
        <section className="card" aria-label="Week by week">
          <h2>Week by week</h2>
          <WeekBars title="Share done, week by week" weeks={weeks.map((week) => ({ label: weekLabel(week.week), ratio: week.ratio }))} />
        </section>
      ) : null}
    </>
  );
}
