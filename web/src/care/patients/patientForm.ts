/** Pure parts of the patient form: what is typed, what is sent, where a refusal belongs. */
import type { Identifier, Patient, PatientInput, Sex } from "@/api/types";

export type TextName = "given_name" | "family_name" | "birth_date" | "sex" | "email" | "phone" | "time_zone";

export interface PatientDraft {
  values: Record<TextName, string>;
  /** The patient number, and the identifiers of other systems that stay as they are. */
  number: string;
  others: Identifier[];
  wasTried: boolean;
}

export const NUMBER_SYSTEM = "urn:healthprotocol:patient-number";

export function toDraft(patient: Patient | null, timeZone: string): PatientDraft {
  const identifiers = patient?.identifiers ?? [];
  // The first identifier is the one that the form shows, whatever system it is of.
  const [first, ...others] = identifiers;
  return {
    values: {
      given_name: patient?.given_name ?? "",
      family_name: patient?.family_name ?? "",
      birth_date: patient?.birth_date ?? "",
      sex: patient?.sex ?? "unknown",
      email: patient?.email ?? "",
      phone: patient?.phone ?? "",
      time_zone: patient?.time_zone ?? timeZone,
    },
    number: first?.value ?? "",
    others: first ? [{ ...first }, ...others] : [],
    wasTried: false,
  };
}

export function toInput(draft: PatientDraft): PatientInput & { time_zone: string } {
  const { values } = draft;
  const text = (name: TextName) => values[name].trim();
  const [first, ...rest] = draft.others;
  const number = draft.number.trim();
  const own = number === "" ? [] : [{ system: first?.system ?? NUMBER_SYSTEM, value: number }];
  const identifiers = [...own, ...rest];
  return {
    given_name: text("given_name"),
    family_name: text("family_name"),
    birth_date: text("birth_date"),
    // The select offers only the codes of Sex.
    sex: text("sex") as Sex,
    email: text("email") || null,
    phone: text("phone") || null,
    time_zone: text("time_zone"),
    identifiers,
  };
}

const REQUIRED: readonly (readonly [TextName, string])[] = [
  ["given_name", "Enter the given name"],
  ["family_name", "Enter the family name"],
  ["birth_date", "Enter the date of birth"],
];

export const missingFields = (draft: PatientDraft): Record<string, string> =>
  Object.fromEntries(REQUIRED.filter(([name]) => draft.values[name].trim() === ""));

/** The server's faults under the names of the fields: "/identifiers/0/value" belongs to "identifiers". */
export function faultsByField(faults: readonly { pointer: string; detail: string }[]): Record<string, string> {
  return Object.fromEntries(faults.map((fault) => [fault.pointer.split("/")[1] ?? "", fault.detail]));
}
