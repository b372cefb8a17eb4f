import { type QueryKey, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import { ApiProblem } from "./problem";
import type { Page } from "./types";

/** What every page reads: the data, or why there is none and how to ask again. */
export interface Fetched<T> {
  data: T | undefined;
  problem: ApiProblem | null;
  isLoading: boolean;
  isRefreshing: boolean;
  retry: () => void;
}

interface Options {
  enabled?: boolean;
  /** How long an answer is taken as fresh; 30 seconds unless said otherwise. */
  staleSeconds?: number;
  /** Ask again after so many milliseconds, while it returns a number. */
  pollMs?: (data: unknown) => number | false;
  /** Show the former answer while another is fetched: a list does not blink as its filter changes. */
  keepsPrevious?: boolean;
}

export function useDataFetching<T>(key: QueryKey, fetcher: (signal: AbortSignal) => Promise<T>, options: Options = {}): Fetched<T> {
  const query = useQuery<T>({
    queryKey: key,
    queryFn: ({ signal }) => fetcher(signal),
    enabled: options.enabled ?? true,
    staleTime: (options.staleSeconds ?? 30) * 1000,
    ...(options.pollMs ? { refetchInterval: (running) => options.pollMs!(running.state.data) } : {}),
    ...(options.keepsPrevious ? { placeholderData: (before: T | undefined) => before as never } : {}),
  });
  const { refetch } = query;
  const retry = useCallback(() => void refetch(), [refetch]);
  return { data: query.data, problem: asProblem(query.error), isLoading: query.isLoading, isRefreshing: query.isFetching, retry };
}

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

export interface Act<Input, Result> {
  /** Resolves with the result, or with undefined when the server refused (then `problem` says why). */
  run: (input: Input) => Promise<Result | undefined>;
  isRunning: boolean;
  problem: ApiProblem | null;
  reset: () => void;
}

/** A write, and what to fetch again after it. */
export function useAct<Input, Result>(act: (input: Input) => Promise<Result>, invalidates: readonly QueryKey[] = []): Act<Input, Result> {
  const queries = useQueryClient();
  const mutation = useMutation({
    mutationFn: act,
    onSuccess: () => Promise.all(invalidates.map((queryKey) => queries.invalidateQueries({ queryKey }))),
  });
  const { mutateAsync, reset } = mutation;
  const run = useCallback(
    (input: Input) =>
      mutateAsync(input).catch((error: unknown) => {
        // A refusal is shown from `problem`; anything else is a fault of this app and goes to the error boundary's log.
        if (!(error instanceof ApiProblem)) throw error;
        return undefined;
      }),
    [mutateAsync],
  );
  return { run, isRunning: mutation.isPending, problem: asProblem(mutation.error), reset };
}

export function asProblem(error: unknown): ApiProblem | null {
  if (error == null) return null;
  if (error instanceof ApiProblem) return error;
  console.error(error);
  return new ApiProblem(-1, { title: "This page hit an unexpected fault", status: -1, detail: "Reload the page. If it happens again, tell your administrator." });
}
