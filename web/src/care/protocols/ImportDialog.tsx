import { useState } from "react";
import { useImport } from "@/api/protocols";
import type { Finding, ImportReport } from "@/api/types";
import { counted } from "@/format/numbers";
import { Button, ButtonLink } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { FileDrop } from "@/ui/FileDrop";
import { FaultNotice, Notice, Progress } from "@/ui/States";

const MAX_BYTES = 10 * 1024 * 1024;
const AT_ONCE = 100;

/** One file in; a report out, of what was understood, kept and refused. Nothing is ever half imported. */
export function ImportDialog({ close }: { close: () => void }) {
  const upload = useImport();
  const [report, setReport] = useState<ImportReport | null>(null);
  const [fault, setFault] = useState<string>();
  const send = async (file: File | undefined) => {
    setFault(undefined);
    if (file === undefined) return;
    if (file.size > MAX_BYTES) return setFault("The file is larger than 10 MB. Split it into one file for each protocol.");
    const answer = await upload.run({ name: file.name, content: await file.text() });
    if (answer !== undefined) setReport(answer);
  };
  if (report) return <ReportDialog report={report} close={close} />;
  return (
    <Dialog title="Import a protocol" lead="FHIR R4 PlanDefinition or Bundle, RADAR schedule, or HealthProtocol YAML and JSON." onClose={close}>
      <FaultNotice fault={upload.problem} />
      {upload.problem && upload.problem.faults.length > 0 ? (
        <ul className="report-list">
          {upload.problem.faults.slice(0, AT_ONCE).map((item, index) => (
            <li key={index}>
              {item.detail} <code>{item.pointer}</code>
            </li>
          ))}
        </ul>
      ) : null}
      {fault ? <Notice title={fault} /> : null}
      {upload.isRunning ? <Progress done={0} total={null} label="Import" /> : <FileDrop hint=".json, .yaml, up to 10 MB" accept=".json,.yaml,.yml,application/json,application/yaml,application/fhir+json" take={(file) => void send(file)} />}
      <p className="muted small">What cannot be carried out, such as CQL conditions, is kept, shown, and exported unchanged. A file with a fault is refused as a whole, with the place and the reason.</p>
    </Dialog>
  );
}

const SECTIONS: readonly (readonly [Finding["outcome"], string, "danger" | "warning" | "accent" | "good"])[] = [
  ["refused", "Refused", "danger"],
  ["adjusted", "Mended", "warning"],
  ["kept", "Kept and shown, not carried out", "accent"],
  ["ignored", "Not looked at", "accent"],
  ["understood", "Understood", "good"],
];

function ReportDialog({ report, close }: { report: ImportReport; close: () => void }) {
  const [only] = report.protocols;
  return (
    <Dialog
      title={report.protocols.length > 0 ? `${counted(report.protocols.length, "protocol")} imported` : "Nothing was imported"}
      size="l"
      onClose={close}
      footer={
        <>
          <Button onClick={close}>Close</Button>
          {report.protocols.length === 1 && only ? (
            <ButtonLink look="primary" href={`/protocols/${only.id}`}>
              Open the protocol
            </ButtonLink>
          ) : null}
        </>
      }
    >
      {report.protocols.length > 1 ? (
        <ul className="report-list">
          {report.protocols.map((item) => (
            <li key={item.id}>
              <a href={`/protocols/${item.id}`}>{item.title}</a>
            </li>
          ))}
        </ul>
      ) : null}
      {SECTIONS.map(([outcome, title, tone]) => (
        <Section key={outcome} title={title} tone={tone} findings={report.report.filter((finding) => finding.outcome === outcome)} isOpen={outcome !== "understood" && outcome !== "ignored"} />
      ))}
    </Dialog>
  );
}

function Section({ title, tone, findings, isOpen }: { title: string; tone: "danger" | "warning" | "accent" | "good"; findings: Finding[]; isOpen: boolean }) {
  if (findings.length === 0) return null;
  return (
    <Notice tone={tone}>
      <details open={isOpen}>
        <summary className="strong">
          {title} <span className="number">({findings.length})</span>
        </summary>
        <ul className="report-list">
          {findings.slice(0, AT_ONCE).map((finding, index) => (
            <li key={index}>
              {finding.detail} {finding.pointer ? <code>{finding.pointer}</code> : null}
            </li>
          ))}
          {findings.length > AT_ONCE ? <li>and {findings.length - AT_ONCE} more</li> : null}
        </ul>
      </details>
    </Notice>
  );
}
