import type { ReactNode } from "react";
import { adherenceTone, adherenceWord, ASSIGNMENT_STATUS, OCCURRENCE_STATE, PATIENT_STATUS, PROTOCOL_STATUS } from "@/format/words";
import { percent } from "@/format/numbers";
import { Icon, type IconName } from "./Icon";

export type Tone = "neutral" | "accent" | "good" | "warning" | "danger";

export function Badge({ tone = "neutral", icon, children }: { tone?: Tone; icon?: IconName; children: ReactNode }) {
  return (
    <span className="badge" data-tone={tone}>
      {icon ? <Icon name={icon} size={14} /> : null}
      {children}
    </span>
  );
}

const LOOKS: Record<string, { tone: Tone; icon: IconName }> = {
  active: { tone: "good", icon: "play" },
  paused: { tone: "warning", icon: "pause" },
  proposed: { tone: "accent", icon: "clock" },
  completed: { tone: "good", icon: "check" },
  stopped: { tone: "neutral", icon: "stop" },
  entered_in_error: { tone: "danger", icon: "alert" },
  skipped: { tone: "neutral", icon: "skip" },
  missed: { tone: "danger", icon: "alert" },
  open: { tone: "accent", icon: "clock" },
  not_yet_open: { tone: "neutral", icon: "clock" },
  not_applicable: { tone: "neutral", icon: "info" },
  draft: { tone: "warning", icon: "edit" },
  retired: { tone: "neutral", icon: "archive" },
  archived: { tone: "neutral", icon: "archive" },
  erased: { tone: "neutral", icon: "lock" },
};

const WORDS = { assignment: ASSIGNMENT_STATUS, occurrence: OCCURRENCE_STATE, protocol: PROTOCOL_STATUS, patient: PATIENT_STATUS };

/** A status as icon, word and colour, in the words of its noun. */
export function StatusBadge({ of, status }: { of: keyof typeof WORDS; status: string }) {
  const look = of === "protocol" && status === "active" ? { tone: "good" as const, icon: "check" as const } : LOOKS[status];
  return (
    <Badge tone={look?.tone ?? "neutral"} icon={look?.icon ?? "info"}>
      {WORDS[of][status] ?? status}
    </Badge>
  );
}

/** Adherence as number, word and bar. */
export function AdherenceMeter({ ratio }: { ratio: number | null | undefined }) {
  return (
    <span className="adherence" data-tone={adherenceTone(ratio)}>
      <span className="adherence-bar" aria-hidden="true">
        <span style={{ width: `${Math.round((ratio ?? 0) * 100)}%` }} />
      </span>
      <span className="number">{percent(ratio)}</span>
      <span className="adherence-word">{adherenceWord(ratio)}</span>
    </span>
  );
}
