/** Pure parts of entering values. The server decides; this asks early. */
import type { Measurement, Quantity } from "@/api/types";
import { parseDecimal, standing } from "@/format/numbers";

/** What was typed, by code. */
export type Typed = Record<string, string>;

export interface TypedValue {
  code: string;
  value: number;
  unit: string;
}

/** The quantities to enter: the components of a panel (blood pressure), else the measurement itself. */
export const quantitiesOf = (measurement: Measurement): Quantity[] => (measurement.components?.length ? measurement.components : [measurement]);

export function readValues(quantities: readonly Quantity[], typed: Typed): { values: TypedValue[] | null; errors: Record<string, string> } {
  const errors: Record<string, string> = {};
  const values: TypedValue[] = [];
  for (const { code, unit } of quantities) {
    const text = (typed[code] ?? "").trim();
    const value = parseDecimal(text);
    if (text === "") errors[code] = "Enter the value that you measured";
    else if (value === null) errors[code] = "Write it as a number, such as 72 or 36.8";
    else values.push({ code, value, unit });
  }
  return { values: Object.keys(errors).length === 0 ? values : null, errors };
}

/** The codes whose value is outside its plausible range (care-rules §4.3): they need a "yes". */
export const implausible = (quantities: readonly Quantity[], values: readonly TypedValue[]): string[] =>
  values.filter((value) => standing(value.value, quantities.find((item) => item.code === value.code)?.plausible_range) !== "inside").map((value) => value.code);
