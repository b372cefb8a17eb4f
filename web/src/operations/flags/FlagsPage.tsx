import "./Flags.css";
import { lazy, Suspense } from "react";
import { Link } from "wouter";
import { useFlags } from "@/api/flags";
import { useMay } from "@/api/session";
import type { Flag } from "@/api/types";
import { counted } from "@/format/numbers";
import { Badge } from "@/ui/Badge";
import { Icon } from "@/ui/Icon";
import { useAddressState } from "@/ui/navigation";
import { Page } from "@/ui/Page";
import { EmptyState, Loaded, Skeleton } from "@/ui/States";
import { MARK, standingOf } from "./flagWords";
import { Share, StandingBadge } from "./Standing";
import { StaleList } from "./StaleList";

// The list is looked at far more often than one flag of it, with its editor and charts.
const FlagDetail = lazy(() => import("./FlagDetail"));

const VIEWS = [
  ["", "All"],
  ["stale", "To look at"],
] as const;

/** Feature flags for admins: the list, or one of them (`?flag=`). */
export default function FlagsPage() {
  const [key] = useAddressState("flag");
  const mayRead = useMay("setting.read");
  if (!mayRead) {
    return (
      <Page title="Feature flags">
        <EmptyState icon="lock" title="For admins">
          Flags change how the program works for everybody in your organisation.
        </EmptyState>
      </Page>
    );
  }
  if (key === "") return <FlagList />;
  return (
    <Suspense fallback={<Skeleton />}>
      <FlagDetail key={key} flagKey={key} />
    </Suspense>
  );
}

function FlagList() {
  const flags = useFlags();
  const [q, setQ] = useAddressState("q");
  const [view, setView] = useAddressState("view");
  return (
    <Page
      title="Feature flags"
      lead="What is switched on for your organisation. A flag lets something new be tried by a few first, and be taken back at once."
      above={
        <Link className="back" href="/settings">
          <Icon name="left" size={16} /> Settings
        </Link>
      }
    >
      <div className="filters">
        <label className="search">
          <span className="hidden-visually">Search flags</span>
          <Icon name="search" size={18} />
          <input type="search" value={q} placeholder="Search flags" onInput={(event) => setQ(event.currentTarget.value)} />
        </label>
        <div className="segments" role="group" aria-label="Which flags">
          {VIEWS.map(([value, label]) => (
            <button key={value} type="button" aria-pressed={view === value} onClick={() => setView(value)}>
              {label}
            </button>
          ))}
        </div>
      </div>
      {view === "stale" ? <StaleList q={q} /> : <Loaded of={flags}>{(all) => <Cards flags={found(all, q)} isFiltered={q !== ""} />}</Loaded>}
    </Page>
  );
}

const found = (flags: readonly Flag[], q: string): Flag[] => {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  return flags.filter((flag) => words.every((word) => `${flag.key} ${flag.description} ${flag.owner}`.toLowerCase().includes(word)));
};

function Cards({ flags, isFiltered }: { flags: readonly Flag[]; isFiltered: boolean }) {
  if (flags.length === 0) {
    return isFiltered ? (
      <EmptyState icon="search" title="No flag found">
        Search by the flag's key, what it does, or who looks after it.
      </EmptyState>
    ) : (
      <EmptyState title="No flags">This version of the program has none: everything in it is on for everybody.</EmptyState>
    );
  }
  return (
    <>
      <p className="hidden-visually" role="status">
        {counted(flags.length, "flag")}
      </p>
      <ul role="list" className="flags">
        {flags.map((flag) => (
          <FlagCard key={flag.key} flag={flag} />
        ))}
      </ul>
    </>
  );
}

function FlagCard({ flag }: { flag: Flag }) {
  const standing = standingOf(flag);
  return (
    <li className="card flag-card">
      <div className="flag-head">
        <h2>
          <Link className="flag-link" href={`/settings/flags?flag=${flag.key}`}>
            <code>{flag.key}</code>
          </Link>
        </h2>
        <StandingBadge standing={standing} />
      </div>
      <p className="muted small">{flag.description}</p>
      <p className="small">{standing.sentence}</p>
      <Share share={standing.share} />
      {flag.stale.length > 0 ? (
        <div className="row">
          {flag.stale.map((one) => (
            <Badge key={one.mark} tone="warning" icon="clock">
              {MARK[one.mark] ?? one.mark}
            </Badge>
          ))}
        </div>
      ) : null}
    </li>
  );
}
