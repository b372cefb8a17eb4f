import { bodyOf, client, given } from "./client";
import type { BulkInput, ListQuery, MoveInput } from "./paths";
import type { Adherence, Assignment, Operation, Page } from "./types";
import { type Act, type Fetched, useAct, useDataFetching } from "./useDataFetching";

export const useAssignments = (query: ListQuery, enabled = true): Fetched<Page<Assignment>> =>
  useDataFetching(["assignments", "list", query], (signal) => bodyOf(client.GET("/api/v1/assignments", { params: { query: given(query) }, signal })), { enabled });

export const usePatientAssignments = (patientId: string): Fetched<Page<Assignment>> =>
  useAssignments({ filter: `patient_id = "${patientId}"`, page_size: 100 });

export const useAssignment = (id: string, enabled = true): Fetched<Assignment> =>
  useDataFetching(["assignments", id, "record"], (signal) => bodyOf(client.GET("/api/v1/assignments/{id}", { params: { path: { id } }, signal })), { enabled, staleSeconds: 120 });

export const useAssignmentAdherence = (id: string, span: { from: string; to: string }, enabled = true): Fetched<Adherence> =>
  useDataFetching(["assignments", id, "adherence", span], (signal) => bodyOf(client.GET("/api/v1/assignments/{id}/adherence", { params: { path: { id }, query: span }, signal })), {
    enabled,
  });

/** Everything that an assignment's change can alter on screen. */
const TOUCHED = [["assignments"], ["patients"], ["adherence"]];

export type AssignmentCommand =
  | { kind: "pause"; reason?: string }
  | { kind: "resume"; shift: boolean }
  | { kind: "stop"; reason: string }
  | { kind: "complete" };

export function useAssignmentCommand(id: string): Act<AssignmentCommand, Assignment> {
  return useAct((command: AssignmentCommand) => {
    const params = { path: { id } };
    if (command.kind === "pause") return bodyOf(client.POST("/api/v1/assignments/{id}/pause", { params, body: command.reason ? { reason: command.reason } : {} }));
    if (command.kind === "resume") return bodyOf(client.POST("/api/v1/assignments/{id}/resume", { params, body: { shift: command.shift } }));
    if (command.kind === "stop") return bodyOf(client.POST("/api/v1/assignments/{id}/stop", { params, body: { reason: command.reason } }));
    return bodyOf(client.POST("/api/v1/assignments/{id}/complete", { params }));
  }, TOUCHED);
}

export function useMove(id: string): Act<MoveInput, unknown> {
  return useAct((input: MoveInput) => bodyOf(client.POST("/api/v1/assignments/{id}/move", { params: { path: { id } }, body: input })), TOUCHED);
}

export interface AssignInput {
  protocol_id: string;
  version: number;
  patient_id: string;
  starts_on: string;
}

export const useAssign = (): Act<AssignInput, Assignment> => useAct((body: AssignInput) => bodyOf(client.POST("/api/v1/assignments", { body })), TOUCHED);

export function useBulkAssign(): Act<{ input: BulkInput; key: string }, Operation> {
  return useAct(
    ({ input, key }: { input: BulkInput; key: string }) => bodyOf(client.POST("/api/v1/assignments/bulk", { body: input, headers: { "Idempotency-Key": key } })),
    TOUCHED,
  );
}

const POLL_MS = 700;

/** Long work, asked again until it has ended. */
export function useOperation<Result>(id: string | null): Fetched<Operation<Result>> {
  return useDataFetching(
    ["operations", id],
    // The result's shape belongs to the kind of operation; the caller that started it knows which.
    async (signal) => (await bodyOf(client.GET("/api/v1/operations/{id}", { params: { path: { id: id ?? "" } }, signal }))) as Operation<Result>,
    { enabled: id !== null, staleSeconds: 0, pollMs: (data) => (isEnded(data as Operation | undefined) ? false : POLL_MS) },
  );
}

const isEnded = (operation: Operation | undefined) => operation !== undefined && operation.status !== "queued" && operation.status !== "running";
