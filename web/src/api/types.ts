/** The shapes of the REST API that the app uses, named as in GLOSSARY.md. Instants are RFC 3339 UTC, days are ISO dates. */

export type Role = "admin" | "clinician" | "coordinator" | "auditor" | "patient" | "service";

export interface Account {
  id: string;
  email: string;
  role: Role;
  organisation_id: string;
  patient_id?: string | null;
}

export interface Session {
  account: Account;
  csrf_token: string;
}

export interface Page<T> {
  items: T[];
  next_page_token?: string;
}

export type Sex = "female" | "male" | "other" | "unknown";

export interface Identifier {
  system: string;
  value: string;
}

export interface Patient {
  id: string;
  given_name: string;
  family_name: string;
  birth_date: string;
  sex: Sex | null;
  email?: string | null;
  phone?: string | null;
  time_zone?: string | null;
  language?: string | null;
  identifiers?: Identifier[];
  status: "active" | "archived" | "erased";
  created_at: string;
  updated_at: string;
}

export interface PatientInput {
  given_name: string;
  family_name: string;
  birth_date: string;
  sex?: Sex | null;
  email?: string | null;
  phone?: string | null;
  time_zone?: string | null;
  identifiers?: Identifier[];
}

export type ActivityKind = "task" | "measurement" | "medication" | "exercise" | "questionnaire" | "education" | "appointment";

export type PeriodUnit = "s" | "min" | "h" | "d" | "wk" | "mo" | "a";

/** FHIR R4 Timing.repeat in FHIR's own names, and four fields of ours in minutes (care-rules §2). */
export interface Schedule {
  boundsDuration?: { value: number; unit: PeriodUnit };
  boundsRange?: { low?: { value: number; unit: PeriodUnit }; high?: { value: number; unit: PeriodUnit } };
  boundsPeriod?: { start?: string; end?: string };
  count?: number;
  countMax?: number;
  duration?: number;
  durationMax?: number;
  durationUnit?: PeriodUnit;
  frequency?: number;
  frequencyMax?: number;
  period?: number;
  periodMax?: number;
  periodUnit?: PeriodUnit;
  dayOfWeek?: string[];
  timeOfDay?: string[];
  when?: string[];
  offset?: number;
  offsets_minutes?: number[];
  window_minutes?: number;
  lead_minutes?: number;
  reminders?: { after_minutes: number }[];
}

export interface ValueRange {
  low?: number | null;
  high?: number | null;
}

export interface Quantity {
  code: string;
  display?: string | null;
  unit: string;
  plausible_range?: ValueRange | null;
  target_range?: ValueRange | null;
  alert_thresholds?: ValueRange | null;
}

export interface Measurement extends Quantity {
  components?: Quantity[];
}

export interface AnswerOption {
  value: string;
  label?: string | null;
  score?: number | null;
}

export interface QuestionnaireItem {
  link_id: string;
  text: string;
  type: "choice" | "boolean" | "integer" | "decimal" | "text" | "date" | "display";
  required?: boolean;
  options?: AnswerOption[];
  range?: ValueRange | null;
}

export interface ScoreBand {
  low: number;
  high: number;
  label: string;
  severity?: "none" | "low" | "moderate" | "high";
}

export interface Questionnaire {
  title?: string | null;
  code?: string | null;
  items?: QuestionnaireItem[];
  scoring?: { method: "sum" | "mean"; bands?: ScoreBand[]; minimum_answered?: number | null } | null;
}

export interface Activity {
  key: string;
  kind: ActivityKind;
  title: string;
  instructions?: string | null;
  clinician_instructions?: string | null;
  schedule?: Schedule;
  measurement?: Measurement | null;
  questionnaire?: Questionnaire | null;
  medication?: { name: string; dose?: string | null } | null;
}

export interface Phase {
  title: string;
  start_day: number;
  length_days: number;
  description?: string | null;
  activities?: Activity[];
}

export interface Kept {
  pointer: string;
  what: string;
  text: string;
}

export type ProtocolStatus = "draft" | "active" | "retired";

/** A row of the library; `Protocol` adds what a version says. */
export interface ProtocolSummary {
  id: string;
  title: string;
  description: string;
  duration_days: number;
  category?: string | null;
  tags: string[];
  status: ProtocolStatus;
  version: number;
  active_version?: number | null;
  activity_count?: number;
  published_at?: string | null;
  updated_at?: string | null;
}

export interface Protocol extends ProtocolSummary {
  content: string;
  patient_content?: string | null;
  languages?: string[];
  phases: Phase[];
  kept?: Kept[];
}

export interface VersionSummary {
  version: number;
  status: ProtocolStatus;
  published_at?: string | null;
  created_at?: string | null;
  updated_at?: string | null;
}

export interface FieldChange {
  field: string;
  before?: unknown;
  after?: unknown;
}

/** One card of a comparison of two versions. */
export interface Change {
  change: "added" | "removed" | "changed";
  of: "protocol" | "phase" | "activity";
  name: string;
  title: string;
  fields?: FieldChange[];
}

export type AssignmentStatus = "proposed" | "active" | "paused" | "completed" | "stopped" | "entered_in_error";

export interface Assignment {
  id: string;
  protocol_id: string;
  protocol_title?: string | null;
  version: number;
  patient_id: string;
  status: AssignmentStatus;
  assigned_at: string;
  assigned_by: string | null;
  starts_on: string;
  ends_on: string;
  time_zone: string;
  segments?: { version: number; from?: string; from_on?: string }[];
  stop_reason?: string | null;
}

export type OccurrenceState = "not_yet_open" | "open" | "completed" | "skipped" | "missed" | "not_applicable";

export interface Occurrence {
  id: string;
  assignment_id: string;
  activity_key: string;
  kind: ActivityKind;
  title: string;
  planned_at: string;
  planned_local: string;
  slot: number;
  opens_at: string;
  closes_at: string;
  state: OccurrenceState;
  entry_id?: string | null;
  timed?: boolean;
}

/** An occurrence of a protocol that nobody was given yet: it has no id. */
export type PreviewOccurrence = Omit<Occurrence, "id" | "assignment_id" | "entry_id" | "state">;

/** What an activity of the day asks, adjusted to the patient: she may read this, not the library. */
export type PlanActivity = Omit<Activity, "key"> & { assignment_id: string; activity_key: string; protocol_title: string };

export interface Today {
  date: string;
  time_zone: string;
  occurrences: Occurrence[];
  activities: PlanActivity[];
  done: number;
  due: number;
}

export interface EntryValue {
  code: string;
  value: number;
  unit: string;
  given?: { value: number; unit: string };
}

export interface EntryAnswer {
  link_id: string;
  value: string | number | boolean;
}

export interface EntryInput {
  client_id: string;
  occurrence_id: string;
  outcome: "completed" | "skipped";
  effective_at: string;
  reason?: string;
  values?: { code: string; value: number; unit: string }[];
  answers?: EntryAnswer[];
  note?: string;
  confirmed?: boolean;
  replaces?: string;
}

export interface Entry {
  id: string;
  client_id: string;
  occurrence_id?: string | null;
  assignment_id: string;
  activity_key: string;
  outcome: "completed" | "skipped" | "retracted";
  reason?: string | null;
  values: EntryValue[];
  answers?: EntryAnswer[] | null;
  score?: { value: number | null; label?: string | null; severity?: string | null } | number | null;
  note?: string | null;
  effective_at: string;
  recorded_at: string;
  recorded_by: string;
  late: boolean;
  replaces?: string | null;
}

export interface Counts {
  completed: number;
  skipped: number;
  missed: number;
}

export interface DayCounts extends Counts {
  date: string;
}

export interface Adherence extends Counts {
  from: string;
  to: string;
  ratio: number | null;
  on_time_ratio: number | null;
  by_activity: (Counts & { activity_key: string; assignment_id?: string; title?: string; ratio: number | null })[];
  by_week: (Counts & { week: string; ratio: number | null })[];
  by_day?: DayCounts[];
  streak_days: number;
}

export interface AdherenceRow extends Counts {
  patient_id?: string;
  protocol_id?: string;
  assignment_id?: string;
  title?: string | null;
  ratio: number | null;
  on_time_ratio: number | null;
}

export interface MeasurementPoint {
  code: string;
  display?: string | null;
  unit: string;
  value: number;
  effective_at: string;
  entry_id: string;
  target_range?: ValueRange | null;
  given?: { value: number; unit: string } | null;
}

export interface Operation<Result = unknown> {
  id: string;
  kind: string;
  status: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  progress: { done: number; total: number | null };
  result?: Result | null;
  problem?: ProblemBody | null;
}

export interface ProblemBody {
  type?: string;
  title: string;
  status: number;
  detail?: string;
  instance?: string;
  request_id?: string;
  errors?: { pointer: string; code: string; detail: string }[];
}
