import { bodyOf, client, given } from "./client";
import type { Adherence, AssignInput, Assignment, BulkInput, MoveInput, MovePreview, Operation, Page } from "./types";
import { type Act, type Fetched, useAct, useDataFetching } from "./useDataFetching";

export const useAssignments = (query: { filter?: string; page_size?: number }, enabled = true): Fetched<Page<Assignment>> =>
  useDataFetching(["assignments", "list", query], (signal) => bodyOf(client.GET("/api/v1/assignments", { params: { query: given(query) }, signal })), { enabled });

export const usePatientAssignments = (patientId: string): Fetched<Page<Assignment>> =>
  useAssignments({ filter: `patient_id = "${patientId}"`, page_size: 100 });

export const useAssignment = (id: string, enabled = true): Fetched<Assignment> =>
  useDataFetching(["assignments", id, "record"], (signal) => bodyOf(client.GET("/api/v1/assignments/{assignment_id}", { params: { path: { assignment_id: id } }, signal })), { enabled, staleSeconds: 120 });

export const useAssignmentAdherence = (id: string, span: { from: string; to: string }, enabled = true): Fetched<Adherence> =>
  useDataFetching(["assignments", id, "adherence", span], (signal) => bodyOf(client.GET("/api/v1/assignments/{assignment_id}/adherence", { params: { path: { assignment_id: id }, query: span }, signal })), {
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
    const params = { path: { assignment_id: id } };
    if (command.kind === "pause") return bodyOf(client.POST("/api/v1/assignments/{assignment_id}/pause", { params, body: command.reason ? { reason: command.reason } : {} }));
    if (command.kind === "resume") return bodyOf(client.POST("/api/v1/assignments/{assignment_id}/resume", { params, body: { shift: command.shift } }));
    if (command.kind === "stop") return bodyOf(client.POST("/api/v1/assignments/{assignment_id}/stop", { params, body: { reason: command.reason } }));
    return bodyOf(client.POST("/api/v1/assignments/{assignment_id}/complete", { params }));
  }, TOUCHED);
}

export function useMove(id: string): Act<MoveInput, MovePreview> {
  return useAct(async (input: MoveInput) => (await bodyOf(client.POST("/api/v1/assignments/{assignment_id}/move", { params: { path: { assignment_id: id } }, body: input }))).preview, TOUCHED);
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
export function useOperation(id: string | null): Fetched<Operation> {
  return useDataFetching(
    ["operations", id],
    (signal) => bodyOf(client.GET("/api/v1/operations/{operation_id}", { params: { path: { operation_id: id ?? "" } }, signal })),
    { enabled: id !== null, staleSeconds: 0, pollMs: (data) => (isEnded(data as Operation | undefined) ? false : POLL_MS) },
  );
}

const isEnded = (operation: Operation | undefined) => operation !== undefined && operation.status !== "queued" && operation.status !== "running";
