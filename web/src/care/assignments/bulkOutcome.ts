/** Reads the result of a bulk assignment: how many, and for whom not and why. */

export interface BulkOutcome {
  assigned: number;
  leftOut: { reason: string; count: number }[];
}

const REASONS: Record<string, string> = {
  not_found: "no such patient",
  archived: "archived",
  already_assigned: "follows this protocol already",
  already_active: "follows this protocol already",
  refused: "refused",
};

export function readOutcome(result: unknown): BulkOutcome {
  const body = isRecord(result) ? result : {};
  const done = body["assigned"] ?? body["would_assign"] ?? body["created"] ?? body["count"] ?? 0;
  return { assigned: Array.isArray(done) ? done.length : Number(done) || 0, leftOut: leftOut(body["skipped"] ?? body["refused"] ?? body["left_out"]) };
}

/** Counts by reason: a list of {patient_id, reason}, or counts under the names of the reasons. */
function leftOut(given: unknown): BulkOutcome["leftOut"] {
  const counts = new Map<string, number>();
  if (Array.isArray(given)) {
    for (const item of given) {
      const reason = isRecord(item) ? String(item["reason"] ?? item["code"] ?? "refused") : "refused";
      counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
  } else if (isRecord(given)) {
    for (const [reason, count] of Object.entries(given)) if (Number(count) > 0) counts.set(reason, Number(count));
  } else if (Number(given) > 0) counts.set("refused", Number(given));
  return [...counts].map(([reason, count]) => ({ reason: REASONS[reason] ?? reason.replaceAll("_", " "), count }));
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
