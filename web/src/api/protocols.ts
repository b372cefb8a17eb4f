import { bodyOf, client, given, ifMatch } from "./client";
import type { Change, ImportReport, Page, PreviewDay, Protocol, ProtocolRow, ProtocolVersion } from "./types";
import { type Act, type Fetched, useAct, useDataFetching } from "./useDataFetching";
import { type FetchedList, useListFetching } from "./useListFetching";

export function useProtocols(query: { q: string; filter: string }): FetchedList<ProtocolRow> {
  return useListFetching(["protocols", "list", query], (page_token, signal) =>
    bodyOf(client.GET("/api/v1/protocols", { params: { query: { ...given(query), page_size: 100, page_token } }, signal })),
  );
}

export const useProtocol = (id: string, enabled = true): Fetched<Protocol> =>
  useDataFetching(["protocols", id, "current"], (signal) => bodyOf(client.GET("/api/v1/protocols/{protocol_id}", { params: { path: { protocol_id: id } }, signal })), { enabled });

export const useProtocolVersion = (id: string, version: number, enabled = true): Fetched<Protocol> =>
  useDataFetching(
    ["protocols", id, "version", version],
    (signal) => bodyOf(client.GET("/api/v1/protocols/{protocol_id}/versions/{version}", { params: { path: { protocol_id: id, version } }, signal })),
    { enabled, staleSeconds: 300 },
  );

export const useVersions = (id: string, enabled = true): Fetched<Page<ProtocolVersion>> =>
  useDataFetching(["protocols", id, "versions"], (signal) => bodyOf(client.GET("/api/v1/protocols/{protocol_id}/versions", { params: { path: { protocol_id: id } }, signal })), { enabled });

export const usePreview = (id: string, version: number, query: { starts_on: string; first_day: number; days: number; time_zone: string }): Fetched<PreviewDay[]> =>
  useDataFetching(
    ["protocols", id, "preview", version, query],
    async (signal) => (await bodyOf(client.GET("/api/v1/protocols/{protocol_id}/versions/{version}/preview", { params: { path: { protocol_id: id, version }, query }, signal }))).days,
    { keepsPrevious: true },
  );

export const useDifference = (id: string, from: number, to: number): Fetched<Change[]> =>
  useDataFetching(["protocols", id, "diff", from, to], async (signal) => (await bodyOf(client.GET("/api/v1/protocols/{protocol_id}/diff", { params: { path: { protocol_id: id }, query: { from, to } }, signal }))).changes, {
    enabled: from !== to,
  });

type Command = "publish" | "retire" | "duplicate";

export function useProtocolCommand(id: string, command: Command): Act<void, Protocol> {
  return useAct(
    () => bodyOf(client.POST(`/api/v1/protocols/{protocol_id}/${command}`, { params: { path: { protocol_id: id }, header: command === "duplicate" ? {} : ifMatch(`/api/v1/protocols/${id}`) } })),
    [["protocols"]],
  );
}

export function useImport(): Act<{ name: string; content: string }, ImportReport> {
  return useAct((file: { name: string; content: string }) => bodyOf(client.POST("/api/v1/imports", { body: { files: [file] } })), [["protocols"]]);
}

export type ExportFormat = "native-yaml" | "native-json" | "fhir" | "radar";

/** Fetches the file and hands it to the browser as a download; not every protocol can be said in every format. */
export function useExport(id: string, version: number): Act<ExportFormat, true> {
  return useAct(async (format: ExportFormat) => {
    const answer = await client.GET("/api/v1/protocols/{protocol_id}/export", { params: { path: { protocol_id: id }, query: { format, version } }, parseAs: "blob" });
    const name = /filename="([^"]+)"/.exec(answer.response.headers.get("content-disposition") ?? "")?.[1] ?? "protocol";
    const link = document.createElement("a");
    // `parseAs` decides what the body is; the generated type knows only its media type.
    link.href = URL.createObjectURL(answer.data as unknown as Blob);
    link.download = name;
    link.click();
    // The download has its own hold on the bytes by then.
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    return true as const;
  });
}
