import { bodyOf, client, given } from "./client";
import type { PatientRow } from "./types";
import { type FetchedList, useListFetching } from "./useListFetching";

const PAGE_SIZE = 100;

export function usePatients(query: { q: string; filter: string; order_by: string }): FetchedList<PatientRow> {
  return useListFetching(["patients", "list", query], (page_token, signal) =>
    bodyOf(client.GET("/api/v1/patients", { params: { query: { ...given(query), page_size: PAGE_SIZE, page_token } }, signal })),
  );
}
