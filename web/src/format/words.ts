/** The words of the app for the codes of the API: one place, one word each. */

export const KIND: Record<string, string> = {
  task: "Task",
  measurement: "Measurement",
  medication: "Medication",
  exercise: "Exercise",
  questionnaire: "Questionnaire",
  education: "Reading",
  appointment: "Appointment",
};

export const OCCURRENCE_STATE: Record<string, string> = {
  not_yet_open: "Later",
  open: "To do",
  completed: "Done",
  skipped: "Skipped",
  missed: "Missed",
  not_applicable: "Not needed",
};

export const ASSIGNMENT_STATUS: Record<string, string> = {
  proposed: "Proposed",
  active: "Active",
  paused: "Paused",
  completed: "Completed",
  stopped: "Stopped",
  entered_in_error: "Entered in error",
};

export const PROTOCOL_STATUS: Record<string, string> = { draft: "Draft", active: "Published", retired: "Retired" };

export const PATIENT_STATUS: Record<string, string> = { active: "Active", archived: "Archived", erased: "Erased" };

export const SEX: Record<string, string> = { female: "Female", male: "Male", other: "Other", unknown: "Not recorded" };

export const ROLE: Record<string, string> = {
  admin: "Administrator",
  clinician: "Clinician",
  coordinator: "Care coordinator",
  auditor: "Auditor",
  patient: "Patient",
  service: "Service",
};

/** The word for an adherence ratio, so that colour is never alone. */
export function adherenceWord(ratio: number | null | undefined): "Nothing due yet" | "On track" | "Slipping" | "Off track" {
  if (ratio == null) return "Nothing due yet";
  if (ratio >= 0.8) return "On track";
  return ratio >= 0.5 ? "Slipping" : "Off track";
}

export const adherenceTone = (ratio: number | null | undefined): "neutral" | "good" | "warning" | "danger" =>
  ratio == null ? "neutral" : ratio >= 0.8 ? "good" : ratio >= 0.5 ? "warning" : "danger";

export const fullName = (person: { given_name: string; family_name: string }): string => `${person.given_name} ${person.family_name}`.trim();

/** Family name first, as lists are read: "Weser, Anna". */
export const listName = (person: { given_name: string; family_name: string }): string =>
  [person.family_name, person.given_name].filter(Boolean).join(", ");

export const initials = (person: { given_name: string; family_name: string }): string =>
  `${person.given_name.charAt(0)}${person.family_name.charAt(0)}`.toUpperCase();
