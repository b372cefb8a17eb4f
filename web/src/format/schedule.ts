/** A schedule (FHIR Timing.repeat, care-rules §2) in plain words. It explains; what is due is the server's arithmetic. */
import { fullDay } from "./dates";
import { counted, decimal, listed, minutesText } from "./numbers";

interface Span {
  value: number;
  unit: string;
}

export interface ScheduleLike {
  boundsDuration?: Span | null;
  boundsRange?: { low?: Span | null; high?: Span | null } | null;
  boundsPeriod?: { start?: string | null; end?: string | null } | null;
  count?: number | null;
  countMax?: number | null;
  duration?: number | null;
  durationMax?: number | null;
  durationUnit?: string | null;
  frequency?: number | null;
  frequencyMax?: number | null;
  period?: number | null;
  periodMax?: number | null;
  periodUnit?: string | null;
  dayOfWeek?: readonly string[] | null;
  timeOfDay?: readonly string[] | null;
  when?: readonly string[] | null;
  offset?: number | null;
  offsets_minutes?: readonly number[] | null;
  window_minutes?: number | null;
  lead_minutes?: number | null;
}

const UNIT: Record<string, string> = { s: "second", min: "minute", h: "hour", d: "day", wk: "week", mo: "month", a: "year" };

const DAY: Record<string, string> = {
  mon: "Monday", tue: "Tuesday", wed: "Wednesday", thu: "Thursday", fri: "Friday", sat: "Saturday", sun: "Sunday",
};

const WHEN: Record<string, string> = {
  WAKE: "on waking", MORN: "in the morning", "MORN.early": "early in the morning", "MORN.late": "late in the morning", NOON: "at noon",
  AFT: "in the afternoon", "AFT.early": "early in the afternoon", "AFT.late": "late in the afternoon", EVE: "in the evening",
  "EVE.early": "early in the evening", "EVE.late": "late in the evening", NIGHT: "at night", HS: "at bedtime", PHS: "after going to bed",
  C: "with meals", CM: "with breakfast", CD: "with lunch", CV: "with dinner", AC: "before meals", ACM: "before breakfast", ACD: "before lunch",
  ACV: "before dinner", PC: "after meals", PCM: "after breakfast", PCD: "after lunch", PCV: "after dinner",
};

/** "Every day at 08:00 and 20:00 · for 14 days" */
export function scheduleInWords(schedule: ScheduleLike | null | undefined): string {
  const rule = schedule ?? {};
  const parts = [sentence(rule), ...limits(rule)].filter((part) => part !== "");
  return parts.join(" · ");
}

/** "Open for 2 h", "Open from 30 min before, for 2 h"; "" when the window is the rule's own default. */
export function windowInWords(schedule: ScheduleLike | null | undefined): string {
  const { lead_minutes: lead, window_minutes: window } = schedule ?? {};
  const before = lead ? `from ${minutesText(lead)} before` : "";
  const length = window ? `for ${minutesText(window)}` : "";
  if (before === "" && length === "") return "";
  return `Open ${[before, length].filter(Boolean).join(", ")}`;
}

function sentence(rule: ScheduleLike): string {
  const repeats = repetition(rule);
  const within = moments(rule);
  const words = within === "" ? repeats : `${repeats} ${within}`;
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function repetition(rule: ScheduleLike): string {
  const days = weekdays(rule.dayOfWeek ?? []);
  const { period, periodMax, periodUnit: unit } = rule;
  if (!period || !unit) {
    if (days !== "") return days;
    const daily = (rule.timeOfDay?.length ?? 0) + (rule.when?.length ?? 0) > 0;
    return daily ? "every day" : (rule.frequency ?? 1) > 1 ? counted(rule.frequency ?? 1, "time") : "once";
  }
  const span = periodMax && periodMax > period ? `${decimal(period)}–${decimal(periodMax)}` : period === 1 ? "" : decimal(period);
  const every = span === "" ? `every ${UNIT[unit] ?? unit}` : `every ${span} ${UNIT[unit] ?? unit}s`;
  const times = timesInPeriod(rule);
  const cycle = times === "" ? every : period === 1 && !periodMax ? `${times} ${unit === "a" || unit === "d" || unit === "wk" || unit === "mo" ? "a" : "an"} ${UNIT[unit] ?? unit}` : `${times} ${every}`;
  if (days === "") return cycle;
  return unit === "wk" && period === 1 && times === "" ? days : `${cycle} on ${days.replace(/^every /, "")}`;
}

function timesInPeriod(rule: ScheduleLike): string {
  const least = rule.frequency ?? 1;
  const most = rule.frequencyMax ?? least;
  if ((rule.timeOfDay?.length ?? 0) + (rule.when?.length ?? 0) + (rule.offsets_minutes?.length ?? 0) > 0) return "";
  if (most > least) return `${decimal(least)} to ${decimal(most)} times`;
  if (least <= 1) return "";
  return least === 2 ? "twice" : `${decimal(least)} times`;
}

function weekdays(days: readonly string[]): string {
  if (days.length === 0) return "";
  const set = new Set(days);
  if (set.size === 7) return "every day";
  const working = ["mon", "tue", "wed", "thu", "fri"];
  if (set.size === 5 && working.every((day) => set.has(day))) return "every weekday";
  if (set.size === 2 && set.has("sat") && set.has("sun")) return "every weekend day";
  return `every ${listed(Object.keys(DAY).filter((day) => set.has(day)).map((day) => DAY[day] ?? day))}`;
}

function moments(rule: ScheduleLike): string {
  if (rule.timeOfDay?.length) return `at ${listed(rule.timeOfDay.map((time) => time.slice(0, 5)))}`;
  if (rule.when?.length) {
    const shift = rule.offset ? `${minutesText(rule.offset)} ` : "";
    return listed(rule.when.map((code) => `${shift}${WHEN[code] ?? code}`));
  }
  if (rule.offsets_minutes?.length) return offsets(rule.offsets_minutes);
  return "";
}

function offsets(minutes: readonly number[]): string {
  const shown = minutes.slice(0, 6).map((offset) => {
    const day = Math.floor(offset / 1440);
    const clock = `${String(Math.floor((offset % 1440) / 60)).padStart(2, "0")}:${String(offset % 60).padStart(2, "0")}`;
    if (day === 0) return `at ${clock}`;
    return offset % 1440 === 0 ? `on day ${day + 1}` : `at ${clock} on day ${day + 1}`;
  });
  return minutes.length > 6 ? `${shown.join(", ")} and ${minutes.length - 6} more times` : listed(shown);
}

function limits(rule: ScheduleLike): string[] {
  const takes = rule.duration ? `takes ${decimal(rule.duration)}${rule.durationMax ? `–${decimal(rule.durationMax)}` : ""} ${plural(rule.durationMax ?? rule.duration, rule.durationUnit)}` : "";
  const total = rule.count ? `${decimal(rule.count)}${rule.countMax ? ` to ${decimal(rule.countMax)}` : ""} in all` : "";
  const bound = rule.boundsDuration ?? rule.boundsRange?.high;
  const length = bound ? `for ${decimal(bound.value)} ${plural(bound.value, bound.unit)}` : "";
  const period = rule.boundsPeriod;
  const dates = period ? [period.start ? `from ${fullDay(period.start)}` : "", period.end ? `until ${fullDay(period.end)}` : ""].filter(Boolean).join(" ") : "";
  return [total, length, dates, takes].filter((part) => part !== "");
}

const plural = (count: number, unit: string | null | undefined): string => `${UNIT[unit ?? ""] ?? unit ?? ""}${count === 1 ? "" : "s"}`;
