import "./Chart.css";
import { useState } from "react";
import { Link, useParams } from "wouter";
import { usePatientAssignments } from "@/api/assignments";
import { useArchivePatient, useMeasurements, usePatient, usePatientAdherence, useToday } from "@/api/patients";
import type { Patient } from "@/api/types";
import { addDays, ageOn, browserZone, clockTime, dayIn, fullDay } from "@/format/dates";
import { fullName, initials, SEX } from "@/format/words";
import { StatusBadge } from "@/ui/Badge";
import { ButtonLink } from "@/ui/Button";
import { MeasurementCharts } from "@/ui/charts/MeasurementCharts";
import { Icon } from "@/ui/Icon";
import { Menu, type MenuItem } from "@/ui/Menu";
import { useAddressState } from "@/ui/navigation";
import { Page } from "@/ui/Page";
import { EmptyState, Loaded } from "@/ui/States";
import { useToast } from "@/ui/Toast";
import { AdherenceCard } from "./AdherenceCard";
import { AssignmentsCard } from "./AssignmentsCard";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import { EntriesCard } from "./EntriesCard";
import { TodayCard } from "./TodayCard";

export default function ChartPage() {
  const { id = "" } = useParams<{ id: string }>();
  const patient = usePatient(id);
  return (
    <Page
      title="Patient chart"
      heading={patient.data ? fullName(patient.data) : "Patient chart"}
      hideHeading
      above={
        <Link href="/patients" className="back no-print">
          <Icon name="left" size={16} /> Patients
        </Link>
      }
    >
      <Loaded of={patient} rows={8}>
        {(record) => <Chart patient={record} />}
      </Loaded>
    </Page>
  );
}

const SPANS = [
  ["28", "4 weeks"],
  ["56", "8 weeks"],
  ["182", "6 months"],
] as const;

function Chart({ patient }: { patient: Patient }) {
  const today = dayIn(patient.time_zone);
  const [days, setDays] = useAddressState("days", "56");
  const span = { from: addDays(today, 1 - Number(days)), to: today };
  const adherence = usePatientAdherence(patient.id, span);
  const measurements = useMeasurements(patient.id, span);
  const assignments = usePatientAssignments(patient.id);
  const day = useToday(patient.id, undefined);
  return (
    <>
      <Banner patient={patient} today={today} />
      <div className="chart-span no-print">
        <div className="segments" role="group" aria-label="Time shown">
          {SPANS.map(([value, label]) => (
            <button key={value} type="button" aria-pressed={days === value} onClick={() => setDays(value)}>
              {label}
            </button>
          ))}
        </div>
      </div>
      <div className="chart-grid">
        <div className="stack chart-side">
          <AssignmentsCard patient={patient} assignments={assignments} today={today} />
          <TodayCard day={day} />
        </div>
        <div className="stack chart-main">
          <AdherenceCard adherence={adherence} today={today} />
          <section className="card" aria-label="Measurements">
            <h2>Measurements</h2>
            <Loaded of={measurements} rows={4}>
              {(points) =>
                points.length === 0 ? (
                  <EmptyState icon="measurement" title="No values in this time">
                    Values appear here as the patient enters them.
                  </EmptyState>
                ) : (
                  <MeasurementCharts points={points} timeZone={patient.time_zone ?? null} />
                )
              }
            </Loaded>
          </section>
          <EntriesCard patientId={patient.id} timeZone={patient.time_zone} />
        </div>
      </div>
    </>
  );
}

/** Who this is, always in view: nobody writes into the wrong chart. */
function Banner({ patient, today }: { patient: Patient; today: string }) {
  const zone = patient.time_zone;
  const differs = zone && zone !== browserZone();
  const [number] = patient.identifiers ?? [];
  return (
    <div className="banner" role="group" aria-label="Patient">
      <span className="banner-mark" aria-hidden="true">
        {initials(patient)}
      </span>
      <div className="banner-who">
        <p className="banner-name" aria-hidden="true">
          {fullName(patient)}
        </p>
        <p className="banner-facts number">
          <span>
            {fullDay(patient.birth_date)} ({ageOn(patient.birth_date, today)} y)
          </span>
          <span>{SEX[patient.sex ?? "unknown"]}</span>
          {number ? <span>No. {number.value}</span> : null}
          {differs ? <span>{clockTime(new Date().toISOString(), zone)} in {zone.split("/").at(-1)?.replaceAll("_", " ")}</span> : null}
        </p>
      </div>
      {patient.status === "active" ? null : <StatusBadge of="patient" status={patient.status} />}
      <div className="banner-acts no-print">
        {patient.status === "active" ? (
          <ButtonLink href={`?assign=1&patient=${patient.id}`} look="primary" icon="plus">
            Assign
          </ButtonLink>
        ) : null}
        <BannerMenu patient={patient} />
      </div>
    </div>
  );
}

function BannerMenu({ patient }: { patient: Patient }) {
  const [isArchiving, setArchiving] = useState(false);
  const [, setEdit] = useAddressState("edit-patient");
  const archive = useArchivePatient(patient.id);
  const toast = useToast();
  const items: MenuItem[] = [
    { label: "Edit patient", icon: "edit", onSelect: () => setEdit(patient.id, true) },
    { label: "Print chart", icon: "print", onSelect: () => window.print() },
    ...(patient.status === "active" ? [{ label: "Archive patient…", icon: "archive" as const, danger: true, onSelect: () => setArchiving(true) }] : []),
  ];
  return (
    <>
      <Menu label="More for this patient" items={items} />
      {isArchiving ? (
        <ConfirmDialog
          title="Archive this patient?"
          act="Archive"
          danger
          isRunning={archive.isRunning}
          fault={archive.problem}
          close={() => setArchiving(false)}
          confirm={async () => {
            if ((await archive.run()) === undefined) return;
            setArchiving(false);
            toast({ message: "Patient archived" });
          }}
          consequences={["The patient leaves the lists and can be given no new protocol.", "What was recorded is kept and can be read.", "An archived patient can be made active again by editing."]}
        />
      ) : null}
    </>
  );
}
