import { useFlagHistory } from "@/api/flags";
import type { FlagVersion } from "@/api/types";
import { dayAndTime } from "@/format/dates";
import { EmptyState, Loaded } from "@/ui/States";
import { ACT, stateWords, whoWords } from "./flagWords";

/** Who changed what, when and why: newest first. */
export function HistoryTab({ flagKey }: { flagKey: string }) {
  const history = useFlagHistory(flagKey);
  return (
    <Loaded of={history}>
      {(versions) =>
        versions.length === 0 ? (
          <EmptyState icon="clock" title="Nothing has been changed">
            The flag is as the program declares it.
          </EmptyState>
        ) : (
          <ol role="list" className="flag-history">
            {versions.map((version) => (
              <Change key={`${version.is_own}-${version.revision}`} version={version} />
            ))}
          </ol>
        )
      }
    </Loaded>
  );
}

function Change({ version }: { version: FlagVersion }) {
  return (
    <li className="card stack" data-gap="s">
      <div className="flag-head">
        <h2>{ACT[version.act] ?? version.act}</h2>
        <time className="muted small" dateTime={version.changed_at}>
          {dayAndTime(version.changed_at)}
        </time>
      </div>
      <p className="small">
        <span className="muted">
          {whoWords(version.changed_as)}, for {version.is_own ? "your organisation" : "all organisations"}:
        </span>{" "}
        {version.reason}
      </p>
      <p className="small">
        <span className="muted">Before</span> {stateWords(version.before).join("; ")} <span className="muted">· Now</span> {stateWords(version.after).join("; ")}
      </p>
    </li>
  );
}
