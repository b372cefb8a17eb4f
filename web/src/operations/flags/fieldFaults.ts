/** What the server refused of a form, at the field that it is about. */
import type { ApiProblem } from "@/api/problem";

/**
 * The details by the name of their field: "/rules/0/until_at" is "rules.0.until_at", and what is wrong below a list of
 * plain values is told at the list. Those that no field of the form is named after are left to the notice above it.
 */
export function fieldFaults(problem: ApiProblem | null, names: Readonly<Record<string, string>> = {}): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { pointer, detail } of problem?.faults ?? []) {
    const parts = pointer.slice(1).split("/");
    const path = parts.slice(0, parts.length > 2 ? 3 : parts.length).map((part) => names[part] ?? part);
    found[path.join(".")] ??= detail;
  }
  return found;
}

/** Puts the cursor into the first field that is marked as wrong, once it is marked. */
export const focusFault = (): void => void setTimeout(() => document.querySelector<HTMLElement>('dialog [aria-invalid="true"]')?.focus());
