/** Invented patients, their plans and what they did: the same at every start, relative to today. */
import type { Assignment, Entry, Occurrence, Patient, Protocol } from "../src/api/types";
import { addDays, dayIn, daysOf, mondayOf, weekdayIndex } from "../src/format/dates";
import { protocols } from "./protocols";

export const ZONE = "Europe/Berlin";
const FAMILIES = ["Aare", "Aller", "Donau", "Eder", "Elbe", "Ems", "Havel", "Iller", "Inn", "Isar", "Jagst", "Kocher", "Lahn", "Lech", "Leine", "Main", "Mosel", "Neckar", "Neisse", "Oder", "Oker", "Regnitz", "Rhein", "Ruhr", "Saale", "Saar", "Spree", "Tauber", "Unstrut", "Weser"];
const GIVEN = ["Anna", "Ben", "Clara", "David", "Elif", "Felix", "Greta", "Hasan", "Ida", "Jonas", "Katja", "Leon", "Mira", "Nils", "Olga", "Paul", "Rosa", "Samir", "Tove", "Uwe"];
const COUNT = Number(process.env["MOCK_PATIENTS"] ?? 1204);

export function random(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}

const id = (kind: number, index: number) => `0193b${String(kind).padStart(3, "0")}-0000-7000-8000-${String(index).padStart(12, "0")}`;

export const patients: Patient[] = Array.from({ length: COUNT }, (_, index) => {
  const dice = random(index * 7919 + 17);
  const birth = `${1935 + Math.floor(dice() * 70)}-${String(1 + Math.floor(dice() * 12)).padStart(2, "0")}-${String(1 + Math.floor(dice() * 28)).padStart(2, "0")}`;
  return {
    id: id(1, index + 1),
    given_name: GIVEN[(index * 7) % GIVEN.length]!,
    family_name: FAMILIES[(index * 11 + Math.floor(index / 30)) % FAMILIES.length]!,
    birth_date: birth,
    sex: index % 2 === 0 ? "female" : "male",
    email: `patient${index + 1}@example.org`,
    phone: null,
    address: null,
    language: null,
    time_zone: ZONE,
    identifiers: [{ system: "urn:mock:number", value: String(40_000 + index) }],
    status: index % 29 === 28 ? "archived" : "active",
    created_at: "2026-05-01T08:00:00Z",
    updated_at: `2026-1${index % 2}-${String(1 + (index % 20)).padStart(2, "0")}T08:00:00Z`,
  };
});

export const today = (): string => dayIn(ZONE);

const PLANS = 26;
export const assignments: Assignment[] = Array.from({ length: PLANS }, (_, index) => {
  const protocol = protocols[index % 3 === 2 ? 1 : 0]!;
  const starts = addDays(today(), index === 0 ? -40 : -10 - ((index * 5) % 50));
  return {
    id: id(2, index + 1),
    protocol_id: protocol.id,
    protocol_title: protocol.title,
    version: protocol.version,
    patient_id: patients[index]!.id,
    status: index % 9 === 8 ? "paused" : "active",
    assigned_at: `${starts}T08:00:00Z`,
    assigned_by: id(9, 1),
    starts_on: starts,
    ends_on: addDays(starts, protocol.duration_days - 1),
    time_zone: ZONE,
    segments: [{ version: protocol.version, from_on: starts, plan_starts_on: starts }],
    adjustments: {},
    pauses: [],
    reason: null,
    stopped_at: null,
    updated_at: null,
  };
});
assignments.push({ ...assignments[0]!, id: id(2, 900), protocol_id: protocols[1]!.id, protocol_title: protocols[1]!.title, version: 1, status: "completed", starts_on: addDays(today(), -150), ends_on: addDays(today(), -109) });

export const entries: Entry[] = [];
const byOccurrence = new Map<string, Entry>();

/** How well someone follows: the mock's patients are steady, patchy, or gone. */
const keenness = (index: number): number => [0.93, 0.85, 0.62, 0.97, 0.4, 0.9, 0.74, 0.15][index % 8]!;

const WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
const WHEN: Record<string, string> = { MORN: "08:00:00", EVE: "19:00:00", NOON: "12:00:00" };

/** A small part of care-rules §2, enough for the invented protocols. */
export function plannedOn(protocol: Protocol, startsOn: string, day: string): { key: string; kind: Occurrence["kind"]; title: string; local: string; slot: number; window: number; lead: number }[] {
  const planDay = daysOf(startsOn, day).length;
  return protocol.phases
    .filter((phase) => planDay >= phase.start_day && planDay < phase.start_day + phase.length_days)
    .flatMap((phase) =>
      (phase.activities ?? []).flatMap((activity) => {
        const rule = activity.schedule ?? {};
        const isFirst = planDay === phase.start_day;
        if (rule.dayOfWeek?.length && !rule.dayOfWeek.includes(WEEK[weekdayIndex(day)]!)) return [];
        const recurs = rule.timeOfDay?.length || rule.when?.length || rule.dayOfWeek?.length || rule.period;
        if (!recurs && !isFirst) return [];
        if (activity.key === "mood" && weekdayIndex(day) !== weekdayIndex(today())) return [];
        const times = rule.timeOfDay ?? rule.when?.map((code) => WHEN[code] ?? "08:00:00") ?? Array.from({ length: rule.frequency ?? 1 }, () => "00:00:00");
        return times.map((time, slot) => ({ key: activity.key, kind: activity.kind, title: activity.title, local: `${day}T${time}`, slot: slot + 1, window: rule.window_minutes ?? 1440, lead: rule.lead_minutes ?? 0 }));
      }),
    )
    .toSorted((a, b) => a.local.localeCompare(b.local));
}

/** The zone's offset at a date, in minutes. */
function instant(local: string): number {
  const utc = Date.parse(`${local}Z`);
  const shown = new Intl.DateTimeFormat("en-CA", { timeZone: ZONE, hour12: false, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" }).formatToParts(new Date(utc));
  const part = (type: string) => shown.find((item) => item.type === type)!.value;
  const seen = Date.parse(`${part("year")}-${part("month")}-${part("day")}T${part("hour").replace("24", "00")}:${part("minute")}:${part("second")}Z`);
  return utc - (seen - utc);
}

export function occurrencesOn(assignment: Assignment, day: string): Occurrence[] {
  const protocol = protocols.find((item) => item.id === assignment.protocol_id)!;
  if (day < assignment.starts_on || day > assignment.ends_on) return [];
  return plannedOn(protocol, assignment.starts_on, day).map((item) => {
    const planned = instant(item.local);
    const endOfDay = instant(`${addDays(day, 1)}T00:00:00`);
    const closes = item.window === 1440 && item.local.endsWith("00:00:00") ? endOfDay : planned + item.window * 60_000;
    const occurrenceId = `${assignment.id.slice(-4)}.${item.key}.${item.local}.${item.slot}`;
    const entry = byOccurrence.get(occurrenceId);
    const now = Date.now();
    const opens = planned - item.lead * 60_000;
    const state = entry && entry.outcome !== "retracted" ? entry.outcome : assignment.status === "paused" && day >= today() ? "not_applicable" : now < opens ? "not_yet_open" : now < closes ? "open" : "missed";
    return {
      id: occurrenceId, assignment_id: assignment.id, activity_key: item.key, kind: item.kind, title: item.title,
      planned_at: new Date(planned).toISOString(), planned_local: item.local, slot: item.slot,
      opens_at: new Date(opens).toISOString(), closes_at: new Date(closes).toISOString(),
      state, entry_id: entry && entry.outcome !== "retracted" ? entry.id : null,
    };
  });
}

export function addEntry(entry: Entry): void {
  entries.push(entry);
  if (entry.occurrence_id) {
    if (entry.outcome === "retracted") byOccurrence.delete(entry.occurrence_id);
    else byOccurrence.set(entry.occurrence_id, entry);
  }
}

let made = 0;
export const newId = (): string => id(5, (made += 1));

/** Two months of history for the plans of the first patients. */
function history(): void {
  assignments.slice(0, PLANS).forEach((assignment, index) => {
    const dice = random(index * 104729 + 3);
    let systolic = 152 - (index % 5) * 4;
    for (const day of daysOf(assignment.starts_on, today())) {
      systolic += (dice() - 0.62) * 2.4;
      for (const occurrence of occurrencesOn(assignment, day)) {
        if (Date.parse(occurrence.closes_at) > Date.now() - (index === 0 ? 0 : 0)) continue;
        const luck = dice();
        const keen = keenness(index) - (weekdayIndex(day) > 4 ? 0.1 : 0);
        if (luck > keen + 0.05) continue;
        const noise = () => Math.round((dice() - 0.5) * 14);
        const values = occurrence.activity_key === "blood-pressure" ? [{ code: "8480-6", value: Math.round(systolic) + noise(), unit: "mm[Hg]" }, { code: "8462-4", value: Math.round(systolic * 0.61) + Math.round(noise() / 2), unit: "mm[Hg]" }] : occurrence.activity_key === "weight" ? [{ code: "29463-7", value: 84.6 + noise() / 10, unit: "kg" }] : occurrence.activity_key === "pain" ? [{ code: "72514-3", value: Math.max(0, Math.min(10, 4 + Math.round(noise() / 3))), unit: "{score}" }] : [];
        const at = new Date(Date.parse(occurrence.planned_at) + dice() * 60 * 60_000).toISOString();
        addEntry({ id: newId(), client_id: newId(), occurrence_id: occurrence.id, assignment_id: assignment.id, activity_key: occurrence.activity_key, patient_id: assignment.patient_id, outcome: luck > keen ? "skipped" : "completed", reason: luck > keen ? "I felt unwell" : null, values: luck > keen ? [] : values.map((value) => ({ ...value, converted: { value: value.value, unit: value.unit } })), answers: null, effective_at: at, recorded_at: at, recorded_by: assignment.patient_id, late: dice() > 0.95 });
      }
    }
  });
}
history();

export const lastMonday = (): string => mondayOf(today());
