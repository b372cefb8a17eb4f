import { useCallback } from "react";
import { useSearchParams } from "wouter";

let navigations = 0;

/** Told by the router at each change of page. */
export function countNavigation(): void {
  navigations += 1;
}

/** Whether the page on screen is the first since the app was loaded: then focus is the browser's. */
export function useHistoryKey(): { isFirst: () => boolean } {
  return { isFirst };
}

const isFirst = () => navigations <= 1;

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
        { replace: !push },
      );
    },
    [name, fallback, setParameters],
  );
  return [parameters.get(name) ?? fallback, set];
}
