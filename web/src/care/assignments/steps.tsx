import { type FormEvent, useState } from "react";
import { usePatientMatches } from "@/api/patients";
import { useProtocols } from "@/api/protocols";
import type { PatientRow, Protocol } from "@/api/types";
import { addDays, browserZone, dayIn, fullDay, longDay } from "@/format/dates";
import { counted } from "@/format/numbers";
import { scheduleInWords } from "@/format/schedule";
import { listName } from "@/format/words";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { TextField } from "@/ui/Field";
import { Icon, kindIcon } from "@/ui/Icon";
import { EmptyState, ErrorState, Skeleton, useSettled } from "@/ui/States";
import type { StepProps } from "./AssignDialog";

export function ProtocolStep({ choice, update, next, close, title, lead }: StepProps) {
  const [q, setQ] = useState("");
  const list = useProtocols({ q: useSettled(q), filter: `status = "active"` });
  return (
    <Dialog title={title} lead={lead} onClose={close}>
      <SearchBox label="Find a protocol" value={q} onValue={setQ} />
      {list.problem ? (
        <ErrorState fault={list.problem} retry={list.retry} />
      ) : list.isLoading ? (
        <Skeleton rows={5} />
      ) : list.items.length === 0 ? (
        <EmptyState icon="search" title="No published protocol matches" />
      ) : (
        <ul role="list" className="pick">
          {list.items.map((item) => (
            <li key={item.id}>
              <button
                type="button"
                className="pick-row"
                aria-pressed={choice.protocolId === item.id}
                onClick={() => {
                  update({ protocolId: item.id });
                  next();
                }}
              >
                <span>
                  <span className="strong">{item.title}</span>
                  <small className="muted number">{[counted(item.duration_days, "day"), item.category].filter(Boolean).join(" · ")}</small>
                </span>
                <Icon name="right" size={18} />
              </button>
            </li>
          ))}
        </ul>
      )}
    </Dialog>
  );
}

export function PatientsStep({ choice, update, back, next, close, title, lead }: StepProps) {
  const [q, setQ] = useState("");
  const search = useSettled(q.trim());
  const matches = usePatientMatches(search, search !== "");
  const chosen = new Set(choice.people.map((patient) => patient.id));
  const toggle = (patient: PatientRow) => update({ people: chosen.has(patient.id) ? choice.people.filter((other) => other.id !== patient.id) : [...choice.people, patient] });
  return (
    <Dialog
      title={title}
      lead={lead}
      onClose={close}
      footer={
        <>
          {back ? <Button onClick={back}>Back</Button> : null}
          <Button look="primary" disabled={choice.people.length === 0} onClick={next}>
            {choice.people.length > 1 ? `Go on with ${counted(choice.people.length, "patient")}` : "Go on"}
          </Button>
        </>
      }
    >
      <SearchBox label="Find patients by name, e-mail, phone or number" value={q} onValue={setQ} />
      <ChosenPeople people={choice.people} remove={toggle} />
      {search === "" ? (
        <p className="muted small">Type a part of the name. For many at once, select them in the list of patients.</p>
      ) : matches.problem ? (
        <ErrorState fault={matches.problem} retry={matches.retry} />
      ) : matches.isLoading ? (
        <Skeleton rows={3} />
      ) : matches.data?.items.length === 0 ? (
        <EmptyState icon="search" title="Nobody found" />
      ) : (
        <ul role="list" className="pick">
          {matches.data?.items
            .filter((patient) => patient.status === "active")
            .map((patient) => (
              <li key={patient.id}>
                <button type="button" className="pick-row" aria-pressed={chosen.has(patient.id)} onClick={() => toggle(patient)}>
                  <span>
                    <span className="strong">{listName(patient)}</span>
                    <small className="muted number">born {fullDay(patient.birth_date)}</small>
                  </span>
                  <Icon name={chosen.has(patient.id) ? "check" : "plus"} size={18} />
                </button>
              </li>
            ))}
        </ul>
      )}
    </Dialog>
  );
}

function ChosenPeople({ people, remove }: { people: readonly PatientRow[]; remove: (patient: PatientRow) => void }) {
  if (people.length === 0) return null;
  return (
    <ul role="list" className="chips" aria-label="Chosen patients">
      {people.map((patient) => (
        <li key={patient.id}>
          <button type="button" className="chip" onClick={() => remove(patient)}>
            {listName(patient)} <Icon name="close" size={14} />
            <span className="hidden-visually">, take away</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

export function StartStep({ choice, update, back, next, close, title, lead }: StepProps) {
  const today = dayIn(browserZone());
  const [error, setError] = useState<string>();
  const shortcuts = [
    ["Today", today],
    ["Tomorrow", addDays(today, 1)],
    ["In a week", addDays(today, 7)],
  ] as const;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!/^\d{4}-\d{2}-\d{2}$/.test(choice.startsOn)) setError("Choose the first day of the plan");
    else next();
  };
  return (
    <Dialog
      title={title}
      lead={lead}
      size="s"
      onClose={close}
      footer={
        <>
          {back ? <Button onClick={back}>Back</Button> : null}
          <Button look="primary" type="submit" form="assign-start">
            Go on
          </Button>
        </>
      }
    >
      <form id="assign-start" className="stack" onSubmit={submit} noValidate>
        <TextField label="First day" type="date" required hint="A day of the patient’s own calendar." value={choice.startsOn} onValue={(startsOn) => { setError(undefined); update({ startsOn }); }} error={error} />
        <div className="segments" role="group" aria-label="Usual days">
          {shortcuts.map(([label, day]) => (
            <button key={day} type="button" aria-pressed={choice.startsOn === day} onClick={() => update({ startsOn: day })}>
              {label}
            </button>
          ))}
        </div>
      </form>
    </Dialog>
  );
}

const SHOWN = 6;

/** What will happen, before it does. */
export function CheckStep({ protocol, startsOn, who, zone }: { protocol: Protocol; startsOn: string; who: string; zone: string | null }) {
  const first = protocol.phases[0]?.activities ?? [];
  return (
    <>
      <dl className="facts check-facts">
        <dt>Protocol</dt>
        <dd>
          <span className="strong">{protocol.title}</span>, version {protocol.version}
        </dd>
        <dt>For</dt>
        <dd className="strong">{who}</dd>
        <dt>First day</dt>
        <dd className="number">{longDay(startsOn)}</dd>
        <dt>Last day</dt>
        <dd className="number">
          {fullDay(addDays(startsOn, protocol.duration_days - 1))} ({counted(protocol.duration_days, "day")})
        </dd>
        {zone ? (
          <>
            <dt>Times in</dt>
            <dd>{zone.replaceAll("_", " ")}</dd>
          </>
        ) : null}
      </dl>
      <div>
        <h3 className="section-title">From the first day the patient is asked to</h3>
        <ul role="list" className="check-activities">
          {first.slice(0, SHOWN).map((activity) => (
            <li key={activity.key}>
              <Icon name={kindIcon(activity.kind)} size={18} />
              <span>
                {activity.title}
                <small className="muted number">{scheduleInWords(activity.schedule)}</small>
              </span>
            </li>
          ))}
        </ul>
        {first.length > SHOWN ? <p className="muted small">and {first.length - SHOWN} more</p> : null}
      </div>
    </>
  );
}

function SearchBox({ label, value, onValue }: { label: string; value: string; onValue: (value: string) => void }) {
  return (
    <label className="search">
      <span className="hidden-visually">{label}</span>
      <Icon name="search" size={18} />
      <input type="search" placeholder={label} value={value} autoComplete="off" spellCheck={false} onInput={(event) => onValue(event.currentTarget.value)} />
    </label>
  );
}
