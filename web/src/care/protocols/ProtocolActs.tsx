import { useState } from "react";
import { useLocation } from "wouter";
import { exportHref, useProtocolCommand } from "@/api/protocols";
import { useMay } from "@/api/session";
import type { Protocol } from "@/api/types";
import { Button } from "@/ui/Button";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import { Menu, type MenuItem } from "@/ui/Menu";
import { useToast } from "@/ui/Toast";

const FORMATS = [
  ["native-yaml", "HealthProtocol YAML"],
  ["native-json", "HealthProtocol JSON"],
  ["fhir", "FHIR R4 bundle"],
  ["radar", "RADAR schedule"],
] as const;

type Asked = "publish" | "retire" | null;

/** Publish, retire, duplicate and export, of the newest version. */
export function ProtocolActs({ protocol }: { protocol: Protocol }) {
  const [asked, setAsked] = useState<Asked>(null);
  const mayWrite = useMay("protocol.write");
  const mayPublish = useMay("protocol.publish");
  const duplicate = useProtocolCommand(protocol.id, "duplicate");
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
      <Menu label="Export this protocol" text="Export" items={FORMATS.map(([format, label]) => ({ label, icon: "download" as const, href: exportHref(protocol.id, protocol.version, format) }))} />
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
      {act.problem && act.problem.faults.length > 0 ? (
        <ul className="report-list">
          {act.problem.faults.map((fault) => (
            <li key={fault.pointer}>
              {fault.detail} <code>{fault.pointer}</code>
            </li>
          ))}
        </ul>
      ) : null}
    </ConfirmDialog>
  );
}
