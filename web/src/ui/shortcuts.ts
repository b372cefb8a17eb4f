import { useEffect } from "react";
import { useShortcutsOn } from "./preferences";

const SEQUENCE_MS = 1200;

/**
 * Single keys ("/") and sequences ("g p") for the page on screen. They rest while someone types, while a dialog is
 * open, and when they are switched off in the settings.
 */
export function useShortcuts(shortcuts: Record<string, () => void>): void {
  const [isOn] = useShortcutsOn();
  useEffect(() => {
    if (!isOn) return;
    let pending = "";
    let pendingSince = 0;
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector("dialog[open]")) return;
      const sequence = pending !== "" && event.timeStamp - pendingSince < SEQUENCE_MS ? `${pending} ${event.key}` : event.key;
      const act = shortcuts[sequence] ?? shortcuts[event.key];
      pending = Object.keys(shortcuts).some((name) => name.startsWith(`${event.key} `)) ? event.key : "";
      pendingSince = event.timeStamp;
      if (act === undefined) return;
      event.preventDefault();
      act();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [isOn, shortcuts]);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
