import { type QueryKey, useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import type { ApiProblem } from "./problem";
import type { Page } from "./types";
import { asProblem } from "./useDataFetching";

export interface FetchedList<T> {
  items: T[];
  pages: T[][];
  problem: ApiProblem | null;
  isLoading: boolean;
  isRefreshing: boolean;
  hasMore: boolean;
  isLoadingMore: boolean;
  loadMore: () => void;
  retry: () => void;
}

/** A list by keyset pages. `fetcher` gets the token of the page, undefined for the first. */
export function useListFetching<T>(key: QueryKey, fetcher: (pageToken: string | undefined, signal: AbortSignal) => Promise<Page<T>>, enabled = true): FetchedList<T> {
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => fetcher(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_page_token,
    enabled,
    staleTime: 30_000,
    placeholderData: (before) => before,
  });
  const { fetchNextPage, refetch, data } = query;
  const pages = useMemo(() => data?.pages.map((page) => page.items) ?? [], [data]);
  const items = useMemo(() => pages.flat(), [pages]);
  return {
    items,
    pages,
    problem: asProblem(query.error),
    isLoading: query.isLoading,
    isRefreshing: query.isFetching && !query.isFetchingNextPage,
    hasMore: query.hasNextPage,
    isLoadingMore: query.isFetchingNextPage,
    loadMore: useCallback(() => void fetchNextPage(), [fetchNextPage]),
    retry: useCallback(() => void refetch(), [refetch]),
  };
}
