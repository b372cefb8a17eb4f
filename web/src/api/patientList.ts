import { bodyOf, client, given } from "./client";
import type { ListQuery } from "./paths";
import type { Patient } from "./types";
import { type FetchedList, useListFetching } from "./useListFetching";

const PAGE_SIZE = 100;

export function usePatients(query: Pick<ListQuery, "q" | "filter" | "order_by">): FetchedList<Patient> {
  return useListFetching(["patients", "list", query], (page_token, signal) =>
    bodyOf(client.GET("/api/v1/patients", { params: { query: { ...given(query), page_size: PAGE_SIZE, page_token } }, signal })),
  );
}
