import { type QueryKey, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useRef, useState } from "react";
import { ApiProblem } from "./problem";

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

export interface Act<Input, Result> {
  /** Resolves with the result, or with undefined when it failed (then `problem` says why). */
  run: (input: Input) => Promise<Result | undefined>;
  isRunning: boolean;
  problem: ApiProblem | null;
  reset: () => void;
}

/** A write, and what to fetch again after it. */
export function useAct<Input, Result>(act: (input: Input) => Promise<Result>, invalidates: readonly QueryKey[] = []): Act<Input, Result> {
  const queries = useQueryClient();
  const [state, setState] = useState<{ isRunning: boolean; problem: ApiProblem | null }>({ isRunning: false, problem: null });
  // The newest closure acts, so that `run` itself can stay the same from render to render.
  const latest = useRef({ act, invalidates });
  latest.current = { act, invalidates };
  const run = useCallback(
    async (input: Input): Promise<Result | undefined> => {
      setState({ isRunning: true, problem: null });
      try {
        const result = await latest.current.act(input);
        await Promise.all(latest.current.invalidates.map((queryKey) => queries.invalidateQueries({ queryKey })));
        setState({ isRunning: false, problem: null });
        return result;
      } catch (error) {
        setState({ isRunning: false, problem: asProblem(error) });
        return undefined;
      }
    },
    [queries],
  );
  const reset = useCallback(() => setState({ isRunning: false, problem: null }), []);
  return { run, ...state, reset };
}

export function asProblem(error: unknown): ApiProblem | null {
  if (error == null) return null;
  if (error instanceof ApiProblem) return error;
  console.error(error);
  return new ApiProblem(-1, { title: "This page hit an unexpected fault", status: -1, detail: "Reload the page. If it happens again, tell your administrator." });
}
