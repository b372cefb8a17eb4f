/** Files of many patients, plans or entries: sent, looked into, brought in as long work, and taken out. */
import { bodyOf, client, csrfHeader } from "./client";
import { ApiProblem, problemOf, unreachable } from "./problem";
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

/** How long to wait before the next try, in milliseconds; after the last of them, or so many breaks in a row without a byte more, it is given up. */
export const WAITS = [500, 1000, 2000, 4000, 8000, 16000];

/**
 * Sends a file, telling how much has gone. What breaks off goes on where it stopped, also when the same file is chosen
 * again later. Rejects with an ApiProblem, or an AbortError.
 */
export async function sendFile(file: File, onSent: (share: number) => void, signal: AbortSignal): Promise<FileUpload> {
  const total = Math.max(file.size, 1);
  if (file.size === 0 || (await isPacked(file))) return sendPart("POST", "/api/v1/uploads", file, (sent) => onSent(sent / total), signal);
  const name = `${file.name} ${file.size} ${file.lastModified}`.slice(-500);
  const announce = () => bodyOf(client.POST("/api/v1/uploads/resumable", { body: { size_bytes: file.size, name }, signal }));
  let upload = await announce();
  let breaks = 0;
  /* oxlint-disable no-await-in-loop -- each part begins where the one before it ended */
  while (!upload.is_complete) {
    const begin = upload.received_bytes;
    try {
      upload = await sendPart("PUT", `/api/v1/uploads/${upload.id}/content?offset=${begin}`, file.slice(begin), (sent) => onSent((begin + sent) / total), signal);
    } catch (error) {
      if (!isBreak(error) || breaks >= WAITS.length) throw error;
      await pause(WAITS[breaks], signal);
      breaks += 1;
      // Announced again it says how much of it is there.
      upload = await announce().catch((other: unknown) => {
        if (isBreak(other)) return upload;
        throw other;
      });
      if (upload.received_bytes > begin) breaks = 0;
    }
  }
  /* oxlint-enable no-await-in-loop */
  return upload;
}

/** Whether to go on later: the line broke, the server was away, or the part of before came to its end after all. */
const isBreak = (error: unknown): boolean => error instanceof ApiProblem && (error.status === 0 || error.status === 409 || error.status >= 500);

async function isPacked(file: File): Promise<boolean> {
  const [first, second] = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  return first === 0x1f && second === 0x8b;
}

const stopped = (): DOMException => new DOMException("The upload was stopped", "AbortError");

function pause(milliseconds: number | undefined, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    const stop = () => {
      clearTimeout(timer);
      reject(stopped());
    };
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
  });
}

/** Sends a body as it is, telling how many bytes have gone: `fetch` cannot say that. */
function sendPart(method: "POST" | "PUT", address: string, body: Blob, onSent: (bytes: number) => void, signal: AbortSignal): Promise<FileUpload> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, address);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(csrfHeader())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => onSent(event.loaded));
    request.addEventListener("error", () => reject(unreachable()));
    request.addEventListener("abort", () => reject(stopped()));
    request.addEventListener("load", () => {
      const headers = { "content-type": request.getResponseHeader("content-type") ?? "", "x-request-id": request.getResponseHeader("x-request-id") ?? "" };
      const answer = new Response(request.responseText, { status: request.status || 500, headers });
      // The contract's type: the server answers an upload with it and nothing else.
      if (answer.ok) answer.json().then((sent) => resolve(sent as FileUpload), reject);
      else problemOf(answer).then(reject, reject);
    });
    if (signal.aborted) {
      reject(stopped());
      return;
    }
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(body);
  });
}
