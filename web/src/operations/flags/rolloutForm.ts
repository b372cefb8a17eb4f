/** The fields that begin a gradual rollout, and what they send. */
import type { Flag, RolloutStart } from "@/api/types";
import { parseDecimal } from "@/format/numbers";

export interface StageFields {
  /** Stays the same while stages are added and taken away. */
  id: number;
  percentage: string;
  minutes: string;
}

export interface RolloutFields {
  variant: string;
  stages: StageFields[];
  reason: string;
}

/** Of a clinic: one per cent of forty accounts would be nobody. */
const USUAL_PERCENTAGES = ["10", "50", "100"];
const LONGEST_MINUTES = 43_200;
let count = 0;

export const emptyStage = (percentage = ""): StageFields => ({ id: (count += 1), percentage, minutes: "60" });

/** What whom no rule names is given now: to roll that out would change nothing. */
export const presentOf = ({ own, installation, declared_default }: Flag): string => own.state.default ?? installation.state.default ?? declared_default;

export const fieldsOf = (flag: Flag): RolloutFields => ({
  variant: Object.keys(flag.variants).find((name) => name !== presentOf(flag))!,
  stages: USUAL_PERCENTAGES.map(emptyStage),
  reason: "",
});

/** What is wrong, by the name of the field: "reason", "stages.0.percentage". Empty when it can be sent. */
export function faultsOf({ stages, reason }: RolloutFields): Record<string, string> {
  const faults: Record<string, string> = {};
  if (reason.trim().length < 3) faults["reason"] = "Say why, for whoever reads the history.";
  let below = 0;
  stages.forEach((stage, index) => {
    const share = parseDecimal(stage.percentage) ?? -1;
    const minutes = parseDecimal(stage.minutes) ?? 0;
    if (share <= below || share > 100) faults[`stages.${index}.percentage`] = below > 0 ? "More than the stage before, up to 100." : "A number above 0, up to 100.";
    else if (index === stages.length - 1 && share !== 100) faults[`stages.${index}.percentage`] = "The last stage is 100.";
    if (minutes < 1 || minutes > LONGEST_MINUTES) faults[`stages.${index}.minutes`] = "From one minute to 30 days.";
    below = Math.max(below, share);
  });
  return faults;
}

export const startOf = ({ variant, stages, reason }: RolloutFields): RolloutStart => ({
  variant,
  reason: reason.trim(),
  stages: stages.map((stage) => ({ percentage: parseDecimal(stage.percentage)!, hold_seconds: parseDecimal(stage.minutes)! * 60 })),
});
