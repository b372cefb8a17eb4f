import { useState } from "react";
import { Link } from "wouter";
import { useAssignmentAdherence } from "@/api/assignments";
import { useProtocol } from "@/api/protocols";
import type { Assignment, Page, Patient } from "@/api/types";
import { daysBetween, fullDay } from "@/format/dates";
import { counted } from "@/format/numbers";
import { AdherenceMeter, StatusBadge } from "@/ui/Badge";
import { ButtonLink } from "@/ui/Button";
import { Menu, type MenuItem } from "@/ui/Menu";
import { EmptyState, type Fetched, Loaded } from "@/ui/States";
import { AssignmentActDialog, type AssignmentAct } from "./AssignmentActDialog";
import { MoveDialog } from "./MoveDialog";

interface AssignmentsCardProps {
  patient: Patient;
  assignments: Fetched<Page<Assignment>>;
  today: string;
}

const RUNNING = new Set(["active", "paused", "proposed"]);

export function AssignmentsCard({ patient, assignments, today }: AssignmentsCardProps) {
  return (
    <section className="card" aria-label="Plans">
      <h2>Plans</h2>
      <Loaded of={assignments} rows={3}>
        {({ items }) => {
          const running = items.filter((assignment) => RUNNING.has(assignment.status));
          const ended = items.filter((assignment) => !RUNNING.has(assignment.status));
          if (items.length === 0) {
            const action = patient.status === "active" ? <ButtonLink href={`?assign=1&patient=${patient.id}`} look="primary">Assign a protocol</ButtonLink> : undefined;
            return (
              <EmptyState icon="protocols" title="No plan yet" action={action}>
                Give this patient a protocol to follow.
              </EmptyState>
            );
          }
          return (
            <>
              <ul role="list" className="plans">
                {running.map((assignment) => (
                  <Plan key={assignment.id} assignment={assignment} today={today} />
                ))}
              </ul>
              {ended.length > 0 ? (
                <details className="plans-ended">
                  <summary>{counted(ended.length, "ended plan")}</summary>
                  <ul role="list" className="plans">
                    {ended.map((assignment) => (
                      <Plan key={assignment.id} assignment={assignment} today={today} />
                    ))}
                  </ul>
                </details>
              ) : null}
            </>
          );
        }}
      </Loaded>
    </section>
  );
}

type Opened = AssignmentAct | "move" | null;

function Plan({ assignment, today }: { assignment: Assignment; today: string }) {
  const protocol = useProtocol(assignment.protocol_id);
  const to = today < assignment.ends_on ? today : assignment.ends_on;
  const adherence = useAssignmentAdherence(assignment.id, { from: assignment.starts_on, to }, assignment.starts_on <= today);
  const [opened, setOpened] = useState<Opened>(null);
  const title = protocol.data?.title ?? assignment.protocol_title ?? "Plan";
  const close = () => setOpened(null);
  return (
    <li className="plan">
      <div className="plan-head">
        <div>
          <Link href={`/protocols/${assignment.protocol_id}?version=${assignment.version}`} className="plan-title">
            {title}
          </Link>
          <p className="row plan-facts">
            <StatusBadge of="assignment" status={assignment.status} />
            <span className="muted small">version {assignment.version}</span>
          </p>
        </div>
        <div className="no-print">{RUNNING.has(assignment.status) ? <Menu label={`Change ${title}`} items={actsOf(assignment, protocol.data?.version, setOpened)} /> : null}</div>
      </div>
      <PlanTime assignment={assignment} today={today} />
      {assignment.starts_on <= today ? <AdherenceMeter ratio={adherence.data?.ratio} /> : null}
      {opened === "move" ? <MoveDialog assignment={assignment} title={title} today={today} close={close} /> : null}
      {opened !== null && opened !== "move" ? <AssignmentActDialog assignment={assignment} title={title} act={opened} close={close} /> : null}
    </li>
  );
}

function PlanTime({ assignment, today }: { assignment: Assignment; today: string }) {
  const length = daysBetween(assignment.starts_on, assignment.ends_on) + 1;
  const day = daysBetween(assignment.starts_on, today) + 1;
  const words = day < 1 ? `starts in ${counted(1 - day, "day")}` : day > length ? `${counted(length, "day")}` : `day ${day} of ${length}`;
  return (
    <div className="plan-time number">
      <span className="plan-bar" aria-hidden="true">
        <span style={{ width: `${Math.max(0, Math.min(100, (day / length) * 100))}%` }} />
      </span>
      <span className="muted small">
        {fullDay(assignment.starts_on)} – {fullDay(assignment.ends_on)} · {words}
      </span>
    </div>
  );
}

function actsOf(assignment: Assignment, newest: number | undefined, open: (act: Opened) => void): MenuItem[] {
  const isActive = assignment.status === "active";
  const hasOther = newest !== undefined && (newest > 1 || newest !== assignment.version);
  return [
    ...(isActive ? [{ label: "Pause…", icon: "pause" as const, onSelect: () => open("pause") }] : []),
    ...(assignment.status === "paused" ? [{ label: "Resume…", icon: "play" as const, onSelect: () => open("resume") }] : []),
    { label: "Move to another version…", icon: "move", disabledBecause: hasOther ? undefined : "There is only this version.", onSelect: () => open("move") },
    ...(isActive ? [{ label: "Complete…", icon: "check" as const, onSelect: () => open("complete") }] : []),
    { label: "Stop…", icon: "stop", danger: true, onSelect: () => open("stop") },
  ];
}
