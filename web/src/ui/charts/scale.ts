/** Pure arithmetic of the charts. */

export interface Scale {
  (value: number): number;
  ticks: number[];
}

/** Maps a range of values onto pixels. */
export function linear(domain: readonly [number, number], range: readonly [number, number], tickCount = 5): Scale {
  const [low, high] = domain;
  const [start, end] = range;
  const span = high - low || 1;
  const scale = (value: number) => start + ((value - low) / span) * (end - start);
  return Object.assign(scale, { ticks: niceTicks(low, high, tickCount) });
}

/** Round numbers inside a range: multiples of 1, 2, 2.5 or 5 times a power of ten. */
export function niceTicks(low: number, high: number, count: number): number[] {
  if (!(high > low)) return [low];
  const raw = (high - low) / count;
  const magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * magnitude >= raw) ?? 10) * magnitude;
  const first = Math.ceil(low / step);
  const last = Math.floor(high / step);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** The extent of values with room above and below; the bounds of a target belong to it. */
export function extent(values: readonly number[], alsoShown: readonly (number | null | undefined)[] = []): [number, number] {
  const all = [...values, ...alsoShown.filter((bound): bound is number => bound != null)];
  if (all.length === 0) return [0, 1];
  const low = Math.min(...all);
  const high = Math.max(...all);
  const room = (high - low || Math.abs(high) || 1) * 0.1;
  // Nothing that is measured from zero up shows a negative axis.
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}

/** An SVG path through points; a gap longer than `maxGap` in x is not drawn over. */
export function linePath(points: readonly (readonly [number, number])[], gaps: readonly boolean[] = []): string {
  return points.map(([x, y], index) => `${index === 0 || gaps[index] ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}
