import "./Patients.css";
import { useMemo, useState } from "react";
import { useLocation } from "wouter";
import { usePatients } from "@/api/patientList";
import { useMay } from "@/api/session";
import type { PatientRow } from "@/api/types";
import type { FetchedList } from "@/api/useListFetching";
import { ageOn, browserZone, dayIn, fullDay } from "@/format/dates";
import { counted } from "@/format/numbers";
import { listName, PATIENT_STATUS, SEX } from "@/format/words";
import { Button, ButtonLink } from "@/ui/Button";
import { Icon } from "@/ui/Icon";
import { useAddressState, useEntryText } from "@/ui/navigation";
import { Page } from "@/ui/Page";
import { EmptyState, ErrorState, Skeleton, useSettled } from "@/ui/States";
import { type Column, DataTable, type Selection } from "@/ui/table/DataTable";

const today = dayIn(browserZone());

const COLUMNS: readonly Column<PatientRow>[] = [
  { key: "name", header: "Name", orderBy: "name", cell: (patient) => <span className="strong">{listName(patient)}</span> },
  { key: "born", header: "Born", width: "9.5rem", cell: (patient) => <span className="number">{fullDay(patient.birth_date)}</span>, priority: 2 },
  { key: "age", header: "Age", width: "4.5rem", align: "end", cell: (patient) => ageOn(patient.birth_date, today) },
  { key: "sex", header: "Sex", width: "8rem", cell: (patient) => SEX[patient.sex ?? "unknown"], priority: 3 },
  { key: "status", header: "Status", width: "7.5rem", cell: (patient) => <span className="muted">{PATIENT_STATUS[patient.status]}</span>, priority: 2 },
  { key: "updated", header: "Changed", orderBy: "updated_at", width: "9rem", cell: (patient) => <span className="muted number">{fullDay(patient.updated_at)}</span>, priority: 3 },
];

const STATUSES = [
  ["active", "Active"],
  ["archived", "Archived"],
  ["all", "All"],
] as const;

export default function PatientsPage() {
  const [q, setQ] = useEntryText("q");
  const [status, setStatus] = useAddressState("status", "active");
  const [order, setOrder] = useAddressState("order", "name");
  const [view, setView] = useAddressState("view", "list");
  const [, setEditing] = useAddressState("edit-patient");
  const edit = (patient: PatientRow | "new") => setEditing(patient === "new" ? "new" : patient.id, true);
  const mayWrite = useMay("patient.write");
  const search = useSettled(q);
  const filter = status === "all" ? "" : `status = "${status}"`;
  const list = usePatients({ q: search, filter, order_by: order });
  return (
    <Page
      title="Patients"
      actions={
        mayWrite ? (
          <>
            <ButtonLink icon="upload" href="/files">
              Import and export
            </ButtonLink>
            <Button look="primary" icon="plus" onClick={() => edit("new")}>
              New patient
            </Button>
          </>
        ) : null
      }
    >
      <div className="filters" role="search">
        <label className="search">
          <span className="hidden-visually">Find a patient by name, e-mail, phone or number</span>
          <Icon name="search" size={18} />
          <input type="search" placeholder="Name, e-mail, phone or number" value={q} onInput={(event) => setQ(event.currentTarget.value)} autoComplete="off" spellCheck={false} />
        </label>
        <div className="segments" role="group" aria-label="Status">
          {STATUSES.map(([value, label]) => (
            <button key={value} type="button" aria-pressed={status === value} onClick={() => setStatus(value)}>
              {label}
            </button>
          ))}
        </div>
        <button type="button" className="link-button" onClick={() => setView(view === "list" ? "pages" : "list")}>
          {view === "list" ? "Show as pages" : "Show as one list"}
        </button>
      </div>
      <PatientList list={list} q={search} order={order} setOrder={setOrder} isPaged={view === "pages"} filter={filter} edit={mayWrite ? edit : null} />
    </Page>
  );
}

interface ListProps {
  list: FetchedList<PatientRow>;
  q: string;
  order: string;
  setOrder: (order: string) => void;
  isPaged: boolean;
  filter: string;
  edit: ((patient: PatientRow | "new") => void) | null;
}

function PatientList({ list, q, order, setOrder, isPaged, filter, edit }: ListProps) {
  const [, navigate] = useLocation();
  const [place, setPlace] = useState({ of: "", page: 0 });
  // Another search or order begins at its first page.
  const of = `${q}&${filter}&${order}`;
  const page = place.of === of ? place.page : 0;
  const setPage = (next: number) => setPlace({ of, page: next });
  const rows = isPaged ? (list.pages[page] ?? []) : list.items;
  const { selection, selected, clear } = useSelection(rows);
  if (list.problem && list.items.length === 0) return <ErrorState fault={list.problem} retry={list.retry} />;
  if (list.isLoading) return <Skeleton rows={9} />;
  if (list.items.length === 0) return <NobodyFound q={q} add={edit ? () => edit("new") : null} />;
  const open = (patient: PatientRow) => navigate(`/patients/${patient.id}`);
  return (
    <>
      <p className="hidden-visually" role="status">
        {list.isRefreshing ? "Searching" : `${counted(list.items.length, "patient")}${list.hasMore ? " and more" : ""}`}
      </p>
      <DataTable
        label="Patients"
        columns={COLUMNS}
        rows={rows}
        rowKey={(patient) => patient.id}
        rowLabel={listName}
        hasMore={!isPaged && list.hasMore}
        isLoadingMore={list.isLoadingMore}
        onMore={list.loadMore}
        onOpen={open}
        {...(edit ? { onEdit: edit, selection } : {})}
        order={{ by: order, onOrder: setOrder }}
        memory={`patients?${of}${isPaged ? `&${page}` : ""}`}
      />
      {isPaged ? <Pager page={page} setPage={setPage} list={list} /> : <p className="muted small table-foot number">{list.hasMore ? `${counted(list.items.length, "patient")} loaded, more come as you scroll` : counted(list.items.length, "patient")}</p>}
      {selected.length > 0 ? <SelectionBar ids={selected} clear={clear} /> : null}
    </>
  );
}

function useSelection(rows: readonly PatientRow[]): { selection: Selection; selected: string[]; clear: () => void } {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const selected = useMemo(() => [...chosen], [chosen]);
  const loaded = rows.filter((row) => chosen.has(row.id)).length;
  const selection: Selection = {
    has: (key) => chosen.has(key),
    toggle: (key) =>
      setChosen((before) => {
        const next = new Set(before);
        if (!next.delete(key)) next.add(key);
        return next;
      }),
    toggleAll: () => setChosen(loaded === rows.length ? new Set() : new Set(rows.map((row) => row.id))),
    state: loaded === 0 ? "none" : loaded === rows.length ? "all" : "some",
  };
  return { selection, selected, clear: () => setChosen(new Set()) };
}

function SelectionBar({ ids, clear }: { ids: string[]; clear: () => void }) {
  const [, navigate] = useLocation();
  return (
    <div className="selection-bar" role="region" aria-label="Selected patients">
      <span className="strong number">{counted(ids.length, "patient")} selected</span>
      {/* The ids travel in the history entry: an address of a thousand ids is no address. */}
      <Button look="primary" icon="plus" onClick={() => navigate("/patients?assign=1", { state: { ...(history.state as object | null), patientIds: ids } })}>
        Assign a protocol
      </Button>
      <Button look="quiet" onClick={clear}>
        Clear
      </Button>
    </div>
  );
}

function Pager({ page, setPage, list }: { page: number; setPage: (page: number) => void; list: FetchedList<PatientRow> }) {
  const hasNext = page < list.pages.length - 1 || list.hasMore;
  const next = () => {
    if (page === list.pages.length - 1) list.loadMore();
    setPage(page + 1);
  };
  return (
    <nav className="pager" aria-label="Pages">
      <Button icon="left" disabled={page === 0} onClick={() => setPage(page - 1)}>
        Previous
      </Button>
      <span className="number">Page {page + 1}</span>
      <Button disabled={!hasNext} isBusy={list.isLoadingMore} onClick={next}>
        Next
      </Button>
    </nav>
  );
}

function NobodyFound({ q, add }: { q: string; add: (() => void) | null }) {
  const action = add ? (
    <Button look="primary" icon="plus" onClick={add}>
      New patient
    </Button>
  ) : undefined;
  return (
    <div className="card">
      {q ? (
        <EmptyState icon="search" title="Nobody found" action={action}>
          Check the spelling, or search by date of birth and family name, e-mail, phone or patient number.
        </EmptyState>
      ) : (
        <EmptyState icon="patients" title="No patients here yet" action={action}>
          Enrol the first one, then assign a protocol.
        </EmptyState>
      )}
    </div>
  );
}
