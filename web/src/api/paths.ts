/** The routes that the app calls, in the form that openapi-fetch reads. */
import type * as T from "./types";

interface Json<Body> {
  content: { "application/json": Body };
}

type Given<Path, Query> = (Path extends undefined ? { path?: never } : { path: Path }) &
  (Query extends undefined ? { query?: never } : { query?: Query });

interface Read<Result, Path = undefined, Query = undefined> {
  parameters: Given<Path, Query>;
  responses: { 200: Json<Result> };
}

interface Write<Result, Body, Path = undefined, Query = undefined> {
  parameters: Given<Path, Query>;
  requestBody: Json<Body>;
  responses: { 200: Json<Result> };
}

/** A write that says everything by its address. */
interface Command<Result, Path> {
  parameters: Given<Path, undefined>;
  requestBody?: never;
  responses: { 200: Json<Result> };
}

interface Remove<Result, Path> {
  parameters: Given<Path, undefined>;
  responses: { 200: Json<Result> };
}

export interface ListQuery {
  q?: string | undefined;
  filter?: string | undefined;
  order_by?: string | undefined;
  page_size?: number | undefined;
  page_token?: string | undefined;
}

export interface Span {
  from?: string | undefined;
  to?: string | undefined;
}

type Id = { id: string };
type VersionOf = { id: string; version: number };

export interface MoveInput {
  to_version: number;
  from: string;
  restart?: boolean;
  dry_run?: boolean;
}

export interface BulkInput {
  protocol_id: string;
  version?: number;
  starts_on: string;
  patient_ids?: string[];
  filter?: string;
  dry_run?: boolean;
}

export interface paths {
  "/api/v1/session": {
    get: Read<T.Session>;
    post: Write<T.Session, { email: string; password: string; code?: string }>;
    delete: Remove<undefined, undefined>;
  };
  "/api/v1/patients": { get: Read<T.Page<T.Patient>, undefined, ListQuery>; post: Write<T.Patient, T.PatientInput> };
  "/api/v1/patients/{id}": {
    get: Read<T.Patient, Id>;
    patch: Write<T.Patient, Partial<T.PatientInput>, Id>;
    delete: Remove<T.Patient | undefined, Id>;
  };
  "/api/v1/patients/{id}/today": { get: Read<T.Today, Id, { date?: string | undefined }> };
  "/api/v1/patients/{id}/adherence": { get: Read<T.Adherence, Id, Span> };
  "/api/v1/patients/{id}/measurements": { get: Read<{ items: T.MeasurementPoint[] }, Id, Span & { code?: string }> };
  "/api/v1/protocols": { get: Read<T.Page<T.ProtocolSummary>, undefined, ListQuery> };
  "/api/v1/protocols/{id}": { get: Read<T.Protocol, Id> };
  "/api/v1/protocols/{id}/publish": { post: Command<T.Protocol, Id> };
  "/api/v1/protocols/{id}/retire": { post: Command<T.Protocol, Id> };
  "/api/v1/protocols/{id}/duplicate": { post: Command<T.Protocol, Id> };
  "/api/v1/protocols/{id}/versions": { get: Read<T.Page<T.VersionSummary>, Id> };
  "/api/v1/protocols/{id}/diff": { get: Read<{ changes: T.Change[] }, Id, { from: number; to: number }> };
  "/api/v1/protocols/{id}/versions/{version}": { get: Read<T.Protocol, VersionOf> };
  "/api/v1/protocols/{id}/versions/{version}/preview": {
    get: Read<
      { days: { date: string; occurrences: T.PreviewOccurrence[] }[] },
      VersionOf,
      { starts_on?: string; days?: number; time_zone?: string }
    >;
  };
  "/api/v1/assignments": {
    get: Read<T.Page<T.Assignment>, undefined, ListQuery>;
    post: Write<T.Assignment, { protocol_id: string; version?: number; patient_id: string; starts_on: string; time_zone?: string }>;
  };
  "/api/v1/assignments/bulk": { post: Write<T.Operation, BulkInput> };
  "/api/v1/assignments/{id}": { get: Read<T.Assignment, Id> };
  "/api/v1/assignments/{id}/pause": { post: Write<T.Assignment, { reason?: string }, Id> };
  "/api/v1/assignments/{id}/resume": { post: Write<T.Assignment, { shift?: boolean }, Id> };
  "/api/v1/assignments/{id}/stop": { post: Write<T.Assignment, { reason: string }, Id> };
  "/api/v1/assignments/{id}/complete": { post: Command<T.Assignment, Id> };
  "/api/v1/assignments/{id}/move": { post: Write<unknown, MoveInput, Id> };
  "/api/v1/assignments/{id}/occurrences": { get: Read<T.Page<T.Occurrence>, Id, Span & ListQuery> };
  "/api/v1/assignments/{id}/adherence": { get: Read<T.Adherence, Id, Span> };
  "/api/v1/adherence": { get: Read<T.Page<T.AdherenceRow>, undefined, ListQuery & Span & { group_by: "patient" | "protocol" | "assignment" }> };
  "/api/v1/entries": { get: Read<T.Page<T.Entry>, undefined, ListQuery>; post: Write<T.Entry, T.EntryInput> };
  "/api/v1/entries/{id}": { delete: Remove<T.Entry, Id> };
  "/api/v1/imports": { post: Write<unknown, { filename: string; media_type: string; content: string }> };
  "/api/v1/operations/{id}": { get: Read<T.Operation, Id> };
}

