/** Reads the result of a bulk assignment: how many, and for whom not and why. */

export interface BulkOutcome {
  assigned: number;
  leftOut: { reason: string; count: number }[];
}

const REASONS: readonly (readonly [string, string])[] = [
  ["already_assigned", "follow this protocol already"],
  ["archived", "archived"],
  ["unknown", "not found"],
  ["failed", "could not be assigned"],
];

/** `result` is that of the operation: counts under the names of the outcomes. */
export function readOutcome(result: object | null | undefined): BulkOutcome {
  const counts = new Map(Object.entries(result ?? {}).map(([name, count]: [string, unknown]) => [name, typeof count === "number" ? count : 0]));
  const leftOut = REASONS.map(([name, reason]) => ({ reason, count: counts.get(name) ?? 0 })).filter(({ count }) => count > 0);
  return { assigned: counts.get("assigned") ?? counts.get("would_assign") ?? 0, leftOut };
}
