import { decimal } from "@/format/numbers";
import { Badge } from "@/ui/Badge";
import type { IconName } from "@/ui/Icon";
import type { Standing } from "./flagWords";

const ICONS: Record<Standing["word"], IconName> = { On: "check", Off: "stop", Killed: "alert", "Rolling out": "progress", Targeted: "patients", Broken: "alert" };

export function StandingBadge({ standing }: { standing: Standing }) {
  return (
    <Badge tone={standing.tone} icon={ICONS[standing.word]}>
      {standing.word}
    </Badge>
  );
}

/** How many accounts have it, as a bar and a number; nothing where no number says it. */
export function Share({ share }: { share: number | null }) {
  if (share === null) return null;
  return (
    <span className="flag-share">
      <span className="flag-bar" aria-hidden="true">
        <span style={{ width: `${share}%` }} />
      </span>
      <span className="number">{decimal(share)} %</span>
      <span className="muted">of accounts have it</span>
    </span>
  );
}
