import { usePatientAssignments } from "@/api/assignments";
import { usePatient } from "@/api/patients";
import { useProtocol } from "@/api/protocols";
import { useAccount, useSignOut } from "@/api/session";
import type { Assignment } from "@/api/types";
import { fullDay } from "@/format/dates";
import { fullName } from "@/format/words";
import { StatusBadge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { Page } from "@/ui/Page";
import { EmptyState, Loaded } from "@/ui/States";
import { ThemeChoice } from "@/ui/ThemeChoice";

export default function MorePage() {
  const account = useAccount();
  const patientId = account.patient_id ?? "";
  const patient = usePatient(patientId, patientId !== "");
  const assignments = usePatientAssignments(patientId);
  const signOut = useSignOut();
  return (
    <Page title="More">
      <div className="stack">
        <section className="card">
          <h2>My plans</h2>
          <Loaded of={assignments} rows={2}>
            {({ items }) =>
              items.length === 0 ? (
                <EmptyState icon="protocols" title="No plan yet">Your care team can give you one.</EmptyState>
              ) : (
                <ul role="list" className="stack">
                  {items.map((assignment) => (
                    <Plan key={assignment.id} assignment={assignment} />
                  ))}
                </ul>
              )
            }
          </Loaded>
        </section>
        <section className="card">
          <h2>About me</h2>
          <Loaded of={patient} rows={2}>
            {(record) => (
              <dl className="facts">
                <dt>Name</dt>
                <dd>{fullName(record)}</dd>
                <dt>Born</dt>
                <dd>{fullDay(record.birth_date)}</dd>
                <dt>Signs in as</dt>
                <dd>{account.email}</dd>
                <dt>Time zone</dt>
                <dd>{record.time_zone ?? "–"}</dd>
              </dl>
            )}
          </Loaded>
        </section>
        <section className="card">
          <h2>Colours</h2>
          <ThemeChoice />
        </section>
        <section className="card">
          <h2>Privacy</h2>
          <p className="muted">Only your care team sees what you enter. Every look at your record is written down. Nothing stays on this device after you sign out.</p>
        </section>
        <div>
          <Button size="l" icon="leave" isBusy={signOut.isRunning} onClick={() => void signOut.run()}>
            Sign out
          </Button>
        </div>
      </div>
    </Page>
  );
}

function Plan({ assignment }: { assignment: Assignment }) {
  const protocol = useProtocol(assignment.protocol_id, !assignment.protocol_title);
  return (
    <li className="row-between">
      <div>
        <p className="strong">{assignment.protocol_title ?? protocol.data?.title ?? "Care plan"}</p>
        <p className="muted small number">
          {fullDay(assignment.starts_on)} to {fullDay(assignment.ends_on)}
        </p>
      </div>
      <StatusBadge of="assignment" status={assignment.status} />
    </li>
  );
}
