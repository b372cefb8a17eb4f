import { useState } from "react";
import { useActivities } from "@/api/activities";
import { useEntries } from "@/api/entries";
import type { Activity, Entry } from "@/api/types";
import { dayAndTime, dayIn, relative } from "@/format/dates";
import { decimal, quantity } from "@/format/numbers";
import { Badge, StatusBadge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { EmptyState, Loaded } from "@/ui/States";

const AT_FIRST = 8;
const MOST = 100;

/** What was recorded lately, corrections and retractions with it. */
export function EntriesCard({ patientId, timeZone }: { patientId: string; timeZone: string }) {
  const [count, setCount] = useState(AT_FIRST);
  const entries = useEntries(patientId, MOST);
  return (
    <section className="card" aria-label="Recent entries">
      <h2>Recent entries</h2>
      <Loaded of={entries} rows={4}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyState icon="task" title="Nothing was recorded yet" />
          ) : (
            <EntryRows items={items.slice(0, count)} timeZone={timeZone} more={items.length > count ? () => setCount(count + 20) : null} />
          )
        }
      </Loaded>
    </section>
  );
}

function EntryRows({ items, timeZone, more }: { items: Entry[]; timeZone: string; more: (() => void) | null }) {
  const activityOf = useActivities(items.map((entry) => planned(entry, timeZone)));
  const replaced = new Set(items.map((entry) => entry.replaces).filter(Boolean));
  return (
    <>
    <ul role="list" className="entry-rows">
      {items.map((entry) => {
        const activity = activityOf(planned(entry, timeZone));
        return (
          <li key={entry.id} data-replaced={replaced.has(entry.id) || undefined}>
            <div className="entry-what">
              <span className="strong">{activity?.title ?? entry.activity_key.replaceAll(/[-_]/g, " ")}</span>
              <EntryResult entry={entry} activity={activity} />
              {entry.reason ? <span className="muted small">Reason: {entry.reason}</span> : null}
              {entry.note ? <span className="muted small">Note: {entry.note}</span> : null}
            </div>
            <div className="entry-when">
              <span className="row">
                {entry.late ? <Badge tone="warning" icon="clock">Late</Badge> : null}
                {replaced.has(entry.id) ? <Badge>Corrected</Badge> : null}
                {entry.outcome === "retracted" ? <Badge icon="undo">Taken back</Badge> : <StatusBadge of="occurrence" status={entry.outcome} />}
              </span>
              <time className="muted small number" dateTime={entry.effective_at} title={dayAndTime(entry.effective_at, timeZone)}>
                {relative(entry.effective_at)}
              </time>
            </div>
          </li>
        );
      })}
    </ul>
    {more ? (
      <Button look="quiet" size="s" onClick={more}>
        Show more
      </Button>
    ) : null}
    </>
  );
}

const planned = (entry: Entry, timeZone: string) => ({ assignment_id: entry.assignment_id, activity_key: entry.activity_key, planned_local: dayIn(timeZone, entry.effective_at) });

function EntryResult({ entry, activity }: { entry: Entry; activity: Activity | undefined }) {
  if (entry.score) {
    return (
      <span className="number">
        Score {decimal(entry.score.value)}
        {entry.score.label ? `, ${entry.score.label}` : ""}
      </span>
    );
  }
  if (entry.values.length === 0) return null;
  const display = (code: string) => [activity?.measurement, ...(activity?.measurement?.components ?? [])].find((item) => item?.code === code)?.display;
  return (
    <span className="number">
      {entry.values.map((value) => `${entry.values.length > 1 ? `${display(value.code) ?? value.code} ` : ""}${quantity(value.value, value.unit)}`).join(", ")}
    </span>
  );
}
