import { useCallback } from "react";
import { useSearchParams } from "wouter";
import { navigate, useHistoryState } from "wouter/use-browser-location";

let navigations = 0;

/** Told by the router at each change of page. */
export function countNavigation(): void {
  navigations += 1;
}

/** Whether the page on screen is the first since the app was loaded: then focus is the browser's. */
export const isFirstPage = (): boolean => navigations <= 1;

/** One parameter of the address as state. Setting replaces the history entry, unless `push` says otherwise; "" removes it. */
export function useAddressState(name: string, fallback = ""): [string, (value: string, push?: boolean) => void] {
  const [parameters, setParameters] = useSearchParams();
  const set = useCallback(
    (value: string, push = false) => {
      setParameters(
        (before) => {
          const next = new URLSearchParams(before);
          if (value === fallback || value === "") next.delete(name);
          else next.set(name, value);
          return next;
        },
        { replace: !push, state: history.state as unknown },
      );
    },
    [name, fallback, setParameters],
  );
  return [parameters.get(name) ?? fallback, set];
}

/**
 * Text kept with the history entry and not in the address: what was searched for may be a person's name, and addresses
 * end up in histories, logs and screenshots. Coming back finds it again.
 */
export function useEntryText(name: string): [string, (value: string) => void] {
  const state = useHistoryState<Record<string, unknown> | null>();
  const value = state?.[name];
  const set = useCallback((next: string) => navigate(location.pathname + location.search, { replace: true, state: { ...(history.state as object | null), [name]: next } }), [name]);
  return [typeof value === "string" ? value : "", set];
}
