import "./Reader.css";
import type { ReactNode } from "react";
import { Link, useParams } from "wouter";
import { useProtocol, useProtocolVersion } from "@/api/protocols";
import type { Protocol } from "@/api/types";
import { fullDay } from "@/format/dates";
import { counted } from "@/format/numbers";
import { StatusBadge } from "@/ui/Badge";
import { ButtonLink } from "@/ui/Button";
import { Icon } from "@/ui/Icon";
import { useAddressState } from "@/ui/navigation";
import { Page } from "@/ui/Page";
import { RichText } from "@/ui/RichText";
import { EmptyState, Loaded, Notice } from "@/ui/States";
import { Tabs } from "@/ui/Tabs";
import { PlanTab } from "./PlanTab";
import { ProtocolActs } from "./ProtocolActs";
import { VersionsTab } from "./VersionsTab";
import { WeekTab } from "./WeekTab";

export default function ReaderPage() {
  const { id = "" } = useParams<{ id: string }>();
  const [asked] = useAddressState("version");
  const newest = useProtocol(id);
  const wanted = Number(asked) || 0;
  const isOther = newest.data !== undefined && wanted > 0 && wanted !== newest.data.version;
  const other = useProtocolVersion(id, wanted, isOther);
  const shown = isOther ? other : newest;
  const protocol = shown.data;
  return (
    <Page
      title="Protocol"
      heading={protocol?.title ?? "Protocol"}
      above={
        <Link href="/protocols" className="back no-print">
          <Icon name="left" size={16} /> Protocols
        </Link>
      }
      lead={protocol ? <Facts protocol={protocol} /> : undefined}
      actions={newest.data && protocol ? <Acts newest={newest.data} shown={protocol} /> : undefined}
    >
      <Loaded of={shown} rows={8}>
        {(data) => <Reader protocol={data} newest={newest.data ?? data} />}
      </Loaded>
    </Page>
  );
}

function Acts({ newest, shown }: { newest: Protocol; shown: Protocol }) {
  return (
    <>
      {shown.status === "active" && newest.status !== "retired" ? (
        <ButtonLink href={`?assign=1&protocol=${shown.id}`} look="primary" icon="plus">
          Assign
        </ButtonLink>
      ) : null}
      <ProtocolActs protocol={newest} />
    </>
  );
}

function Facts({ protocol }: { protocol: Protocol }) {
  const activities = protocol.phases.reduce((count, phase) => count + (phase.activities?.length ?? 0), 0);
  return (
    <div className="reader-facts number">
      <StatusBadge of="protocol" status={protocol.status} />
      <span>Version {protocol.version}</span>
      {protocol.published_at ? <span>published {fullDay(protocol.published_at)}</span> : null}
      <span>{counted(protocol.duration_days, "day")}</span>
      <span>{counted(protocol.phases.length, "phase")}</span>
      <span>{counted(activities, "activity", "activities")}</span>
      {protocol.category ? <span>{protocol.category}</span> : null}
      {protocol.tags.map((name) => (
        <span key={name} className="tag">
          {name}
        </span>
      ))}
    </div>
  );
}

type TabKey = "plan" | "week" | "text" | "versions" | "kept";

function Reader({ protocol, newest }: { protocol: Protocol; newest: Protocol }) {
  const [tab, setTab] = useAddressState("tab", "plan");
  const kept = protocol.kept ?? [];
  const tabs: { key: TabKey; label: string; content: ReactNode }[] = [
    { key: "plan", label: "Plan", content: <PlanTab protocol={protocol} /> },
    { key: "week", label: "Patient’s week", content: <WeekTab protocol={protocol} /> },
    { key: "text", label: "Text", content: <TextTab protocol={protocol} /> },
    { key: "versions", label: "Versions", content: <VersionsTab protocol={protocol} newest={newest} /> },
    ...(kept.length > 0 ? [{ key: "kept" as const, label: `Kept (${kept.length})`, content: <KeptTab protocol={protocol} /> }] : []),
  ];
  return (
    <>
      {protocol.version === newest.version ? null : (
        <div className="reader-notice">
          <Notice tone="accent" title={`You are reading version ${protocol.version}.`}>
            <p>
              The newest is <Link href={`/protocols/${protocol.id}`}>version {newest.version}</Link>.
            </p>
          </Notice>
        </div>
      )}
      {protocol.description ? <p className="reader-description">{protocol.description}</p> : null}
      <Tabs label="Protocol" tabs={tabs} value={tab} onValue={setTab} />
    </>
  );
}

function TextTab({ protocol }: { protocol: Protocol }) {
  if (!protocol.content && !protocol.patient_content) return <EmptyState icon="protocols" title="This protocol has no text" />;
  return (
    <div className="reader-texts">
      {protocol.content ? (
        <section className="card">
          <h2>For the care team</h2>
          <RichText html={protocol.content} />
        </section>
      ) : null}
      {protocol.patient_content ? (
        <section className="card">
          <h2>For the patient</h2>
          <RichText html={protocol.patient_content} />
        </section>
      ) : null}
    </div>
  );
}

/** What the imported file says and this system does not carry out. */
function KeptTab({ protocol }: { protocol: Protocol }) {
  return (
    <section className="card">
      <h2>Kept from the imported file</h2>
      <p className="muted">These parts are not carried out. They are shown here so that nobody relies on them, and exported unchanged.</p>
      <ul role="list" className="kept">
        {(protocol.kept ?? []).map((item, index) => (
          <li key={`${item.pointer}/${index}`}>
            <p className="strong">{item.what}</p>
            <pre>{item.text}</pre>
            {item.pointer ? <code className="muted small">{item.pointer}</code> : null}
          </li>
        ))}
      </ul>
    </section>
  );
}
