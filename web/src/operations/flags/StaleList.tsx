import { Link } from "wouter";
import { useStaleFlags } from "@/api/flags";
import type { StaleFlag } from "@/api/types";
import { Badge } from "@/ui/Badge";
import { EmptyState, Loaded } from "@/ui/States";
import { MARK } from "./flagWords";

/** The flags that nobody may need any more, each with the reason. */
export function StaleList({ q }: { q: string }) {
  const stale = useStaleFlags(true);
  return <Loaded of={stale}>{(all) => <Items items={all.filter((one) => one.key.includes(q.toLowerCase()))} />}</Loaded>;
}

function Items({ items }: { items: readonly StaleFlag[] }) {
  if (items.length === 0) {
    return (
      <EmptyState icon="check" title="Nothing to look at">
        Every flag is in use, within its time, and known to the program.
      </EmptyState>
    );
  }
  return (
    <ul role="list" className="flags">
      {items.map((one) => (
        <li key={one.key} className="card flag-card">
          <div className="flag-head">
            <h2>
              {one.owner === null ? (
                <code>{one.key}</code>
              ) : (
                <Link className="flag-link" href={`/settings/flags?flag=${one.key}`}>
                  <code>{one.key}</code>
                </Link>
              )}
            </h2>
            {one.owner === null ? null : <span className="muted small">Looked after by {one.owner}</span>}
          </div>
          <ul role="list" className="stack" data-gap="s">
            {one.marks.map((mark) => (
              <li key={mark.mark} className="row small">
                <Badge tone="warning" icon="clock">
                  {MARK[mark.mark] ?? mark.mark}
                </Badge>
                {mark.text}
              </li>
            ))}
          </ul>
        </li>
      ))}
    </ul>
  );
}
