import { useCallback, useState } from "react";

/**
 * What was typed and not yet sent, kept in memory while the app is open: closing a form by accident loses nothing.
 * Never written to the device. Signing out begins a new document without it; whoever signs in again after an interruption
 * finds it, another one does not.
 */
const drafts = new Map<string, unknown>();

export function useDraft<T>(key: string, initial: T | (() => T)): [T, (next: T | ((before: T) => T)) => void, () => void] {
  // The map holds under each key only what this hook put there, so the type is the one it was given; a draft is no function.
  const [value, setValue] = useState<T>(() => (drafts.has(key) ? (drafts.get(key) as T) : typeof initial === "function" ? (initial as () => T)() : initial));
  const set = useCallback(
    (next: T | ((before: T) => T)) =>
      setValue((before) => {
        const after = typeof next === "function" ? (next as (before: T) => T)(before) : next;
        drafts.set(key, after);
        return after;
      }),
    [key],
  );
  const discard = useCallback(() => void drafts.delete(key), [key]);
  return [value, set, discard];
}

export const clearDrafts = (): void => drafts.clear();
