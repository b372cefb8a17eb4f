import { useEffect, useRef, useState } from "react";
import { useLocation } from "wouter";
import { sendFile, useFileKinds } from "@/api/files";
import type { ApiProblem } from "@/api/problem";
import type { FileKind, FileKindColumns } from "@/api/types";
import { asProblem } from "@/api/useDataFetching";
import { Button } from "@/ui/Button";
import { FileDrop } from "@/ui/FileDrop";
import { useAddressState } from "@/ui/navigation";
import { FaultNotice, Loaded } from "@/ui/States";
import { kindOf, templateOf } from "./kinds";
import { Looked } from "./Looked";
import { Running } from "./Running";

/** Choose a file, look at its first lines, try it, bring it in. A reload goes on where it stood. */
export function BringIn({ kind }: { kind: FileKind }) {
  const [upload, setUpload] = useAddressState("upload");
  const [operation, setOperation] = useAddressState("operation");
  const [, navigate] = useLocation();
  const startOver = () => navigate(`/files?kind=${kind}`);
  const follow = (id: string) => setOperation(id);
  const step = () => {
    if (operation !== "") return <Running kind={kind} operationId={operation} uploadId={upload} follow={follow} startOver={startOver} />;
    if (upload !== "") return <Looked kind={kind} uploadId={upload} follow={follow} startOver={startOver} />;
    return <Choose kind={kind} taken={setUpload} />;
  };
  return (
    <div ref={useFocusAt(`${upload} ${operation}`)} tabIndex={-1}>
      {step()}
    </div>
  );
}

/** What takes the place of the button that was pressed takes the focus too; the page as it is opened does not. */
function useFocusAt(step: string) {
  const place = useRef<HTMLDivElement>(null);
  const before = useRef(step);
  useEffect(() => {
    if (before.current !== step) place.current?.focus();
    before.current = step;
  }, [step]);
  return place;
}

function Choose({ kind, taken }: { kind: FileKind; taken: (uploadId: string) => void }) {
  const kinds = useFileKinds();
  const sending = useSending(taken);
  return (
    <div className="stack">
      <FaultNotice fault={sending.problem} />
      {sending.share === null ? (
        <FileDrop hint=".csv, .ndjson, also gzipped" accept=".csv,.ndjson,.jsonl,.gz,text/csv,application/x-ndjson,application/gzip" take={sending.send} />
      ) : (
        <div className="progress">
          <progress value={sending.share} max={1} aria-label="Sending the file" />
          <span className="number">{sending.share < 1 ? `${Math.floor(sending.share * 100)} % sent` : "Being encrypted and kept…"}</span>
          <Button size="s" icon="stop" onClick={sending.stop}>
            Stop
          </Button>
        </div>
      )}
      <Loaded of={kinds} rows={3}>
        {(items) => <Columns kind={kind} columns={items.find((item) => item.kind === kind)} />}
      </Loaded>
    </div>
  );
}

/** Sends one file at a time; leaving the page stops it. `share` is null while none is under way. */
function useSending(taken: (uploadId: string) => void) {
  const [share, setShare] = useState<number | null>(null);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const send = (file: File | undefined) => {
    if (file === undefined || running.current !== null) return;
    const control = new AbortController();
    running.current = control;
    setProblem(null);
    setShare(0);
    sendFile(file, setShare, control.signal)
      .then((upload) => taken(upload.id))
      .catch((error: unknown) => {
        if (!control.signal.aborted) setProblem(asProblem(error));
      })
      .finally(() => {
        running.current = null;
        setShare(null);
      });
  };
  return { share, problem, send, stop: () => running.current?.abort() };
}

function Columns({ kind, columns }: { kind: FileKind; columns: FileKindColumns | undefined }) {
  if (columns === undefined) return null;
  const download = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([templateOf(columns)], { type: "text/csv" }));
    link.download = `${kind}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };
  return (
    <section className="card">
      <h2>Columns of a file of {kindOf(kind).many}</h2>
      <p className="muted small">In any order; those that are not needed may be left out. A file in NDJSON has an object of these names in each line.</p>
      <ul className="files-columns">
        {columns.columns.map((column) => (
          <li key={column.name}>
            <code>{column.name}</code> <span className="muted">{column.meaning}</span>
          </li>
        ))}
      </ul>
      <Button icon="download" size="s" onClick={download}>
        Empty file to fill in
      </Button>
    </section>
  );
}
