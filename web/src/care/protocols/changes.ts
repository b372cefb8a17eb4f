/** Pure: a changed field in the words of a clinician. */
import type { Measurement, Questionnaire, Schedule } from "@/api/types";
import { plainText } from "@/format/html";
import { counted, listed, rangeText } from "@/format/numbers";
import { scheduleInWords, windowInWords } from "@/format/schedule";
import { KIND } from "@/format/words";

const NAMES: Record<string, string> = {
  duration_days: "Length",
  start_day: "Starts on day",
  length_days: "Length",
  content: "Text for the care team",
  patient_content: "Text for the patient",
  instructions: "Instructions",
  clinician_instructions: "For the care team",
  questionnaire: "Questions",
};

export const fieldName = (field: string): string => NAMES[field] ?? field.charAt(0).toUpperCase() + field.slice(1).replaceAll("_", " ");

const MOST = 300;

/** What a field was or is; "nothing" when it was absent. Shapes are those of the protocol, by the field's name. */
export function valueInWords(field: string, value: unknown): string {
  if (value == null || value === "" || (Array.isArray(value) && value.length === 0)) return "nothing";
  if (field === "schedule") return [scheduleInWords(value as Schedule), windowInWords(value as Schedule)].filter(Boolean).join(" · ");
  if (field === "measurement") return measurementInWords(value as Measurement);
  if (field === "questionnaire") return questionnaireInWords(value as Questionnaire);
  if (field === "duration_days" || field === "length_days") return counted(Number(value), "day");
  if (field === "content" || field === "patient_content") return shortened(plainText(String(value)));
  if (field === "kind") return KIND[String(value)] ?? String(value);
  if (Array.isArray(value)) return listed(value.map(String));
  if (typeof value === "object") return listed(Object.values(value).filter((part) => part !== null).map(String));
  return shortened(String(value));
}

const shortened = (text: string): string => (text.length > MOST ? `${text.slice(0, MOST)}…` : text);

function measurementInWords(measurement: Measurement): string {
  const rows = measurement.components?.length ? measurement.components : [measurement];
  return rows.map((row) => [row.display ?? row.code, rangeText(row.target_range, row.unit) && `target ${rangeText(row.target_range, row.unit)}`].filter(Boolean).join(", ")).join("; ");
}

function questionnaireInWords(questionnaire: Questionnaire): string {
  return counted(questionnaire.items?.length ?? 0, "question") + (questionnaire.scoring ? `, scored by ${questionnaire.scoring.method}` : "");
}
