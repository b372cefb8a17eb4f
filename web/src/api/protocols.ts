import { bodyOf, client, given, ifMatch } from "./client";
import type { ListQuery } from "./paths";
import type { Change, Page, PreviewOccurrence, Protocol, ProtocolSummary, VersionSummary } from "./types";
import { type Act, type Fetched, useAct, useDataFetching } from "./useDataFetching";
import { type FetchedList, useListFetching } from "./useListFetching";

export function useProtocols(query: Pick<ListQuery, "q" | "filter" | "order_by">): FetchedList<ProtocolSummary> {
  return useListFetching(["protocols", "list", query], (page_token, signal) =>
    bodyOf(client.GET("/api/v1/protocols", { params: { query: { ...given(query), page_size: 100, page_token } }, signal })),
  );
}

export const useProtocol = (id: string, enabled = true): Fetched<Protocol> =>
  useDataFetching(["protocols", id, "current"], (signal) => bodyOf(client.GET("/api/v1/protocols/{id}", { params: { path: { id } }, signal })), { enabled });

export const useProtocolVersion = (id: string, version: number, enabled = true): Fetched<Protocol> =>
  useDataFetching(
    ["protocols", id, "version", version],
    (signal) => bodyOf(client.GET("/api/v1/protocols/{id}/versions/{version}", { params: { path: { id, version } }, signal })),
    { enabled, staleSeconds: 300 },
  );

export const useVersions = (id: string, enabled = true): Fetched<Page<VersionSummary>> =>
  useDataFetching(["protocols", id, "versions"], (signal) => bodyOf(client.GET("/api/v1/protocols/{id}/versions", { params: { path: { id } }, signal })), { enabled });

export interface PreviewDay {
  date: string;
  occurrences: PreviewOccurrence[];
}

export const usePreview = (id: string, version: number, query: { starts_on: string; days: number; time_zone: string }): Fetched<PreviewDay[]> =>
  useDataFetching(
    ["protocols", id, "preview", version, query],
    async (signal) => (await bodyOf(client.GET("/api/v1/protocols/{id}/versions/{version}/preview", { params: { path: { id, version }, query }, signal }))).days,
    { keepsPrevious: true },
  );

export const useDifference = (id: string, from: number, to: number): Fetched<Change[]> =>
  useDataFetching(["protocols", id, "diff", from, to], async (signal) => (await bodyOf(client.GET("/api/v1/protocols/{id}/diff", { params: { path: { id }, query: { from, to } }, signal }))).changes, {
    enabled: from !== to,
  });

type Command = "publish" | "retire" | "duplicate";

export function useProtocolCommand(id: string, command: Command): Act<void, Protocol> {
  return useAct(
    () => bodyOf(client.POST(`/api/v1/protocols/{id}/${command}`, { params: { path: { id } }, headers: ifMatch(`/api/v1/protocols/${id}`) })),
    [["protocols"]],
  );
}

export function useImport(): Act<{ filename: string; media_type: string; content: string }, unknown> {
  return useAct((file: { filename: string; media_type: string; content: string }) => bodyOf(client.POST("/api/v1/imports", { body: file })), [["protocols"]]);
}

export const exportHref = (id: string, format: string): string => `/api/v1/protocols/${id}/export?format=${format}`;
