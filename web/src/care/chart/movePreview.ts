/** Reads the server's preview of a move into sentences. */

export interface MovePreview {
  begins: string[];
  ends: string[];
  changes: string[];
}

export function readPreview(answer: unknown): MovePreview {
  const body = isRecord(answer) ? (isRecord(answer["preview"]) ? answer["preview"] : answer) : {};
  return { begins: lines(body["begins"]), ends: lines(body["ends"]), changes: lines(body["changes"]) };
}

function lines(list: unknown): string[] {
  if (!Array.isArray(list)) return [];
  return list.map((item: unknown) => {
    if (typeof item === "string") return item;
    if (!isRecord(item)) return String(item);
    const name = item["title"] ?? item["activity_key"] ?? item["name"] ?? "Activity";
    const fields = Array.isArray(item["fields"]) ? item["fields"].map((field: unknown) => (isRecord(field) ? String(field["field"] ?? "") : String(field))).filter(Boolean) : [];
    return fields.length > 0 ? `${String(name)} (${fields.join(", ").replaceAll("_", " ")})` : String(name);
  });
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
