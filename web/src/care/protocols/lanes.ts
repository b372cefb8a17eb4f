/**
 * Pure: which plan days the picture marks for an activity. A picture, not the plan: it counts days from the phase's
 * start and knows no weekdays, zones or clock changes; what is due is the server's arithmetic (care-rules §2).
 */

interface ScheduleLike {
  boundsDuration?: { value: number; unit: string } | null;
  count?: number | null;
  period?: number | null;
  periodUnit?: string | null;
  dayOfWeek?: readonly string[] | null;
  timeOfDay?: readonly string[] | null;
  when?: readonly string[] | null;
  offsets_minutes?: readonly number[] | null;
}

interface ActivityLike {
  key: string;
  schedule?: ScheduleLike | null;
}

interface PhaseLike<A> {
  start_day: number;
  length_days: number;
  activities?: readonly A[];
}

export interface Mark {
  day: number;
  length: number;
}

export interface Lane<A> {
  activity: A;
  marks: Mark[];
}

const DAYS: Record<string, number> = { d: 1, wk: 7, mo: 30, a: 365 };

export function lanesOf<A extends ActivityLike>(protocol: { phases: readonly PhaseLike<A>[] }): Lane<A>[] {
  const lanes = new Map<string, Lane<A>>();
  for (const phase of protocol.phases) {
    for (const activity of phase.activities ?? []) {
      const lane = lanes.get(activity.key) ?? { activity, marks: [] };
      lane.marks.push(...marksOf(activity.schedule ?? {}, phase));
      lanes.set(activity.key, lane);
    }
  }
  return [...lanes.values()];
}

export function marksOf(schedule: ScheduleLike, phase: { start_day: number; length_days: number }): Mark[] {
  const bound = schedule.boundsDuration ? Math.ceil(schedule.boundsDuration.value * (DAYS[schedule.boundsDuration.unit] ?? 1)) : phase.length_days;
  const length = Math.min(phase.length_days, bound);
  const step = stepOf(schedule);
  const limit = schedule.count ?? Number.POSITIVE_INFINITY;
  if (step === null) return offsetDays(schedule).filter((day) => day < length).map((day) => ({ day: phase.start_day + day, length: 1 }));
  const onDays = schedule.dayOfWeek?.length ?? 0;
  // Every day, or most days of each week: one bar says it better than ninety dots.
  if (step <= 1 || (step === 7 && onDays >= 4)) return [{ day: phase.start_day, length: Math.min(length, Math.max(1, limit)) }];
  const perStep = Math.max(1, onDays);
  const days: number[] = [];
  for (let start = 0; start < length && days.length < limit; start += step) {
    for (let index = 0; index < perStep; index += 1) days.push(start + Math.round((index * Math.min(step, 7)) / perStep));
  }
  return days.filter((day) => day < length).slice(0, Math.min(limit, 400)).map((day) => ({ day: phase.start_day + day, length: 1 }));
}

/** Days from one cycle to the next; null when it does not recur. */
function stepOf(schedule: ScheduleLike): number | null {
  const { period, periodUnit } = schedule;
  if (period && periodUnit) return (DAYS[periodUnit] ?? 0) * period;
  if (schedule.dayOfWeek?.length) return 7;
  return schedule.timeOfDay?.length || schedule.when?.length ? 1 : null;
}

const offsetDays = (schedule: ScheduleLike): number[] => (schedule.offsets_minutes?.length ? [...new Set(schedule.offsets_minutes.map((minute) => Math.floor(minute / 1440)))] : [0]);

/** A few round days for the scale. */
export function ticksOf(days: number): number[] {
  const step = [1, 2, 7, 14, 28, 56, 91].find((candidate) => days / candidate <= 7) ?? 91;
  return Array.from({ length: Math.ceil(days / step) }, (_, index) => index * step + 1);
}
