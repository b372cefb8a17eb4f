/** Pure: measured values into chart groups. */
import type { ChartSeries } from "./LineChart";

export interface MeasuredPoint {
  code: string;
  display?: string | null;
  unit: string;
  value: number;
  effective_at: string;
  entry_id: string;
  target_range?: { low?: number | null; high?: number | null } | null;
}

export interface ChartGroup {
  title: string;
  unit: string;
  series: ChartSeries[];
}

const MOST_IN_ONE = 3;

/** Groups codes of one unit that come from the same entries, in order of first appearance; each group is a chart. */
export function groupMeasurements(points: readonly MeasuredPoint[]): ChartGroup[] {
  const codes = new Map<string, MeasuredPoint[]>();
  for (const point of points) {
    const key = `${point.code} ${point.unit}`;
    codes.set(key, [...(codes.get(key) ?? []), point]);
  }
  const groups = new Map<string, MeasuredPoint[][]>();
  for (const [key, own] of codes) {
    const together = `${own[0]!.unit} ${own.map((point) => point.entry_id).toSorted().join()}`;
    const joined = groups.get(together);
    const isFree = joined !== undefined && joined.length < MOST_IN_ONE;
    groups.set(isFree ? together : joined ? `${together} ${key}` : together, [...(isFree ? joined : []), own]);
  }
  return [...groups.values()].map(chartGroup);
}

function chartGroup(lines: MeasuredPoint[][]): ChartGroup {
  const names = lines.map((line) => line.at(-1)!.display ?? line[0]!.code);
  const { title, labels } = commonName(names);
  const series = lines.map((line, index) => {
    const sorted = line.toSorted((a, b) => a.effective_at.localeCompare(b.effective_at));
    return { label: labels[index]!, points: sorted.map((point) => ({ at: point.effective_at, value: point.value })), target: sorted.at(-1)!.target_range ?? null };
  });
  return { title, unit: lines[0]![0]!.unit, series };
}

/** "Systolic blood pressure" and "Diastolic blood pressure" are the "Blood pressure", systolic and diastolic. */
export function commonName(names: readonly string[]): { title: string; labels: string[] } {
  if (names.length === 1) return { title: names[0]!, labels: [names[0]!] };
  const words = names.map((name) => name.split(" "));
  let shared = 0;
  while (words.every((parts) => parts.length > shared + 1 && parts.at(-1 - shared)?.toLowerCase() === words[0]!.at(-1 - shared)?.toLowerCase())) shared += 1;
  if (shared === 0) return { title: names.join(" and "), labels: [...names] };
  // "Length of wound" and "Width of wound" are of the "Wound".
  const title = words[0]!.slice(-shared).join(" ").replace(/^(of|in|on|for|at) (the )?/i, "");
  return { title: title.charAt(0).toUpperCase() + title.slice(1), labels: words.map((parts) => parts.slice(0, -shared).join(" ")) };
}
