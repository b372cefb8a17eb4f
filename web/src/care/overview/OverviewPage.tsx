import "./Overview.css";
import { Link } from "wouter";
import { useFeature } from "@/api/features";
import { useAdherenceRows } from "@/api/patients";
import type { AdherenceRow } from "@/api/types";
import { browserZone, dayIn, longDay } from "@/format/dates";
import { counted } from "@/format/numbers";
import { adherenceTone } from "@/format/words";
import { AdherenceMeter } from "@/ui/Badge";
import { Button, ButtonLink } from "@/ui/Button";
import { Icon } from "@/ui/Icon";
import { useAddressState } from "@/ui/navigation";
import { Page } from "@/ui/Page";
import { EmptyState, Loaded } from "@/ui/States";

const DAYS = 28;
const MOST = 200;
const SHOWN = 12;

export default function OverviewPage() {
  const today = dayIn(browserZone());
  const patients = useAdherenceRows({ group_by: "patient", page_size: MOST, days: DAYS, today });
  // An operator turns this off to spare a database that is short of breath: then it is not asked for either.
  const hasProtocols = useFeature("overview.by-protocol", true) === true;
  const protocols = useAdherenceRows({ group_by: "protocol", page_size: 50, days: DAYS, today }, hasProtocols);
  return (
    <Page title="Overview" lead={<p>{longDay(today)}. Adherence of the last four weeks.</p>} actions={<ButtonLink href="/overview?assign=1" look="primary" icon="plus">Assign a protocol</ButtonLink>}>
      <Loaded of={patients} rows={8}>
        {(page) =>
          page.items.length === 0 ? (
            <div className="card">
              <EmptyState icon="overview" title="Nobody follows a protocol yet" action={<ButtonLink href="/overview?assign=1" look="primary">Assign a protocol</ButtonLink>}>
                As soon as patients have something due, those who need you stand here first.
              </EmptyState>
            </div>
          ) : (
            <div className="overview">
              <Counts rows={page.items} isPart={page.next_page_token !== undefined} />
              <section className="card overview-needs" aria-label="Who needs you">
                <div className="card-head">
                  <h2>Who needs you</h2>
                  <span className="muted small">lowest adherence first</span>
                </div>
                <Needing rows={page.items} />
              </section>
              {hasProtocols ? (
                <section className="card overview-protocols" aria-label="By protocol">
                  <h2>By protocol</h2>
                  <Loaded of={protocols} rows={5}>
                    {({ items }) => (
                      <ul role="list" className="overview-list">
                        {items.map((row) => (
                          <ProtocolRow key={row.id} row={row} />
                        ))}
                      </ul>
                    )}
                  </Loaded>
                </section>
              ) : null}
            </div>
          )
        }
      </Loaded>
    </Page>
  );
}

const TILES = [
  ["danger", "Off track", "below 50 %", "alert"],
  ["warning", "Slipping", "50 to 79 %", "clock"],
  ["good", "On track", "80 % and more", "check"],
] as const;

function Counts({ rows, isPart }: { rows: AdherenceRow[]; isPart: boolean }) {
  return (
    <ul role="list" className="overview-tiles" aria-label="Patients by adherence">
      {TILES.map(([tone, word, range, icon]) => (
        <li key={tone} className="card overview-tile" data-tone={tone}>
          <span className="overview-tile-icon">
            <Icon name={icon} />
          </span>
          <div>
            <p className="overview-number number">
              {rows.filter((row) => adherenceTone(row.ratio) === tone).length}
              {isPart && tone === "good" ? "+" : ""}
            </p>
            <p>
              <span className="strong">{word}</span> <span className="muted small">{range}</span>
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}

function Needing({ rows }: { rows: AdherenceRow[] }) {
  const [shown, setShown] = useAddressState("shown", String(SHOWN));
  const known = rows.filter((row) => row.ratio !== null);
  const visible = known.slice(0, Number(shown) || SHOWN);
  return (
    <>
      <ul role="list" className="overview-list">
        {visible.map((row) => (
          <PatientRow key={row.id} row={row} />
        ))}
      </ul>
      {visible.length < known.length ? (
        <div className="overview-more">
          <Button look="quiet" onClick={() => setShown(String(visible.length + SHOWN))}>
            Show more
          </Button>
        </div>
      ) : null}
    </>
  );
}

function PatientRow({ row }: { row: AdherenceRow }) {
  return (
    <li>
      <Link href={`/patients/${row.id}`} className="overview-row">
        <span className="overview-name">{row.title}</span>
        <span className="muted small number overview-missed">{row.missed > 0 ? `${row.missed} missed` : counted(row.completed, "done", "done")}</span>
        <AdherenceMeter ratio={row.ratio} />
      </Link>
    </li>
  );
}

function ProtocolRow({ row }: { row: AdherenceRow }) {
  return (
    <li>
      <Link href={`/protocols/${row.id}`} className="overview-row">
        <span className="overview-name">{row.title}</span>
        <AdherenceMeter ratio={row.ratio} />
      </Link>
    </li>
  );
}
