/**
 * The nouns of the API by their own names (GLOSSARY.md). The shapes are generated from the server's openapi.json into
 * schema.d.ts by `npm run api`; nothing here repeats them.
 */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Session = Schemas["SessionOut"];
export type Account = Schemas["SessionAccountOut"];

export type Patient = Schemas["PatientOut"];
export type PatientRow = Schemas["PatientListItem"];
export type PatientInput = Schemas["CreatePatient"];
export type Identifier = Schemas["Identifier"];
export type Sex = Patient["sex"];

export type Protocol = Schemas["ProtocolOut"];
export type ProtocolVersion = Schemas["ProtocolVersionOut"];
export type ProtocolRow = Schemas["ProtocolListItem"];
export type ProtocolStatus = Protocol["status"];
export type Phase = Schemas["Phase"];
export type Activity = Schemas["Activity"];
export type ActivityKind = Activity["kind"];
export type Schedule = Schemas["Schedule"];
export type Measurement = Schemas["Measurement"];
export type Quantity = Schemas["Quantity"];
export type Questionnaire = Schemas["Questionnaire"];
export type QuestionnaireItem = Schemas["QuestionnaireItem"];
export type ScoreBand = Schemas["ScoreBand"];
export type Change = Schemas["Change"];
export type FieldChange = Schemas["FieldChange"];
export type PreviewDay = Schemas["PreviewDay"];
export type PreviewOccurrence = Schemas["PreviewOccurrence"];
export type ImportReport = Schemas["ImportReport"];
export type Finding = Schemas["Finding"];

export type Assignment = Schemas["AssignmentOut"];
export type MovePreview = Schemas["MovePreview"];
export type PlanChange = Schemas["PlanChange"];
export type MoveInput = Schemas["MoveAssignment"];
export type BulkInput = Schemas["BulkAssign"];
export type AssignInput = Schemas["CreateAssignment"];

/** What an activity of the day asks, adjusted to the patient: she may read this, not the library. */
export type PlanActivity = Schemas["PlanActivity"];
export type Today = Schemas["TodayOut"];
export type Occurrence = Schemas["OccurrenceOut"];
export type Entry = Schemas["EntryOut"];
export type EntryInput = Schemas["NewEntry"];
export type EntryAnswer = Schemas["Answer"];

export type Adherence = Schemas["AdherenceOut"];
export type AdherenceRow = Schemas["RankedOut"];
export type MeasurementPoint = Schemas["MeasurementOut"];
export type Operation = Schemas["OperationOut"];

/** What a file holds, how it looked when it came, and what became of its lines. */
export type FileKindColumns = Schemas["KindOut"];
export type FileKind = FileKindColumns["kind"];
export type FileUpload = Schemas["UploadOut"];
export type FilePreview = Schemas["PreviewOut"];
export type FileLine = Schemas["PreviewLine"];
export type FileFault = Schemas["FirstFault"];

export type OrganisationSetting = Schemas["SettingOut"];
export type SettingChange = Schemas["ChangeSetting"];
export type SettingVersion = Schemas["SettingVersionOut"];

export interface Page<T> {
  items: T[];
  next_page_token?: string | null;
}

/** RFC 9457, as far as the app reads it. */
export interface ProblemBody {
  type?: string;
  title: string;
  status: number;
  detail?: string;
  instance?: string;
  request_id?: string;
  errors?: { pointer: string; code: string; detail: string }[];
}

export type Flag = Schemas["FlagOut"];
export type FlagState = Schemas["StateOut"];
export type FlagRule = Schemas["RuleOut"];
export type FlagRuleInput = Schemas["RuleIn"];
export type FlagChange = Schemas["ChangeFlag"];
export type FlagVersion = Schemas["VersionOut"];
export type StaleFlag = Schemas["StaleOut"];
export type FlagRollout = Schemas["RolloutOut"];
export type WatchedRollout = Schemas["WatchedRolloutOut"];
export type RolloutStart = Schemas["StartRollout"];
