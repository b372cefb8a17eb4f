import { useState } from "react";
import { useTakeOut } from "@/api/files";
import type { FileKind } from "@/api/types";
import { Button } from "@/ui/Button";
import { TextField } from "@/ui/Field";
import { FaultNotice } from "@/ui/States";
import { kindOf } from "./kinds";

const FORMATS = [
  ["csv", "CSV", "for spreadsheets"],
  ["ndjson", "NDJSON", "for programs"],
] as const;

const EXAMPLES: Record<FileKind, string> = {
  patients: 'status = "active"',
  assignments: 'status = "active" AND starts_on >= "2026-01-01"',
  entries: 'effective_at >= "2026-01-01T00:00:00Z"',
};

/** All of a kind as one file, written to the disk while it is read: it may be as long as it likes. */
export function TakeOut({ kind }: { kind: FileKind }) {
  const [format, setFormat] = useState<"csv" | "ndjson">("csv");
  const [filter, setFilter] = useState("");
  const takeOut = useTakeOut();
  const { many } = kindOf(kind);
  // What is wrong with the filter is told at its field; the notice says what is no fault of its words.
  const filterFault = takeOut.problem?.faults.find((fault) => fault.pointer === "/filter")?.detail;
  return (
    <section className="card stack">
      <h2>A file of {many}</h2>
      <FaultNotice fault={filterFault ? null : takeOut.problem} />
      <div className="segments" role="group" aria-label="Format">
        {FORMATS.map(([value, label, use]) => (
          <button key={value} type="button" aria-pressed={format === value} onClick={() => setFormat(value)}>
            {label}&nbsp;<span className="muted">{use}</span>
          </button>
        ))}
      </div>
      <TextField label="Only those that fit" hint={<>A filter, such as <code>{EXAMPLES[kind]}</code></>} error={filterFault} value={filter} onValue={setFilter} autoComplete="off" spellCheck={false} />
      <div className="row">
        <Button look="primary" icon="download" isBusy={takeOut.isRunning} onClick={() => void takeOut.run({ kind, format, filter })}>
          Download {many}
        </Button>
      </div>
      <p className="muted small">The file holds health data in clear: keep it where only those can read it who may. The download is in the audit log, with everybody whom it names.</p>
    </section>
  );
}
