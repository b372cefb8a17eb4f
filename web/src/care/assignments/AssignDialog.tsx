import "./Assign.css";
import { useState } from "react";
import { useSearchParams } from "wouter";
import { useHistoryState } from "wouter/use-browser-location";
import { useAssign } from "@/api/assignments";
import { usePatient } from "@/api/patients";
import { useProtocol, useProtocolVersion } from "@/api/protocols";
import type { PatientRow, Protocol } from "@/api/types";
import { browserZone, dayIn, fullDay } from "@/format/dates";
import { counted } from "@/format/numbers";
import { fullName } from "@/format/words";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { FaultNotice } from "@/ui/States";
import { useToast } from "@/ui/Toast";
import { BulkCheck } from "./BulkCheck";
import { CheckStep, PatientsStep, ProtocolStep, StartStep } from "./steps";

type Step = "protocol" | "patients" | "start" | "check";

const ORDER: readonly Step[] = ["protocol", "patients", "start", "check"];
const TITLES: Record<Step, string> = { protocol: "Which protocol?", patients: "For whom?", start: "When does it start?", check: "Check and assign" };

/** What is chosen so far. `ids` are patients selected in a list; `people` those picked here, with their names. */
export interface Choice {
  protocolId: string;
  ids: readonly string[];
  people: readonly PatientRow[];
  startsOn: string;
}

/**
 * Assigns a protocol to one patient or many. Opened from any page by `?assign=1`, with `protocol=` and `patient=` as far
 * as they are known; a selection of many comes in the history entry.
 */
export default function AssignDialog() {
  const [parameters, setParameters] = useSearchParams();
  // Only this app writes history state; what is not its shape is ignored.
  const state = useHistoryState<{ patientIds?: string[] } | null>();
  const patientId = parameters.get("patient") ?? "";
  const [choice, setChoice] = useState<Choice>(() => ({
    protocolId: parameters.get("protocol") ?? "",
    ids: state?.patientIds ?? (patientId ? [patientId] : []),
    people: [],
    startsOn: dayIn(browserZone()),
  }));
  const fixed = { protocol: parameters.get("protocol") !== null, patients: choice.ids.length > 0 };
  const steps = ORDER.filter((step) => !(step === "protocol" && fixed.protocol) && !(step === "patients" && fixed.patients));
  const [step, setStep] = useState<Step>(steps[0]!);
  const close = () =>
    setParameters((before) => {
      const next = new URLSearchParams(before);
      for (const name of ["assign", "protocol", "patient"]) next.delete(name);
      return next;
    }, { replace: true, state: history.state as unknown });
  const at = steps.indexOf(step);
  const go = (by: number) => setStep(steps[at + by] ?? step);
  const update = (change: Partial<Choice>) => setChoice((before) => ({ ...before, ...change }));
  const shell = { choice, update, back: at > 0 ? () => go(-1) : null, next: () => go(1), close, lead: `Step ${at + 1} of ${steps.length}`, title: TITLES[step] };
  const count = choice.ids.length + choice.people.length;
  if (step === "protocol") return <ProtocolStep {...shell} />;
  if (step === "patients") return <PatientsStep {...shell} />;
  if (step === "start") return <StartStep {...shell} />;
  return count === 1 ? <CheckOne {...shell} /> : <BulkCheck {...shell} />;
}

export interface StepProps {
  choice: Choice;
  update: (change: Partial<Choice>) => void;
  back: (() => void) | null;
  next: () => void;
  close: () => void;
  title: string;
  lead: string;
}

/** The protocol to assign, as it is published: a newer draft is not given to anyone. */
export function usePublished(protocolId: string): { protocol: Protocol | undefined; version: number } {
  const newest = useProtocol(protocolId, protocolId !== "");
  const isDraft = newest.data?.status === "draft";
  const before = newest.data ? newest.data.version - 1 : 0;
  const former = useProtocolVersion(protocolId, before, isDraft && before > 0);
  const protocol = isDraft ? former.data : newest.data;
  return { protocol, version: protocol?.version ?? 0 };
}

function CheckOne({ choice, back, close, title, lead }: StepProps) {
  const [id] = choice.ids;
  const read = usePatient(id ?? "", id !== undefined);
  const patient = read.data ?? choice.people[0];
  const { protocol, version } = usePublished(choice.protocolId);
  const assign = useAssign();
  const toast = useToast();
  const act = async () => {
    if (!protocol || !patient) return;
    const made = await assign.run({ protocol_id: protocol.id, version, patient_id: patient.id, starts_on: choice.startsOn });
    if (made === undefined) return;
    toast({ message: `Assigned: ${protocol.title}, from ${fullDay(choice.startsOn)}` });
    close();
  };
  return (
    <Dialog
      title={title}
      lead={lead}
      onClose={close}
      footer={
        <>
          {back ? <Button onClick={back}>Back</Button> : null}
          <Button look="primary" isBusy={assign.isRunning || !protocol || !patient} onClick={() => void act()}>
            Assign
          </Button>
        </>
      }
    >
      <FaultNotice fault={assign.problem ?? read.problem} />
      {protocol && patient ? <CheckStep protocol={protocol} startsOn={choice.startsOn} who={fullName(patient)} zone={patient.time_zone ?? browserZone()} /> : null}
    </Dialog>
  );
}

export const peopleInWords = (choice: Choice): string => counted(choice.ids.length + choice.people.length, "patient");

