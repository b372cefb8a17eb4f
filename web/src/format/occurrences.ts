import { clockTime, dayIn, localClock, weekdayDay } from "./dates";

export interface OccurrenceLike {
  planned_local: string;
  closes_at: string;
  opens_at: string;
  state: string;
  timed?: boolean;
}

const BACKFILL_MS = 7 * 86_400_000;

/** Whether it is planned at a time of day; an untimed one is planned at the midnight that begins its day or cycle. */
export const isTimed = (occurrence: OccurrenceLike): boolean => occurrence.timed ?? localClock(occurrence.planned_local) !== "00:00";

/** When it can be done, for the patient: "08:00, until 12:00", "any time today", "any time until Sun 29 Nov". */
export function windowText(occurrence: OccurrenceLike, timeZone: string): string {
  const plannedDay = occurrence.planned_local.slice(0, 10);
  // A window that ends at midnight ends with the day before.
  const lastMoment = new Date(Date.parse(occurrence.closes_at) - 1000).toISOString();
  const lastDay = dayIn(timeZone, lastMoment);
  const endsWithDay = clockTime(occurrence.closes_at, timeZone) === "00:00";
  const until = lastDay === plannedDay ? (endsWithDay ? "" : `until ${clockTime(occurrence.closes_at, timeZone)}`) : `until ${weekdayDay(lastDay)}`;
  if (!isTimed(occurrence)) return until === "" ? "Any time of the day" : `Any time ${until}`;
  return [localClock(occurrence.planned_local), until].filter(Boolean).join(", ");
}

/** "2 of 4" for something untimed that is to be done several times; "" else. */
export function turnText(occurrence: OccurrenceLike & { slot: number }, sameKind: number): string {
  return sameKind > 1 && !isTimed(occurrence) ? `${occurrence.slot} of ${sameKind}` : "";
}

/** Mirrors care-rules §3.4: an entry may come up to 7 days after the window closed. */
export const canStillRecord = (occurrence: OccurrenceLike, now: number = Date.now()): boolean =>
  occurrence.state === "open" || (occurrence.state === "missed" && now < Date.parse(occurrence.closes_at) + BACKFILL_MS);

/** Mirrors care-rules §3.4: before it opens, only on the same local day. */
export const canRecordEarly = (occurrence: OccurrenceLike, timeZone: string, now: Date = new Date()): boolean =>
  occurrence.state === "not_yet_open" && dayIn(timeZone, now) === occurrence.planned_local.slice(0, 10);
