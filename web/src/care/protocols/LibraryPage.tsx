import "./Library.css";
import { useState } from "react";
import { Link } from "wouter";
import { useProtocols } from "@/api/protocols";
import { useMay } from "@/api/session";
import type { ProtocolRow } from "@/api/types";
import { counted } from "@/format/numbers";
import { StatusBadge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { Icon } from "@/ui/Icon";
import { useAddressState } from "@/ui/navigation";
import { Page } from "@/ui/Page";
import { EmptyState, ErrorState, Skeleton, useSettled } from "@/ui/States";
import { ImportDialog } from "./ImportDialog";
import { libraryFilter } from "./filter";

const STATUSES = [
  ["", "All"],
  ["active", "Published"],
  ["draft", "Drafts"],
  ["retired", "Retired"],
] as const;

export default function LibraryPage() {
  const [q] = useAddressState("q");
  const [status] = useAddressState("status");
  const [category] = useAddressState("category");
  const [tag] = useAddressState("tag");
  const [isImporting, setImporting] = useState(false);
  const mayWrite = useMay("protocol.write");
  const search = useSettled(q);
  const list = useProtocols({ q: search, filter: libraryFilter({ status, category, tag }) });
  // What may be chosen is what there is without a choice; while nothing is chosen this is the same request.
  const unchosen = useProtocols({ q: search, filter: libraryFilter({ status, category: "", tag: "" }) });
  return (
    <Page
      title="Protocols"
      actions={
        mayWrite ? (
          <Button icon="upload" onClick={() => setImporting(true)}>
            Import
          </Button>
        ) : null
      }
    >
      <Filters list={unchosen.items} />
      {list.problem && list.items.length === 0 ? (
        <ErrorState fault={list.problem} retry={list.retry} />
      ) : list.isLoading ? (
        <Skeleton rows={6} />
      ) : list.items.length === 0 ? (
        <NothingFound isFiltered={q !== "" || status !== "" || category !== "" || tag !== ""} open={mayWrite ? () => setImporting(true) : null} />
      ) : (
        <>
          <p className="hidden-visually" role="status">
            {counted(list.items.length, "protocol")}
          </p>
          <ul role="list" className="library">
            {list.items.map((item) => (
              <ProtocolCard key={item.id} protocol={item} />
            ))}
          </ul>
          {list.hasMore ? (
            <div className="pager">
              <Button isBusy={list.isLoadingMore} onClick={list.loadMore}>
                Show more
              </Button>
            </div>
          ) : null}
        </>
      )}
      {isImporting ? <ImportDialog close={() => setImporting(false)} /> : null}
    </Page>
  );
}

function Filters({ list }: { list: readonly ProtocolRow[] }) {
  const [q, setQ] = useAddressState("q");
  const [status, setStatus] = useAddressState("status");
  const [category, setCategory] = useAddressState("category");
  const [tag, setTag] = useAddressState("tag");
  const categories = [...new Set(list.flatMap((item) => item.category ?? []))].toSorted();
  const tags = [...new Set(list.flatMap((item) => item.tags))].toSorted();
  return (
    <div className="filters" role="search">
      <label className="search">
        <span className="hidden-visually">Find a protocol by its title</span>
        <Icon name="search" size={18} />
        <input type="search" placeholder="Find a protocol" value={q} onInput={(event) => setQ(event.currentTarget.value)} autoComplete="off" />
      </label>
      <div className="segments" role="group" aria-label="Status">
        {STATUSES.map(([value, label]) => (
          <button key={value} type="button" aria-pressed={status === value} onClick={() => setStatus(value)}>
            {label}
          </button>
        ))}
      </div>
      <FilterSelect label="Category" all="All categories" value={category} options={categories} set={setCategory} />
      <FilterSelect label="Tag" all="All tags" value={tag} options={tags} set={setTag} />
    </div>
  );
}

interface FilterSelectProps {
  label: string;
  all: string;
  value: string;
  options: readonly string[];
  set: (value: string) => void;
}

function FilterSelect({ label, all, value, options, set }: FilterSelectProps) {
  if (options.length === 0 && value === "") return null;
  return (
    <select aria-label={label} value={value} onChange={(event) => set(event.currentTarget.value)}>
      <option value="">{all}</option>
      {options.map((option) => (
        <option key={option} value={option}>
          {option}
        </option>
      ))}
    </select>
  );
}

function ProtocolCard({ protocol }: { protocol: ProtocolRow }) {
  return (
    <li className="card library-card">
      <div className="row-between">
        <span className="library-category">{protocol.category ?? "No category"}</span>
        <StatusBadge of="protocol" status={protocol.status} />
      </div>
      <h2>
        <Link href={`/protocols/${protocol.id}`} className="library-link">
          {protocol.title}
        </Link>
      </h2>
      <p className="library-description">{protocol.description}</p>
      <p className="library-facts number">
        <span>{counted(protocol.duration_days, "day")}</span>
        {protocol.activity_count == null ? null : <span>{counted(protocol.activity_count, "activity", "activities")}</span>}
        <span>version {protocol.version}</span>
      </p>
      {protocol.tags.length > 0 ? (
        <p className="library-tags">
          {protocol.tags.map((name) => (
            <span key={name} className="tag">
              {name}
            </span>
          ))}
        </p>
      ) : null}
    </li>
  );
}

function NothingFound({ isFiltered, open }: { isFiltered: boolean; open: (() => void) | null }) {
  const action = open ? (
    <Button look="primary" icon="upload" onClick={open}>
      Import a protocol
    </Button>
  ) : undefined;
  return (
    <div className="card">
      {isFiltered ? (
        <EmptyState icon="search" title="No protocol matches">
          Try another word, or take away a filter.
        </EmptyState>
      ) : (
        <EmptyState icon="protocols" title="The library is empty" action={action}>
          Import a FHIR PlanDefinition, a RADAR schedule or a HealthProtocol file.
        </EmptyState>
      )}
    </div>
  );
}
