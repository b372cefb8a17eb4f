/** What a person set up on this device: no health data, kept in local storage, survives sign-out. */
import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";

const listeners = new Set<() => void>();

function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    // Storage can be switched off in the browser; then nothing is remembered.
    return null;
  }
}

function write(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // As above: the setting holds for this page only.
  }
  for (const listener of listeners) listener();
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export function useTheme(): [Theme, (theme: Theme) => void] {
  const stored = useSyncExternalStore(subscribe, () => read("hp-theme"), () => null);
  const set = (theme: Theme) => {
    if (theme === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
    write("hp-theme", theme === "system" ? null : theme);
  };
  return [stored === "light" || stored === "dark" ? stored : "system", set];
}

/** Single-key shortcuts can be switched off (WCAG 2.1.4). */
export function useShortcutsOn(): [boolean, (on: boolean) => void] {
  const stored = useSyncExternalStore(subscribe, () => read("hp-shortcuts"), () => null);
  return [stored !== "off", (on) => write("hp-shortcuts", on ? null : "off")];
}
