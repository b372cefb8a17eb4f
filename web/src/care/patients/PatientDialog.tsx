import { type FormEvent, useRef } from "react";
import { useLocation } from "wouter";
import { usePatient, useSavePatient } from "@/api/patients";
import type { Patient, Sex } from "@/api/types";
import { browserZone, dayIn } from "@/format/dates";
import { SEX } from "@/format/words";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { useDraft } from "@/ui/drafts";
import { SelectField, TextField } from "@/ui/Field";
import { ErrorState, FaultNotice, Skeleton } from "@/ui/States";
import { useToast } from "@/ui/Toast";
import { faultsByField, missingFields, type PatientDraft, type TextName, toDraft, toInput } from "./patientForm";

/** Enrols a patient, or edits one. What was typed stays when the dialog is closed by accident. */
export function PatientDialog({ id, close }: { id: string | null; close: () => void }) {
  const patient = usePatient(id ?? "", id !== null);
  if (id === null) return <Form id={null} initial={toDraft(null, browserZone())} close={close} />;
  if (patient.data) return <Form id={id} initial={toDraft(patient.data, browserZone())} close={close} />;
  return (
    <Dialog title="Edit patient" onClose={close}>
      {patient.problem ? <ErrorState fault={patient.problem} retry={patient.retry} /> : <Skeleton rows={5} />}
    </Dialog>
  );
}

const SEXES = (Object.keys(SEX) as Sex[]).map((value) => [value, SEX[value]!] as const);

function Form({ id, initial, close }: { id: string | null; initial: PatientDraft; close: () => void }) {
  const [draft, setDraft, discard] = useDraft<PatientDraft>(`patient/${id ?? "new"}`, initial);
  const save = useSavePatient(id);
  const [, navigate] = useLocation();
  const toast = useToast();
  const form = useRef<HTMLFormElement>(null);
  const errors = { ...faultsByField(save.problem?.faults ?? []), ...(draft.wasTried ? missingFields(draft) : {}) };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const missing = missingFields(draft);
    setDraft((before) => ({ ...before, wasTried: true }));
    const [first] = Object.keys(missing);
    if (first) return form.current?.querySelector<HTMLInputElement>(`[name=${first}]`)?.focus();
    const saved: Patient | undefined = await save.run(toInput(draft));
    if (!saved) return;
    discard();
    close();
    toast({ message: id === null ? "Patient enrolled" : "Changes saved" });
    if (id === null) navigate(`/patients/${saved.id}`);
  };
  const leave = () => {
    if (id !== null) discard();
    close();
  };
  return (
    <Dialog
      title={id === null ? "New patient" : "Edit patient"}
      onClose={leave}
      footer={
        <>
          <Button onClick={leave}>Cancel</Button>
          <Button look="primary" type="submit" form="patient-form" isBusy={save.isRunning}>
            {id === null ? "Enrol patient" : "Save changes"}
          </Button>
        </>
      }
    >
      <form id="patient-form" ref={form} className="stack" onSubmit={(event) => void submit(event)} noValidate>
        <FaultNotice fault={save.problem} />
        <Fields draft={draft} setDraft={setDraft} errors={errors} />
      </form>
    </Dialog>
  );
}

interface FieldsProps {
  draft: PatientDraft;
  setDraft: (change: (before: PatientDraft) => PatientDraft) => void;
  errors: Record<string, string>;
}

function Fields({ draft, setDraft, errors }: FieldsProps) {
  const field = (name: TextName) => ({
    name,
    value: draft.values[name],
    error: errors[name],
    onValue: (value: string) => setDraft((before) => ({ ...before, values: { ...before.values, [name]: value } })),
  });
  return (
    <>
        <div className="field-pair">
          <TextField label="Given name" autoComplete="off" maxLength={100} required {...field("given_name")} />
          <TextField label="Family name" autoComplete="off" maxLength={100} required {...field("family_name")} />
        </div>
        <div className="field-pair">
          <TextField label="Date of birth" type="date" required max={dayIn(browserZone())} {...field("birth_date")} />
          <SelectField label="Sex" required options={SEXES} {...field("sex")} />
        </div>
        <div className="field-pair">
          <TextField label="E-mail" type="email" autoComplete="off" maxLength={254} {...field("email")} />
          <TextField label="Phone" type="tel" autoComplete="off" maxLength={40} {...field("phone")} />
        </div>
        <SelectField label="Time zone" required hint="Times of the plan are in this zone." options={zones(draft.values.time_zone)} {...field("time_zone")} />
        <TextField label="Patient number" autoComplete="off" maxLength={100} hint="The number in your own record system." value={draft.number} onValue={(number) => setDraft((before) => ({ ...before, number }))} error={errors["identifiers"]} />
    </>
  );
}

function zones(current: string | undefined): (readonly [string, string])[] {
  const known = Intl.supportedValuesOf("timeZone");
  const all = current && !known.includes(current) ? [current, ...known] : known;
  return ["UTC", ...all.filter((zone) => zone !== "UTC")].map((zone) => [zone, zone.replaceAll("_", " ")] as const);
}
