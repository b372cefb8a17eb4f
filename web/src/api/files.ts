/** Files of many patients, plans or entries: sent, looked into, brought in as long work, and taken out. */
import { bodyOf, client, csrfHeader } from "./client";
import { problemOf, unreachable } from "./problem";
import type { FileKind, FileKindColumns, FilePreview, FileUpload, Operation } from "./types";
import { type Act, type Fetched, useAct, useDataFetching } from "./useDataFetching";

export const useFileKinds = (): Fetched<FileKindColumns[]> =>
  useDataFetching(["file-kinds"], async (signal) => (await bodyOf(client.GET("/api/v1/file-kinds", { signal }))).items, { staleSeconds: 3600 });

export const useFilePreview = (uploadId: string, kind: FileKind): Fetched<FilePreview> =>
  useDataFetching(["uploads", uploadId, "preview", kind], (signal) => bodyOf(client.GET("/api/v1/uploads/{upload_id}/first-lines", { params: { path: { upload_id: uploadId }, query: { kind } }, signal })), {
    enabled: uploadId !== "",
    staleSeconds: 300,
  });

export interface ImportInput {
  kind: FileKind;
  upload_id: string;
  dry_run: boolean;
  existing: "skip" | "update";
}

export const useStartImport = (): Act<ImportInput, Operation> => useAct(({ kind, ...body }: ImportInput) => bodyOf(client.POST(`/api/v1/imports/${kind}`, { body })), [["operations"]]);

export const useCancelOperation = (): Act<string, Operation> =>
  useAct((id: string) => bodyOf(client.POST("/api/v1/operations/{operation_id}/cancel", { params: { path: { operation_id: id } } })), [["operations"]]);

/** Where the browser downloads from: it streams to the disk by itself, whatever the size. */
const exportAddress = (kind: FileKind, format: "csv" | "ndjson", filter: string): string => `/api/v1/exports/${kind}?${new URLSearchParams({ format, ...(filter.trim() ? { filter: filter.trim() } : {}) })}`;

/** Asks for the first of a list, so that a faulty filter is told here, and then lets the browser download. */
export const useTakeOut = (): Act<{ kind: FileKind; format: "csv" | "ndjson"; filter: string }, true> =>
  useAct(async ({ kind, format, filter }) => {
    await client.GET(`/api/v1/${kind}`, { params: { query: { page_size: 1, ...(filter.trim() ? { filter: filter.trim() } : {}) } } });
    location.assign(exportAddress(kind, format, filter));
    return true as const;
  });

export const faultsAddress = (operationId: string): string => `/api/v1/imports/${operationId}/errors`;

/** Sends a file as it is, telling how much has gone: `fetch` cannot say that. Rejects with an ApiProblem, or an AbortError. */
export function sendFile(file: File, onSent: (share: number) => void, signal: AbortSignal): Promise<FileUpload> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/api/v1/uploads");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(csrfHeader())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => onSent(event.lengthComputable && event.total > 0 ? event.loaded / event.total : 0));
    request.addEventListener("error", () => reject(unreachable()));
    request.addEventListener("abort", () => reject(new DOMException("The upload was stopped", "AbortError")));
    request.addEventListener("load", () => {
      const headers = { "content-type": request.getResponseHeader("content-type") ?? "", "x-request-id": request.getResponseHeader("x-request-id") ?? "" };
      const answer = new Response(request.responseText, { status: request.status || 500, headers });
      // The contract's type: the server answers an upload with it and nothing else.
      if (answer.ok) answer.json().then((body) => resolve(body as FileUpload), reject);
      else problemOf(answer).then(reject, reject);
    });
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}
