import { useRollout } from "@/api/flags";
import type { Flag, FlagRollout, WatchedRollout } from "@/api/types";
import { dayAndTime, relative } from "@/format/dates";
import { decimal } from "@/format/numbers";
import { Badge, type Tone } from "@/ui/Badge";
import { EmptyState, Loaded, Notice } from "@/ui/States";
import { PlainTable } from "@/ui/table/PlainTable";
import { ACT, ROLLOUT_STATUS, WHY } from "./flagWords";
import { RolloutActs } from "./RolloutActs";
import { ScoreChart } from "./ScoreChart";
import { Share } from "./Standing";

const TONES: Record<string, Tone> = { running: "accent", completed: "good", rolled_back: "danger", stopped: "neutral" };

/** The latest gradual rollout: how far it is, what its guard sees, what was decided and on what. */
export function RolloutTab({ flag }: { flag: Flag }) {
  const watched = useRollout(flag.key, flag.rollout !== null);
  if (flag.rollout === null) {
    return (
      <EmptyState icon="progress" title="It never was rolled out by stages" action={<RolloutActs flag={flag} />}>
        A rollout gives it to more and more people of your organisation, and takes it back by itself when it does harm.
      </EmptyState>
    );
  }
  return <Loaded of={watched}>{(loaded) => <Watched flag={flag} watched={loaded} />}</Loaded>;
}

function Watched({ flag, watched }: { flag: Flag; watched: WatchedRollout }) {
  const { rollout } = watched;
  const isPaused = rollout.status === "running" && rollout.paused_at !== null;
  return (
    <div className="stack">
      <RolloutActs flag={flag} />
      {rollout.status === "rolled_back" ? (
        <Notice tone="warning" title={rollout.why === null ? "Rolled back" : "Rolled back by its guard"}>
          <p>
            {rollout.why === null ? "Somebody took it back." : (WHY[rollout.why] ?? rollout.why)} {standsWords(flag, rollout)}
          </p>
        </Notice>
      ) : null}
      <section className="card stack" data-gap="s">
        <div className="flag-head">
          <h2>{headingOf(rollout)}</h2>
          <Badge tone={isPaused ? "warning" : (TONES[rollout.status] ?? "neutral")} icon={isPaused ? "pause" : "progress"}>
            {isPaused ? "Paused" : (ROLLOUT_STATUS[rollout.status] ?? rollout.status)}
          </Badge>
        </div>
        {rollout.status === "running" ? <Share share={rollout.percentage} /> : null}
        <Stages rollout={rollout} />
        <p className="muted small">
          {nextWords(watched)} {rollout.is_own ? "Of your organisation alone." : "An operator runs it, for all organisations."}
        </p>
      </section>
      <section className="card">
        <ScoreChart watched={watched} />
      </section>
      <section className="card">
        <Sides watched={watched} />
      </section>
      <section className="card">
        <h2>Decisions</h2>
        <ol role="list" className="stack" data-gap="s">
          {watched.steps.map((step) => (
            <li key={step.number} className="small">
              <time className="muted" dateTime={step.at}>
                {dayAndTime(step.at)}
              </time>{" "}
              <strong>{ACT[step.act] ?? step.act}</strong> at {decimal(step.evidence.percentage)} %: errors {decimal(step.evidence.error_score)}, latency {decimal(step.evidence.latency_score)} of {decimal(watched.threshold)}
            </li>
          ))}
        </ol>
      </section>
    </div>
  );
}

/** Whether the kill of a rollback still holds, and who can take it back. */
function standsWords({ own, installation }: Flag, { is_own }: FlagRollout): string {
  if (is_own) return own.state.is_killed ? "The flag is killed for your organisation until you revive it." : "It was revived since.";
  return installation.state.is_killed ? "The flag is killed for all organisations until an operator revives it." : "It was revived since.";
}

function headingOf({ status, percentage, variant }: FlagRollout): string {
  if (status === "running") return `${decimal(percentage)}\u00a0% of accounts have ${variant}`;
  return status === "completed" ? `Everybody has ${variant}` : `It had reached ${decimal(percentage)}\u00a0% of accounts`;
}

function nextWords(watched: WatchedRollout): string {
  const { rollout, stage_requests: seen, least_requests: least } = watched;
  if (rollout.status !== "running") return rollout.ended_at === null ? "" : `Ended ${relative(rollout.ended_at)}.`;
  if (rollout.paused_until !== null) return `It rests in this stage until it is resumed; its guard goes on watching, and stops it on ${dayAndTime(rollout.paused_until)}.`;
  if (Date.parse(rollout.held_until) > Date.now()) return `Held until ${dayAndTime(rollout.held_until)}; then it goes on when nothing speaks against it.`;
  return seen < least ? `Waits for requests: ${seen} of the ${least} that this stage must have seen.` : "Held long enough; it goes on as soon as no score is high.";
}

function Stages({ rollout }: { rollout: FlagRollout }) {
  return (
    <ol role="list" className="flag-stages" aria-label="Stages">
      {rollout.stages.map((stage, index) => {
        const here = rollout.status === "running" ? "now" : "ended";
        const state = index < rollout.stage || rollout.status === "completed" ? "done" : index === rollout.stage ? here : "later";
        return (
          <li key={stage.percentage} data-state={state} aria-current={state === "now" ? "step" : undefined}>
            <span className="number">{decimal(stage.percentage)} %</span>
            <span className="hidden-visually">{state}</span>
          </li>
        );
      })}
    </ol>
  );
}

function Sides({ watched }: { watched: WatchedRollout }) {
  const rows = [
    { name: "Treated", ...watched.treated },
    { name: "Control", ...watched.control },
  ];
  type Row = (typeof rows)[number];
  const share = (of: number, row: Row) => (row.requests === 0 ? "–" : `${decimal(of)} (${decimal((of / row.requests) * 100)} %)`);
  return (
    <PlainTable
      caption="What both sides did since it began"
      columns={[
        { key: "name", header: "Side", cell: (row: Row) => row.name },
        { key: "requests", header: "Requests", align: "end", cell: (row: Row) => decimal(row.requests) },
        { key: "errors", header: "Failed", align: "end", cell: (row: Row) => share(row.errors, row) },
        { key: "slow", header: "Slow", align: "end", cell: (row: Row) => share(row.slow, row) },
      ]}
      rows={rows}
      rowKey={(row) => row.name}
    />
  );
}
