/** Pure: a change that a move makes, as a sentence. */
import type { PlanChange } from "@/api/types";

const FIELDS: Record<string, string> = { schedule: "other times", instructions: "other instructions", clinician_instructions: "other instructions for the care team", measurement: "other values or targets", questionnaire: "other questions", medication: "another dose", title: "another name" };

/** "Measure blood pressure (other times, planned 60 times instead of 30)" */
export function changeInWords({ title, changed, planned_before, planned_after }: PlanChange): string {
  const fields = (changed ?? []).map((field) => FIELDS[field] ?? `another ${field.replaceAll("_", " ")}`);
  const isBoth = planned_before > 0 && planned_after > 0;
  const count = planned_before === planned_after ? "" : isBoth ? `planned ${planned_after} times instead of ${planned_before}` : `${Math.max(planned_before, planned_after)} times`;
  const parts = [...fields, count].filter((part) => part !== "");
  return parts.length === 0 ? title : `${title} (${parts.join(", ")})`;
}
