import { type KeyboardEvent, type ReactNode, useId } from "react";

interface TabsProps {
  label: string;
  tabs: readonly { key: string; label: string; content: ReactNode }[];
  value: string;
  onValue: (key: string) => void;
}

/** Tabs with arrow keys; only the chosen panel is rendered. */
export function Tabs({ label, tabs, value, onValue }: TabsProps) {
  const id = useId();
  const chosen = tabs.find((tab) => tab.key === value) ?? tabs[0]!;
  const move = (event: KeyboardEvent<HTMLElement>) => {
    const at = tabs.indexOf(chosen);
    const steps: Record<string, number> = { ArrowRight: at + 1, ArrowLeft: at - 1 + tabs.length, Home: 0, End: tabs.length - 1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const next = steps[event.key]! % tabs.length;
    onValue(tabs[next]!.key);
    event.currentTarget.querySelectorAll<HTMLElement>("[role=tab]")[next]?.focus();
  };
  return (
    <>
      <div className="tabs no-print" role="tablist" aria-label={label} onKeyDown={move}>
        {tabs.map((tab) => (
          <button key={tab.key} type="button" role="tab" id={`${id}-${tab.key}`} aria-controls={`${id}-panel`} aria-selected={tab === chosen} tabIndex={tab === chosen ? 0 : -1} onClick={() => onValue(tab.key)}>
            {tab.label}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${chosen.key}`}>
        {chosen.content}
      </div>
    </>
  );
}
