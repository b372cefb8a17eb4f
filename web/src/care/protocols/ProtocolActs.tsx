import { useState } from "react";
import { useLocation } from "wouter";
import { type ExportFormat, useExport, useProtocolCommand } from "@/api/protocols";
import { useMay } from "@/api/session";
import type { ApiProblem } from "@/api/problem";
import type { Protocol } from "@/api/types";
import { Button } from "@/ui/Button";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import { Dialog } from "@/ui/Dialog";
import { FaultNotice } from "@/ui/States";
import { Menu, type MenuItem } from "@/ui/Menu";
import { useToast } from "@/ui/Toast";

const FORMATS: readonly (readonly [ExportFormat, string])[] = [
  ["native-yaml", "HealthProtocol YAML"],
  ["native-json", "HealthProtocol JSON"],
  ["fhir", "FHIR R4 bundle"],
  ["radar", "RADAR schedule"],
];

type Asked = "publish" | "retire" | null;

/** Publish, retire, duplicate and export, of the newest version. */
export function ProtocolActs({ protocol }: { protocol: Protocol }) {
  const [asked, setAsked] = useState<Asked>(null);
  const mayWrite = useMay("protocol.write");
  const mayPublish = useMay("protocol.publish");
  const duplicate = useProtocolCommand(protocol.id, "duplicate");
  const file = useExport(protocol.id, protocol.version);
  const [, navigate] = useLocation();
  const toast = useToast();
  const copy = async () => {
    const made = await duplicate.run();
    if (made === undefined) return toast({ tone: "danger", message: "The protocol was not duplicated. Try again in a moment." });
    toast({ message: "Copied into a new draft" });
    navigate(`/protocols/${made.id}`);
  };
  const acts: MenuItem[] = [
    ...(mayWrite ? [{ label: "Duplicate", icon: "copy" as const, onSelect: () => void copy() }] : []),
    ...(mayPublish
      ? [{ label: "Retire…", icon: "archive" as const, danger: true, disabledBecause: protocol.status === "retired" ? "It is retired already." : undefined, onSelect: () => setAsked("retire") }]
      : []),
  ];
  return (
    <>
      {mayPublish && protocol.status === "draft" ? (
        <Button look="primary" icon="publish" onClick={() => setAsked("publish")}>
          Publish
        </Button>
      ) : null}
      <Menu label="Export this protocol" text="Export" items={FORMATS.map(([format, label]) => ({ label, icon: "download" as const, onSelect: () => void file.run(format) }))} />
      {file.problem ? (
        <Dialog title="This file was not made" size="s" onClose={file.reset}>
          <FaultNotice fault={file.problem} />
          <Faults problem={file.problem} />
        </Dialog>
      ) : null}
      {acts.length > 0 ? <Menu label="More for this protocol" items={acts} /> : null}
      {asked ? <AskDialog key={asked} command={asked} protocol={protocol} close={() => setAsked(null)} /> : null}
    </>
  );
}

const WORDING = {
  publish: {
    title: "Publish this version?",
    act: "Publish",
    done: "Published",
    consequences: ["It can be assigned from now on.", "A published version never changes; editing it begins the next draft.", "Running plans stay on the version they have until someone moves them."],
  },
  retire: {
    title: "Retire this protocol?",
    act: "Retire",
    done: "Retired",
    consequences: ["It can no longer be assigned.", "Running plans go on to their end.", "It stays in the library under “Retired”."],
  },
};

function AskDialog({ command, protocol, close }: { command: "publish" | "retire"; protocol: Protocol; close: () => void }) {
  const act = useProtocolCommand(protocol.id, command);
  const toast = useToast();
  const wording = WORDING[command];
  const confirm = async () => {
    if ((await act.run()) === undefined) return;
    toast({ message: `${wording.done}: ${protocol.title}` });
    close();
  };
  return (
    <ConfirmDialog title={wording.title} lead={`${protocol.title}, version ${protocol.version}`} act={wording.act} danger={command === "retire"} consequences={wording.consequences} isRunning={act.isRunning} fault={act.problem} confirm={() => void confirm()} close={close}>
      <Faults problem={act.problem} />
    </ConfirmDialog>
  );
}

/** Every place that stands in the way, with its reason. */
function Faults({ problem }: { problem: ApiProblem | null }) {
  if (!problem || problem.faults.length === 0) return null;
  return (
    <ul className="report-list">
      {problem.faults.map((fault, index) => (
        <li key={index}>
          {fault.detail} <code>{fault.pointer}</code>
        </li>
      ))}
    </ul>
  );
}
