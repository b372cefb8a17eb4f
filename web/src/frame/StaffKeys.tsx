import { useMemo, useState } from "react";
import { useLocation } from "wouter";
import { Dialog } from "@/ui/Dialog";
import { useShortcuts } from "@/ui/shortcuts";

const KEYS: readonly (readonly [string, string])[] = [
  ["g o", "Go to overview"],
  ["g p", "Go to patients"],
  ["g l", "Go to the protocol library"],
  ["g i", "Go to import and export"],
  ["g s", "Go to settings"],
  ["/", "Search on this page"],
  ["j  k", "Next and previous row"],
  ["Enter", "Open the row"],
  ["e", "Edit the row"],
  ["Space", "Select the row"],
  ["?", "This help"],
];

/** The keys that work on every staff page, and their list. */
export default function StaffKeys() {
  const [, navigate] = useLocation();
  const [isHelpOpen, setHelpOpen] = useState(false);
  const shortcuts = useMemo(
    () => ({
      "g o": () => navigate("/overview"),
      "g p": () => navigate("/patients"),
      "g l": () => navigate("/protocols"),
      "g i": () => navigate("/files"),
      "g s": () => navigate("/settings"),
      "/": () => document.querySelector<HTMLInputElement>("input[type=search]")?.focus(),
      "?": () => setHelpOpen(true),
    }),
    [navigate],
  );
  useShortcuts(shortcuts);
  if (!isHelpOpen) return null;
  return (
    <Dialog title="Keyboard shortcuts" lead="They can be switched off in the settings." size="s" onClose={() => setHelpOpen(false)}>
      <dl className="keys">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              {key.split(/\s+/).map((part) => (
                <kbd key={part}>{part}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
