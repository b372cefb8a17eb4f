/**
 * Days and times for people. A day is an ISO date of the patient's own calendar ("2026-11-22") and never passes
 * through the viewer's zone; an instant is RFC 3339 UTC.
 */

/** English of the reader's region: the words of the app are English, so its dates are too. */
const LOCALE = globalThis.navigator?.language?.startsWith("en") ? globalThis.navigator.language : "en-GB";

const DAY_MS = 86_400_000;

/** Midday UTC: far from both ends of the day, so formatting in UTC never slips to a neighbour. */
const atNoon = (day: string): Date => new Date(`${day.slice(0, 10)}T12:00:00Z`);

const formats = new Map<string, Intl.DateTimeFormat>();

function formatter(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = JSON.stringify(options);
  let found = formats.get(key);
  if (found === undefined) {
    found = new Intl.DateTimeFormat(LOCALE, options);
    formats.set(key, found);
  }
  return found;
}

/** "Sunday 22 November" */
export const longDay = (day: string): string =>
  formatter({ weekday: "long", day: "numeric", month: "long", timeZone: "UTC" }).format(atNoon(day)).replace(",", "");

/** "Sun 22 Nov" */
export const weekdayDay = (day: string): string =>
  formatter({ weekday: "short", day: "numeric", month: "short", timeZone: "UTC" }).format(atNoon(day)).replaceAll(",", "");

/** "22 Nov" */
export const shortDay = (day: string): string => formatter({ day: "numeric", month: "short", timeZone: "UTC" }).format(atNoon(day));

/** "22 Nov 2026" */
export const fullDay = (day: string): string =>
  formatter({ day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }).format(atNoon(day));

/** "November 2026" */
export const monthYear = (day: string): string => formatter({ month: "long", year: "numeric", timeZone: "UTC" }).format(atNoon(day));

/** "Sun" */
export const weekday = (day: string): string => formatter({ weekday: "short", timeZone: "UTC" }).format(atNoon(day));

export const dayOfMonth = (day: string): number => Number(day.slice(8, 10));

/** The local date of an instant (now, unless given) in a zone; the viewer's own zone when none is known. */
export function dayIn(timeZone: string | null | undefined, instant: string | Date = new Date()): string {
  const parts = new Intl.DateTimeFormat("en-CA", { ...zone(timeZone), year: "numeric", month: "2-digit", day: "2-digit" });
  return parts.format(typeof instant === "string" ? new Date(instant) : instant);
}

/** "08:05" in a zone; in the viewer's when none is known. */
export const clockTime = (instant: string, timeZone?: string | null): string =>
  formatter({ hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...zone(timeZone) }).format(new Date(instant));

/** "22 Nov 2026, 08:05" in a zone. */
export const dayAndTime = (instant: string, timeZone?: string | null): string =>
  `${fullDay(dayIn(timeZone, instant))}, ${clockTime(instant, timeZone)}`;

/** The "08:00" of a local time such as "2026-03-07T08:00:00". */
export const localClock = (local: string): string => local.slice(11, 16);

export const addDays = (day: string, days: number): string =>
  new Date(atNoon(day).getTime() + days * DAY_MS).toISOString().slice(0, 10);

/** Whole days from one day to another; negative when `to` is earlier. */
export const daysBetween = (from: string, to: string): number => Math.round((atNoon(to).getTime() - atNoon(from).getTime()) / DAY_MS);

/** 0 for Monday … 6 for Sunday. */
export const weekdayIndex = (day: string): number => (atNoon(day).getUTCDay() + 6) % 7;

export const mondayOf = (day: string): string => addDays(day, -weekdayIndex(day));

/** Every day from one to another, both inclusive; at most 800 of them. */
export function daysOf(from: string, to: string): string[] {
  const count = Math.min(daysBetween(from, to) + 1, 800);
  return Array.from({ length: Math.max(count, 0) }, (_, index) => addDays(from, index));
}

/** Full years of age on a day. */
export function ageOn(birthDate: string, day: string): number {
  const years = Number(day.slice(0, 4)) - Number(birthDate.slice(0, 4));
  return day.slice(5) < birthDate.slice(5) ? years - 1 : years;
}

/** "in 2 hours", "3 days ago", "just now" */
export function relative(instant: string, now: Date = new Date()): string {
  const seconds = (new Date(instant).getTime() - now.getTime()) / 1000;
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [["year", 31_557_600], ["month", 2_629_800], ["week", 604_800], ["day", 86_400], ["hour", 3600], ["minute", 60]];
  const words = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) >= size) return words.format(Math.trunc(seconds / size), unit);
  }
  return "just now";
}

/** "today", "yesterday", "tomorrow", else "Sun 22 Nov" */
export function nearDay(day: string, today: string): string {
  const distance = daysBetween(today, day);
  if (distance === 0) return "today";
  if (distance === 1) return "tomorrow";
  if (distance === -1) return "yesterday";
  return weekdayDay(day);
}

const zone = (timeZone: string | null | undefined) => (timeZone ? { timeZone } : {});

export const browserZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone;
