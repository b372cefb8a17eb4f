import type { FileKind, FileKindColumns } from "@/api/types";

interface Kind {
  kind: FileKind;
  title: string;
  /** One and many, in a sentence. */
  one: string;
  many: string;
}

export const KINDS: readonly Kind[] = [
  { kind: "patients", title: "Patients", one: "patient", many: "patients" },
  { kind: "assignments", title: "Plans", one: "plan", many: "plans" },
  { kind: "entries", title: "Entries", one: "entry", many: "entries" },
];

export const kindOf = (kind: FileKind): Kind => KINDS.find((one) => one.kind === kind)!;

/** A file with nothing but the names of the columns, to fill in. */
export const templateOf = (columns: FileKindColumns): string => `${columns.columns.map((column) => column.name).join(",")}\r\n`;

/** "1.4 MB", "312 KB", "12 bytes": decimal, as the systems of today say it. */
export function bytesText(bytes: number): string {
  const units = ["bytes", "KB", "MB", "GB"];
  const step = Math.min(units.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** step;
  return `${step > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[step]}`;
}

export interface Counts {
  dry_run: boolean;
  lines: number;
  created: number;
  updated: number;
  skipped: number;
  failed: number;
}

const NAMES = ["lines", "created", "updated", "skipped", "failed"] as const;

/** The counts in an operation's result; null before the first lines were counted. */
export function countsOf(result: Record<string, unknown> | null | undefined): Counts | null {
  if (!result || NAMES.some((name) => typeof result[name] !== "number")) return null;
  const [lines, created, updated, skipped, failed] = NAMES.map((name) => Number(result[name]));
  return { dry_run: result["dry_run"] === true, lines: lines!, created: created!, updated: updated!, skipped: skipped!, failed: failed! };
}
