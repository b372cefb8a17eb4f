/** Numbers, units and shares for people. Units come as UCUM codes. */

const UNITS: Record<string, string> = {
  "mm[Hg]": "mmHg",
  "/min": "/min",
  "{beats}/min": "beats/min",
  "{steps}": "steps",
  "{steps}/d": "steps/day",
  "{score}": "",
  "{count}": "",
  "1": "",
  Cel: "°C",
  "[degF]": "°F",
  "[lb_av]": "lb",
  "[in_i]": "in",
  "L/min": "L/min",
  ug: "µg",
  deg: "°",
  d: "days",
  h: "hours",
  min: "min",
  wk: "weeks",
};

/** A UCUM code as a nurse writes it; codes that read well already stay ("mmol/L", "kg"). */
export const unitText = (ucum: string): string => UNITS[ucum] ?? ucum.replaceAll(/[{}[\]]/g, "").replaceAll("_", " ");

/** At most `digits` decimals, none that are zero. */
export const decimal = (value: number, digits = 2): string =>
  new Intl.NumberFormat("en", { maximumFractionDigits: digits, useGrouping: Math.abs(value) >= 10_000 }).format(value);

/** "132 mmHg", "36.8 °C", "45°" */
export function quantity(value: number, ucum: string): string {
  const unit = unitText(ucum);
  if (unit === "") return decimal(value);
  return unit === "°" || unit === "%" ? `${decimal(value)}${unit === "%" ? " %" : "°"}` : `${decimal(value)} ${unit}`;
}

/** "86 %", or "–" when nothing was due: unknown is not zero. */
export const percent = (ratio: number | null | undefined): string => (ratio == null ? "–" : `${Math.round(ratio * 100)} %`);

/** A typed number: "12,5" and "12.5" are both twelve and a half. Null when it is not a number. */
export function parseDecimal(text: string): number | null {
  const cleaned = text.trim().replace(",", ".");
  return /^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(cleaned) ? Number(cleaned) : null;
}

/** "90–135 mmHg", "at most 135 mmHg", "at least 90 mmHg", or "" for no range. */
export function rangeText(range: { low?: number | null; high?: number | null } | null | undefined, ucum: string): string {
  const low = range?.low ?? null;
  const high = range?.high ?? null;
  if (low !== null && high !== null) return `${decimal(low)}–${quantity(high, ucum)}`;
  if (high !== null) return `at most ${quantity(high, ucum)}`;
  if (low !== null) return `at least ${quantity(low, ucum)}`;
  return "";
}

/** Where a value lies: inside the range, below or above it. */
export function standing(value: number, range: { low?: number | null; high?: number | null } | null | undefined): "inside" | "below" | "above" {
  if (range?.low != null && value < range.low) return "below";
  if (range?.high != null && value > range.high) return "above";
  return "inside";
}

/** "1 task", "3 tasks" */
export const counted = (count: number, one: string, many = `${one}s`): string => `${decimal(count)} ${count === 1 ? one : many}`;

/** "a, b and c" */
export function listed(parts: string[], joint = "and"): string {
  if (parts.length < 2) return parts[0] ?? "";
  return `${parts.slice(0, -1).join(", ")} ${joint} ${parts.at(-1)}`;
}

/** "45 min", "2 h", "1 h 30 min", "3 days" */
export function minutesText(minutes: number): string {
  if (minutes >= 1440 && minutes % 1440 === 0) return counted(minutes / 1440, "day");
  const hours = Math.floor(minutes / 60);
  const rest = Math.round(minutes % 60);
  if (hours === 0) return `${rest} min`;
  return rest === 0 ? `${hours} h` : `${hours} h ${rest} min`;
}
