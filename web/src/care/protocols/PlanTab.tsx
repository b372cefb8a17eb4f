import type { Activity, Phase, Protocol, Quantity } from "@/api/types";
import { counted, rangeText, unitText } from "@/format/numbers";
import { scheduleInWords, windowInWords } from "@/format/schedule";
import { KIND } from "@/format/words";
import { Icon, kindIcon } from "@/ui/Icon";
import { Lines } from "@/ui/Lines";
import { EmptyState } from "@/ui/States";
import { Timeline } from "./Timeline";

export function PlanTab({ protocol }: { protocol: Protocol }) {
  if (protocol.phases.length === 0) {
    return (
      <div className="card">
        <EmptyState icon="protocols" title="No phases yet">
          This draft says nothing yet about what is to be done.
        </EmptyState>
      </div>
    );
  }
  return (
    <div className="stack" data-gap="l">
      <Timeline protocol={protocol} />
      {protocol.phases.map((phase, index) => (
        <PhaseSection key={index} phase={phase} index={index} />
      ))}
    </div>
  );
}

function PhaseSection({ phase, index }: { phase: Phase; index: number }) {
  const activities = phase.activities ?? [];
  return (
    <section className="card phase" aria-label={phase.title} id={`phase-${index + 1}`}>
      <div className="card-head">
        <h2>
          <span className="phase-number number">{index + 1}</span> {phase.title}
        </h2>
        <span className="muted small number">
          Day {phase.start_day} to {phase.start_day + phase.length_days - 1} · {counted(activities.length, "activity", "activities")}
        </span>
      </div>
      {phase.description ? <p className="muted phase-description">{phase.description}</p> : null}
      <ul role="list" className="activities">
        {activities.map((activity) => (
          <ActivityItem key={activity.key} activity={activity} />
        ))}
      </ul>
    </section>
  );
}

function ActivityItem({ activity }: { activity: Activity }) {
  const window = windowInWords(activity.schedule);
  const reminders = activity.schedule?.reminders?.length ?? 0;
  return (
    <li className="activity">
      <span className="activity-icon" data-kind={activity.kind}>
        <Icon name={kindIcon(activity.kind)} />
      </span>
      <div className="activity-body">
        <div className="activity-head">
          <h3>{activity.title}</h3>
          <span className="muted small">{KIND[activity.kind]}</span>
        </div>
        <p className="activity-schedule number">
          <Icon name="clock" size={16} /> {[scheduleInWords(activity.schedule), window, reminders > 0 ? counted(reminders, "reminder") : ""].filter(Boolean).join(" · ")}
        </p>
        {activity.medication ? (
          <p>
            <span className="strong">{activity.medication.name}</span>
            {activity.medication.dose ? `, ${activity.medication.dose}` : ""}
          </p>
        ) : null}
        {activity.instructions ? <Lines text={activity.instructions} /> : null}
        {activity.clinician_instructions ? (
          <div className="activity-staff">
            <span className="muted small strong">For the care team</span>
            <Lines text={activity.clinician_instructions} />
          </div>
        ) : null}
        {activity.measurement ? <MeasurementTable measurement={activity.measurement} /> : null}
        {activity.questionnaire ? <QuestionnaireDetails activity={activity} /> : null}
      </div>
    </li>
  );
}

function MeasurementTable({ measurement }: { measurement: NonNullable<Activity["measurement"]> }) {
  const rows: Quantity[] = measurement.components?.length ? measurement.components : [measurement];
  return (
    <div className="table-plain" role="group" aria-label="What is measured" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Measured</th>
            <th scope="col">Unit</th>
            <th scope="col">Target</th>
            <th scope="col">Alert outside</th>
            <th scope="col">Plausible</th>
            <th scope="col">LOINC</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.code}>
              <td>{row.display ?? row.code}</td>
              <td>{unitText(row.unit) || "–"}</td>
              <td>{rangeText(row.target_range, row.unit) || "–"}</td>
              <td>{rangeText(row.alert_thresholds, row.unit) || "–"}</td>
              <td>{rangeText(row.plausible_range, row.unit) || "–"}</td>
              <td>{row.code}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function QuestionnaireDetails({ activity }: { activity: Activity }) {
  const { items = [], scoring } = activity.questionnaire ?? {};
  return (
    <details className="activity-details">
      <summary>
        {counted(items.filter((item) => item.type !== "display").length, "question")}
        {scoring ? `, scored by ${scoring.method}` : ""}
      </summary>
      <ol className="questions">
        {items.map((item) => (
          <li key={item.link_id} data-display={item.type === "display" || undefined}>
            {item.text}
            {item.options?.length ? <span className="muted small"> {item.options.map((option) => `${option.label ?? option.value}${option.score == null ? "" : ` (${option.score})`}`).join(" · ")}</span> : null}
          </li>
        ))}
      </ol>
      {scoring?.bands?.length ? (
        <p className="small">
          {scoring.bands.map((band) => (
            <span key={band.low} className="tag band">
              {band.low}–{band.high} {band.label}
            </span>
          ))}
        </p>
      ) : null}
    </details>
  );
}
