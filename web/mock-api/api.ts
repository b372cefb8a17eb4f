/** The REST API over invented data, as far as the web app asks for it. Nothing here is part of the product. */
import { Buffer } from "node:buffer";
import { addDays, daysOf, mondayOf } from "../src/format/dates";
import type { Adherence, Assignment, Entry, Page, Patient } from "../src/api/types";
import { addEntry, assignments, entries, newId, occurrencesOn, patients, plannedOn, today, ZONE } from "./people";
import { answerFlags } from "./flags";
import { protocols, versionOf } from "./protocols";

export interface MockRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Record<string, string | undefined>;
  body: unknown;
}

export interface MockAnswer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

const ACCOUNTS: Record<string, { id: string; role: string; patient_id?: string }> = {
  "clinician@demo.example": { id: "acc-1", role: "clinician" },
  "coordinator@demo.example": { id: "acc-2", role: "coordinator" },
  "admin@demo.example": { id: "acc-3", role: "admin" },
  "auditor@demo.example": { id: "acc-4", role: "auditor" },
  "patient@demo.example": { id: "acc-5", role: "patient", patient_id: patients[0]!.id },
};
export const PASSWORD = "correct-horse-battery-demo";
const operations = new Map<string, { started: number; total: number; result: unknown; kind: string; act: () => void; isDone: boolean }>();

const problem = (status: number, title: string, detail?: string, errors: unknown[] = []): MockAnswer => ({
  status,
  headers: { "content-type": "application/problem+json" },
  body: { type: "about:blank", title, status, detail, request_id: `01J${Math.random().toString(36).slice(2, 12).toUpperCase()}`, errors },
});

const ok = (body: unknown, headers: Record<string, string> = {}): MockAnswer => ({ status: 200, body, headers });

export function accountOf(cookie: string | undefined): (typeof ACCOUNTS)[string] & { email: string; organisation_id: string } | null {
  const email = /(?:^|;\s*)mock=([^;]+)/.exec(cookie ?? "")?.[1];
  const found = email ? ACCOUNTS[decodeURIComponent(email)] : undefined;
  return found && email ? { ...found, email: decodeURIComponent(email), organisation_id: "org-1" } : null;
}

type Handler = (request: MockRequest, ...parts: string[]) => MockAnswer;

const ROUTES: [string, RegExp, Handler][] = [
  ["GET", /^\/patients$/, listPatients],
  ["POST", /^\/patients$/, (request) => savePatient(request, null)],
  ["GET", /^\/patients\/([^/]+)$/, (_, id) => withPatient(id!, (patient) => ok(patient, { etag: `"${patient.updated_at}"` }))],
  ["PATCH", /^\/patients\/([^/]+)$/, (request, id) => (request.headers["if-match"] ? withPatient(id!, (patient) => savePatient(request, patient)) : problem(428, "This change needs If-Match"))],
  ["DELETE", /^\/patients\/([^/]+)$/, (_, id) => withPatient(id!, (patient) => ok(Object.assign(patient, { status: "archived" })))],
  ["GET", /^\/patients\/([^/]+)\/today$/, (request, id) => patientDay(id!, request.query.get("date") ?? today())],
  ["GET", /^\/patients\/([^/]+)\/adherence$/, (request, id) => ok(adherence(plansOf(id!), request.query))],
  ["GET", /^\/patients\/([^/]+)\/measurements$/, (request, id) => ok({ items: measurements(id!, request.query) })],
  ["GET", /^\/protocols$/, listProtocols],
  ["GET", /^\/protocols\/([^/]+)$/, (_, id) => withProtocol(id!, (protocol) => ok(protocol, { etag: `"${protocol.version}"` }))],
  ["POST", /^\/protocols\/([^/]+)\/publish$/, (_, id) => withProtocol(id!, (protocol) => ok(Object.assign(protocol, { status: "active", published_at: new Date().toISOString() })))],
  ["POST", /^\/protocols\/([^/]+)\/retire$/, (_, id) => withProtocol(id!, (protocol) => ok(Object.assign(protocol, { status: "retired" })))],
  ["POST", /^\/protocols\/([^/]+)\/duplicate$/, (_, id) => withProtocol(id!, duplicate)],
  ["GET", /^\/protocols\/([^/]+)\/versions$/, (_, id) => withProtocol(id!, (protocol) => ok({ items: Array.from({ length: protocol.version }, (_entry, index) => versionOf(protocol, index + 1)) }))],
  ["GET", /^\/protocols\/([^/]+)\/versions\/(\d+)$/, (_, id, version) => withProtocol(id!, (protocol) => (versionOf(protocol, Number(version)) ? ok(versionOf(protocol, Number(version))) : problem(404, "There is no such version")))],
  ["GET", /^\/protocols\/([^/]+)\/versions\/(\d+)\/preview$/, (request, id) => withProtocol(id!, (protocol) => preview(protocol.id, request.query))],
  ["GET", /^\/protocols\/([^/]+)\/diff$/, () => ok({ changes: CHANGES })],
  ["GET", /^\/protocols\/([^/]+)\/export$/, (request, id) => withProtocol(id!, (protocol) => (request.query.get("format") === "radar" ? problem(422, "This protocol cannot be said as a RADAR schedule") : ok(protocol, { "content-disposition": `attachment; filename="protocol.json"` })))],
  ["POST", /^\/imports$/, importFile],
  ["GET", /^\/assignments$/, listAssignments],
  ["POST", /^\/assignments$/, assign],
  ["POST", /^\/assignments\/bulk$/, bulk],
  ["GET", /^\/assignments\/([^/]+)$/, (_, id) => withAssignment(id!, (assignment) => ok(assignment))],
  ["GET", /^\/assignments\/([^/]+)\/adherence$/, (request, id) => withAssignment(id!, (assignment) => ok(adherence([assignment], request.query)))],
  ["POST", /^\/assignments\/([^/]+)\/(pause|resume|stop|complete)$/, changeStatus],
  ["POST", /^\/assignments\/([^/]+)\/move$/, (request, id) => withAssignment(id!, (assignment) => move(request, assignment))],
  ["GET", /^\/adherence$/, groupedAdherence],
  ["GET", /^\/entries$/, (request) => ok({ items: entries.filter((entry) => request.query.get("filter")?.includes(entry.patient_id)).toReversed().slice(0, Number(request.query.get("page_size") ?? 50)) })],
  ["POST", /^\/entries$/, record],
  ["DELETE", /^\/entries\/([^/]+)$/, (_, id) => retract(id!)],
  ["GET", /^\/flags(\/.*)?$/, answerFlags],
  ["POST", /^\/flags(\/.*)?$/, answerFlags],
  ["PATCH", /^\/flags(\/.*)?$/, answerFlags],
  ["GET", /^\/operations\/([^/]+)$/, (_, id) => operationOf(id!)],
];

export function answer(request: MockRequest): MockAnswer {
  const path = request.path.replace("/api/v1", "");
  if (path === "/session") return session(request);
  if (accountOf(request.headers["cookie"]) === null) return problem(401, "Sign in to go on");
  if (request.method !== "GET" && request.headers["x-csrf-token"] !== "mock-csrf") return problem(403, "The request does not come from this app");
  for (const [method, pattern, handler] of ROUTES) {
    const match = pattern.exec(path);
    if (match && method === request.method) return handler(request, ...match.slice(1));
  }
  return problem(404, "There is nothing at this address");
}

const STAFF = ["patient.read", "patient.write", "protocol.read", "protocol.write", "protocol.publish", "assignment.read", "assignment.write"];
const sessionOf = (account: { id?: string; role?: string; email: string; organisation_id: string }) => ({ account: { name: null, ...account }, csrf_token: "mock-csrf", permissions: account.role === "patient" || account.role === "auditor" ? [] : account.role === "admin" ? [...STAFF, "setting.read", "setting.write"] : STAFF });

function session(request: MockRequest): MockAnswer {
  if (request.method === "DELETE") return { status: 204, headers: { "set-cookie": "mock=; Path=/; Max-Age=0" } };
  if (request.method === "POST") {
    const { email, password } = request.body as { email: string; password: string };
    if (!ACCOUNTS[email] || password !== PASSWORD) return problem(401, "E-mail or password is not right", "Check both and try again.");
    return ok(sessionOf({ ...ACCOUNTS[email], email, organisation_id: "org-1" }), { "set-cookie": `mock=${encodeURIComponent(email)}; Path=/; HttpOnly; SameSite=Lax` });
  }
  const account = accountOf(request.headers["cookie"]);
  return account ? ok(sessionOf(account)) : problem(401, "Sign in to go on");
}

function paged<T>(items: T[], query: URLSearchParams): Page<T> {
  const size = Math.min(200, Number(query.get("page_size") ?? 50));
  const from = Number(Buffer.from(query.get("page_token") ?? "", "base64").toString() || 0);
  const next = from + size < items.length ? { next_page_token: Buffer.from(String(from + size)).toString("base64") } : {};
  return { items: items.slice(from, from + size), ...next };
}

const filterValue = (query: URLSearchParams, field: string) => new RegExp(`${field} = "([^"]*)"`).exec(query.get("filter") ?? "")?.[1];

function listPatients({ query }: MockRequest): MockAnswer {
  const status = filterValue(query, "status");
  const words = (query.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const found = patients.filter((patient) => (!status || patient.status === status) && words.every((word) => `${patient.given_name} ${patient.family_name} ${patient.birth_date} ${patient.identifiers?.[0]?.value}`.toLowerCase().includes(word)));
  const order = query.get("order_by") ?? "name";
  const key = (patient: Patient) => (order.startsWith("updated_at") ? patient.updated_at : `${patient.family_name} ${patient.given_name}`);
  found.sort((a, b) => key(a).localeCompare(key(b)) * (order.endsWith("desc") ? -1 : 1));
  return ok(paged(found, query));
}

function savePatient(request: MockRequest, before: Patient | null): MockAnswer {
  const sent = request.body as Partial<Patient>;
  if (sent.birth_date && sent.birth_date > today()) return problem(422, "Some values cannot be used", "Look at the marked fields.", [{ pointer: "/birth_date", code: "future", detail: "The date of birth is in the future." }]);
  const now = new Date().toISOString();
  if (before) return ok(Object.assign(before, sent, { updated_at: now }), { etag: `"${now}"` });
  const made = { ...sent, id: newId(), status: "active", created_at: now, updated_at: now } as Patient;
  patients.push(made);
  return { status: 201, body: made };
}

function withPatient(id: string, act: (patient: Patient) => MockAnswer): MockAnswer {
  const found = patients.find((patient) => patient.id === id);
  return found ? act(found) : problem(404, "There is no such patient");
}

function withProtocol(id: string, act: (protocol: (typeof protocols)[number]) => MockAnswer): MockAnswer {
  const found = protocols.find((protocol) => protocol.id === id);
  return found ? act(found) : problem(404, "There is no such protocol");
}

function withAssignment(id: string, act: (assignment: Assignment) => MockAnswer): MockAnswer {
  const found = assignments.find((assignment) => assignment.id === id);
  return found ? act(found) : problem(404, "There is no such assignment");
}

const plansOf = (patientId: string) => assignments.filter((assignment) => assignment.patient_id === patientId);

function patientDay(id: string, date: string): MockAnswer {
  const occurrences = plansOf(id).filter((plan) => plan.status !== "completed").flatMap((plan) => occurrencesOn(plan, date)).toSorted((a, b) => a.planned_at.localeCompare(b.planned_at));
  const activities = plansOf(id).flatMap((plan) => {
    const protocol = protocols.find((item) => item.id === plan.protocol_id);
    const planned = (protocol?.phases ?? []).flatMap((phase) => phase.activities ?? []);
    return planned.map(({ key, ...activity }) => ({ ...activity, activity_key: key, assignment_id: plan.id, protocol_title: protocol?.title ?? "" }));
  });
  return ok({ date, time_zone: ZONE, occurrences, activities, done: occurrences.filter((occurrence) => occurrence.entry_id).length, due: occurrences.filter((occurrence) => occurrence.state !== "not_applicable").length });
}

function adherence(plans: Assignment[], query: URLSearchParams): Adherence {
  const from = query.get("from") ?? addDays(today(), -27);
  const to = query.get("to") ?? today();
  const empty = () => ({ completed: 0, skipped: 0, missed: 0 });
  const total = empty();
  const late = { onTime: 0 };
  const byActivity = new Map<string, ReturnType<typeof empty> & { title: string; assignment_id: string }>();
  const byWeek = new Map<string, ReturnType<typeof empty>>();
  const byDay = daysOf(from, to).map((date) => {
    const day = { date, ...empty() };
    for (const occurrence of plans.flatMap((plan) => occurrencesOn(plan, date))) {
      if (Date.parse(occurrence.closes_at) > Date.now() || !["completed", "skipped", "missed"].includes(occurrence.state)) continue;
      const outcome = occurrence.state as "completed" | "skipped" | "missed";
      const activity = byActivity.get(occurrence.activity_key) ?? { ...empty(), title: occurrence.title, assignment_id: occurrence.assignment_id };
      const week = byWeek.get(mondayOf(date)) ?? empty();
      for (const counts of [total, day, activity, week]) counts[outcome] += 1;
      if (outcome === "completed") late.onTime += 1;
      byActivity.set(occurrence.activity_key, activity);
      byWeek.set(mondayOf(date), week);
    }
    return day;
  });
  let streak = 0;
  for (const day of byDay.toReversed()) {
    if (day.completed + day.skipped + day.missed === 0) continue;
    if (day.skipped + day.missed > 0) break;
    streak += 1;
  }
  const ratio = (counts: ReturnType<typeof empty>) => (counts.completed + counts.skipped + counts.missed === 0 ? null : counts.completed / (counts.completed + counts.skipped + counts.missed));
  return {
    from, to, ...total, ratio: ratio(total), on_time_ratio: ratio(total) === null ? null : (ratio(total) ?? 0) * 0.96,
    by_activity: [...byActivity].map(([activity_key, counts]) => ({ activity_key, ...counts, ratio: ratio(counts), on_time_ratio: ratio(counts) })),
    by_week: [...byWeek].map(([week, counts]) => ({ week, starts_on: week, ...counts, ratio: ratio(counts), on_time_ratio: ratio(counts) })),
    as_of: new Date().toISOString(),
    by_day: byDay, streak_days: streak,
  };
}

const DISPLAY: Record<string, [string, { low?: number; high?: number } | null]> = { "8480-6": ["Systolic blood pressure", { low: 100, high: 135 }], "8462-4": ["Diastolic blood pressure", { low: 60, high: 85 }], "29463-7": ["Body weight", null], "72514-3": ["Pain severity", { low: 0, high: 4 }] };

function measurements(id: string, query: URLSearchParams) {
  const plans = new Set(plansOf(id).map((plan) => plan.id));
  return entries
    .filter((entry) => plans.has(entry.assignment_id) && entry.outcome === "completed" && entry.effective_at.slice(0, 10) >= (query.get("from") ?? ""))
    .flatMap((entry) => entry.values.map((value) => ({ ...value, display: DISPLAY[value.code]?.[0], target_range: DISPLAY[value.code]?.[1], effective_at: entry.effective_at, entry_id: entry.id, given: null })));
}

function listProtocols({ query }: MockRequest): MockAnswer {
  const status = filterValue(query, "status");
  const category = filterValue(query, "category");
  const tag = /tags:"([^"]*)"/.exec(query.get("filter") ?? "")?.[1];
  const q = (query.get("q") ?? "").toLowerCase();
  const isChosen = (protocol: (typeof protocols)[number]) => (!status || protocol.status === status) && (!category || protocol.category === category) && (!tag || protocol.tags?.includes(tag));
  const found = protocols.filter((protocol) => isChosen(protocol) && protocol.title.toLowerCase().includes(q)).toSorted((a, b) => a.title.localeCompare(b.title));
  return ok(paged(found.map(({ phases, ...rest }) => ({ ...rest, phase_count: phases.length, activity_count: phases.reduce((count, phase) => count + (phase.activities?.length ?? 0), 0) })), query));
}

function duplicate(protocol: (typeof protocols)[number]): MockAnswer {
  const copy = { ...protocol, id: newId(), title: `${protocol.title} (copy)`, status: "draft" as const, version: 1, published_at: null };
  protocols.push(copy);
  return { status: 201, body: copy };
}

function preview(id: string, query: URLSearchParams): MockAnswer {
  const protocol = protocols.find((item) => item.id === id)!;
  const start = query.get("starts_on") ?? today();
  const first = addDays(start, Number(query.get("first_day") ?? 1) - 1);
  const days = daysOf(first, addDays(first, Number(query.get("days") ?? 7) - 1));
  return ok({ days: days.map((date) => ({ date, occurrences: plannedOn(protocol, start, date).map((item) => ({ activity_key: item.key, kind: item.kind, title: item.title, planned_local: item.local, slot: item.slot, planned_at: `${item.local}Z`, opens_at: `${item.local}Z`, closes_at: `${item.local}Z` })) })) });
}

const CHANGES = [
  { change: "changed", of: "protocol", name: "protocol", title: "Home blood-pressure monitoring", fields: [{ field: "duration_days", before: 60, after: 90 }] },
  { change: "changed", of: "activity", name: "blood-pressure", title: "Measure blood pressure", fields: [{ field: "schedule", before: { timeOfDay: ["08:00:00"] }, after: { timeOfDay: ["07:30:00", "19:30:00"], window_minutes: 180 } }] },
  { change: "added", of: "activity", name: "walk", title: "Walk for 30 minutes", fields: [] },
  { change: "removed", of: "activity", name: "pulse", title: "Count your pulse", fields: [] },
];

function importFile(request: MockRequest): MockAnswer {
  const filename = (request.body as { files: { name: string }[] }).files[0]?.name ?? "";
  const copy = duplicate(protocols[1]!).body as { id: string; title: string };
  const report = [
    { outcome: "understood", file: filename, pointer: "/action/0", code: "understood", detail: "Activity with a daily schedule." },
    { outcome: "kept", file: filename, pointer: "/action/1/condition/0", code: "kept", detail: "Kept and shown, not executed: CQL condition." },
    { outcome: "adjusted", file: filename, pointer: "/title", code: "shortened", detail: "The title was longer than 100 characters and was shortened." },
  ];
  return { status: 201, body: { protocols: [{ id: copy.id, title: copy.title, version: 1, status: "draft" }], report, counts: { understood: 1, kept: 1, adjusted: 1, refused: 0, ignored: 0 } } };
}

function listAssignments({ query }: MockRequest): MockAnswer {
  const patient = filterValue(query, "patient_id");
  return ok(paged(assignments.filter((assignment) => !patient || assignment.patient_id === patient), query));
}

function assign(request: MockRequest): MockAnswer {
  const body = request.body as { protocol_id: string; patient_id: string; starts_on: string };
  if (assignments.some((item) => item.patient_id === body.patient_id && item.protocol_id === body.protocol_id && item.status === "active")) return problem(409, "This patient follows this protocol already", "Stop or complete the running plan first.");
  const protocol = protocols.find((item) => item.id === body.protocol_id)!;
  const made: Assignment = { ...assignments[0]!, id: newId(), protocol_id: protocol.id, protocol_title: protocol.title, version: protocol.version, patient_id: body.patient_id, status: "active", starts_on: body.starts_on, ends_on: addDays(body.starts_on, protocol.duration_days - 1), segments: [{ version: protocol.version, from_on: body.starts_on, plan_starts_on: body.starts_on }] };
  assignments.push(made);
  return { status: 201, body: made };
}

function bulk(request: MockRequest): MockAnswer {
  const body = request.body as { protocol_id: string; patient_ids: string[]; starts_on: string; dry_run?: boolean };
  const free = body.patient_ids.filter((id) => !assignments.some((item) => item.patient_id === id && item.protocol_id === body.protocol_id && item.status === "active"));
  const id = newId();
  const act = () => free.forEach((patient_id) => assign({ ...request, body: { ...body, patient_id } }));
  operations.set(id, { started: Date.now(), total: body.patient_ids.length, kind: "assignments.bulk", result: { requested: body.patient_ids.length, [body.dry_run ? "would_assign" : "assigned"]: free.length, already_assigned: body.patient_ids.length - free.length, archived: 0, unknown: 0 }, act: body.dry_run ? () => undefined : act, isDone: false });
  return { status: 202, body: operationOf(id).body };
}

function operationOf(id: string): MockAnswer {
  const operation = operations.get(id);
  if (!operation) return problem(404, "There is no such operation");
  const share = Math.min(1, (Date.now() - operation.started) / 1500);
  if (share === 1 && !operation.isDone) {
    operation.isDone = true;
    operation.act();
  }
  return ok({ id, kind: operation.kind, status: share === 1 ? "succeeded" : "running", progress: { done: Math.floor(operation.total * share), total: operation.total }, ...(share === 1 ? { result: operation.result } : {}) });
}

const STATUS: Record<string, Assignment["status"]> = { pause: "paused", resume: "active", stop: "stopped", complete: "completed" };

function changeStatus(_: MockRequest, id?: string, act?: string): MockAnswer {
  return withAssignment(id!, (assignment) => ok(Object.assign(assignment, { status: STATUS[act!] })));
}

const PREVIEW = {
  begins: [{ activity_key: "walk", title: "Walk for 30 minutes", planned_before: 0, planned_after: 40 }],
  ends: [{ activity_key: "pulse", title: "Count your pulse", planned_before: 20, planned_after: 0 }],
  changes: [{ activity_key: "blood-pressure", title: "Measure blood pressure", changed: ["schedule"], planned_before: 40, planned_after: 80 }],
  ends_on_before: "2027-01-10",
  ends_on_after: "2027-02-09",
};

function move(request: MockRequest, assignment: Assignment): MockAnswer {
  const body = request.body as { to_version: number; from: string; dry_run?: boolean };
  if (body.dry_run) return ok({ ...assignment, preview: PREVIEW });
  assignment.segments.push({ version: body.to_version, from_on: body.from, plan_starts_on: assignment.starts_on });
  return ok({ ...Object.assign(assignment, { version: body.to_version }), preview: PREVIEW });
}

function groupedAdherence({ query }: MockRequest): MockAnswer {
  const key = query.get("group_by") === "protocol" ? "protocol_id" : "patient_id";
  const running = assignments.filter((assignment) => assignment.status === "active");
  const groups = new Map<string, Assignment[]>();
  for (const assignment of running) groups.set(assignment[key], [...(groups.get(assignment[key]) ?? []), assignment]);
  const rows = [...groups].map(([id, plans]) => {
    const { completed, skipped, missed, ratio, on_time_ratio } = adherence(plans, query);
    const patient = patients.find((item) => item.id === id);
    const title = patient ? `${patient.family_name}, ${patient.given_name}` : (protocols.find((item) => item.id === id)?.title ?? "");
    return { id, [key]: id, title, completed, skipped, missed, ratio, on_time_ratio };
  });
  return ok(paged(rows.toSorted((a, b) => (a.ratio ?? 2) - (b.ratio ?? 2)), query));
}

function record(request: MockRequest): MockAnswer {
  const sent = request.body as { client_id: string; occurrence_id: string; outcome: "completed" | "skipped"; reason?: string; values?: { code: string; value: number; unit: string }[]; answers?: { link_id: string; value: string }[]; confirmed?: boolean };
  const former = entries.find((entry) => entry.client_id === sent.client_id);
  if (former) return ok(former);
  const plan = assignments.find((assignment) => sent.occurrence_id.startsWith(`${assignment.id.slice(-4)}.`) && assignment.status !== "completed");
  if (!plan) return problem(404, "There is no such occurrence");
  const high = sent.values?.findIndex((value) => value.code === "8480-6" && value.value > 260) ?? -1;
  if (high >= 0 && !sent.confirmed) return problem(422, "A value is outside the plausible range", undefined, [{ pointer: `/values/${high}/value`, code: "implausible", detail: "The value is outside the plausible range. Send it with confirmed when it is right." }]);
  const now = new Date().toISOString();
  const score = sent.answers?.length ? sent.answers.reduce((sum, item) => sum + Number(item.value || 0), 0) : null;
  const entry: Entry = { id: newId(), client_id: sent.client_id, occurrence_id: sent.occurrence_id, assignment_id: plan.id, activity_key: sent.occurrence_id.split(".")[1]!, patient_id: plan.patient_id, outcome: sent.outcome, reason: sent.reason ?? null, values: (sent.values ?? []).map((value) => ({ ...value, converted: { value: value.value, unit: value.unit } })), answers: sent.answers ?? null, score: score === null ? null : { value: score }, effective_at: now, recorded_at: now, recorded_by: "acc-5", late: false };
  addEntry(entry);
  return { status: 201, body: entry };
}

function retract(id: string): MockAnswer {
  const entry = entries.find((item) => item.id === id);
  if (!entry) return problem(404, "There is no such entry");
  const now = new Date().toISOString();
  const retraction: Entry = { ...entry, id: newId(), client_id: newId(), outcome: "retracted", values: [], reason: null, replaces: entry.id, recorded_at: now, effective_at: now };
  addEntry(retraction);
  return ok(retraction);
}
