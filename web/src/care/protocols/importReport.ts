/** Reads the report of an import: what became a plan, what is kept and shown, what was mended, what was refused. */

export type ImportOutcome = "understood" | "kept" | "adjusted" | "refused" | "ignored";

export interface Finding {
  outcome: ImportOutcome;
  file: string;
  pointer: string;
  detail: string;
}

export interface ImportReport {
  protocols: { id: string; title: string }[];
  findings: Finding[];
}

const OUTCOMES = new Set(["understood", "kept", "adjusted", "refused", "ignored"]);

/** Findings lie beside the protocols and inside each of them; an operation carries both in its result. */
export function readReport(answer: unknown): ImportReport {
  const body = isRecord(answer) && isRecord(answer["result"]) ? answer["result"] : answer;
  if (!isRecord(body)) return { protocols: [], findings: [] };
  const protocols = records(body["protocols"]);
  return {
    protocols: protocols.map((item) => ({ id: text(item["id"] ?? item["protocol_id"]), title: text(item["title"]) })).filter((item) => item.id !== ""),
    findings: [...records(body["report"]), ...protocols.flatMap((item) => records(item["report"]))].flatMap(readFinding),
  };
}

function readFinding(item: Record<string, unknown>): Finding[] {
  const outcome = text(item["outcome"]);
  // Membership in the set is what makes it an outcome.
  return OUTCOMES.has(outcome) ? [{ outcome: outcome as ImportOutcome, file: text(item["file"]), pointer: text(item["pointer"]), detail: text(item["detail"]) }] : [];
}

/** The id of the operation to wait for, when the import was not done at once. */
export function operationOf(answer: unknown): string | null {
  if (!isRecord(answer) || !("progress" in answer)) return null;
  return answer["status"] === "queued" || answer["status"] === "running" ? text(answer["id"]) : null;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const records = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value.filter(isRecord) : []);
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
