import { Link } from "wouter";
import { useDifference, useVersions } from "@/api/protocols";
import type { Change, FieldChange, Protocol, ProtocolVersion } from "@/api/types";
import { fullDay } from "@/format/dates";
import { Badge, StatusBadge, type Tone } from "@/ui/Badge";
import { useAddressState } from "@/ui/navigation";
import { EmptyState, Loaded } from "@/ui/States";
import { fieldName, valueInWords } from "./changes";

export function VersionsTab({ protocol, newest }: { protocol: Protocol; newest: Protocol }) {
  const versions = useVersions(protocol.id);
  return (
    <Loaded of={versions} rows={3}>
      {({ items }) => (
        <div className="stack" data-gap="l">
          <section className="card">
            <h2>Versions</h2>
            <ul role="list" className="versions">
              {items
                .toSorted((a, b) => b.version - a.version)
                .map((item) => (
                  <VersionRow key={item.version} item={item} protocol={protocol} newest={newest} />
                ))}
            </ul>
          </section>
          {items.length > 1 ? <Comparison protocol={protocol} versions={items} /> : null}
        </div>
      )}
    </Loaded>
  );
}

function VersionRow({ item, protocol, newest }: { item: ProtocolVersion; protocol: Protocol; newest: Protocol }) {
  const href = item.version === newest.version ? `/protocols/${protocol.id}` : `/protocols/${protocol.id}?version=${item.version}`;
  return (
    <li className="row-between">
      <Link href={href} className="strong number">
        Version {item.version}
      </Link>
      <span className="row">
        {item.version === protocol.version ? <Badge tone="accent">On screen</Badge> : null}
        <span className="muted small number">{item.published_at ? `published ${fullDay(item.published_at)}` : item.updated_at ? `changed ${fullDay(item.updated_at)}` : ""}</span>
        <StatusBadge of="protocol" status={item.status} />
      </span>
    </li>
  );
}

function Comparison({ protocol, versions }: { protocol: Protocol; versions: ProtocolVersion[] }) {
  const numbers = versions.map((item) => item.version).toSorted((a, b) => a - b);
  const [to, setTo] = useAddressState("to", String(numbers.at(-1)));
  const [from, setFrom] = useAddressState("from", String(numbers.at(-2)));
  const difference = useDifference(protocol.id, Number(from), Number(to));
  const options = numbers.map((version) => (
    <option key={version} value={version}>
      Version {version}
    </option>
  ));
  return (
    <section className="card" aria-label="Compare versions">
      <div className="card-head">
        <h2>What changed</h2>
        <div className="row small">
          <select className="select-small" aria-label="From version" value={from} onChange={(event) => setFrom(event.currentTarget.value)}>
            {options}
          </select>
          to
          <select className="select-small" aria-label="To version" value={to} onChange={(event) => setTo(event.currentTarget.value)}>
            {options}
          </select>
        </div>
      </div>
      {from === to ? (
        <EmptyState icon="compare" title="Choose two different versions" />
      ) : (
        <Loaded of={difference} rows={3}>
          {(changes) =>
            changes.length === 0 ? (
              <EmptyState icon="compare" title="The two versions say the same" />
            ) : (
              <ul role="list" className="changes">
                {changes.map((change) => (
                  <ChangeCard key={`${change.of}/${change.name}/${change.change}`} change={change} />
                ))}
              </ul>
            )
          }
        </Loaded>
      )}
    </section>
  );
}

const LOOK: Record<Change["change"], { tone: Tone; word: string }> = {
  added: { tone: "good", word: "Added" },
  removed: { tone: "danger", word: "Removed" },
  changed: { tone: "warning", word: "Changed" },
};

const NOUN = { protocol: "Protocol", phase: "Phase", activity: "Activity" };

function ChangeCard({ change }: { change: Change }) {
  return (
    <li className="change" data-change={change.change}>
      <p className="row">
        <Badge tone={LOOK[change.change].tone}>{LOOK[change.change].word}</Badge>
        <span className="muted small">{NOUN[change.of]}</span>
        <span className="strong">{change.title}</span>
      </p>
      {change.fields?.length ? (
        <dl className="change-fields">
          {change.fields.map((field) => (
            <Field key={field.field} field={field} />
          ))}
        </dl>
      ) : null}
    </li>
  );
}

function Field({ field }: { field: FieldChange }) {
  return (
    <div>
      <dt>{fieldName(field.field)}</dt>
      <dd>
        <del>{valueInWords(field.field, field.before)}</del>
        <span aria-hidden="true"> → </span>
        <ins>{valueInWords(field.field, field.after)}</ins>
      </dd>
    </div>
  );
}
