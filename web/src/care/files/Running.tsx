import { useOperation } from "@/api/assignments";
import { faultsAddress, useCancelOperation, useStartImport } from "@/api/files";
import type { FileKind, Operation } from "@/api/types";
import { counted } from "@/format/numbers";
import { Button, ButtonLink } from "@/ui/Button";
import { Icon } from "@/ui/Icon";
import { useAddressState } from "@/ui/navigation";
import { EmptyState, FaultNotice, Loaded, Notice } from "@/ui/States";
import { bytesText, type Counts, countsOf, kindOf } from "./kinds";

interface RunningProps {
  kind: FileKind;
  operationId: string;
  uploadId: string;
  follow: (operationId: string) => void;
  startOver: () => void;
}

/** An import on its way, and what became of it. It goes on when this page is left. */
export function Running({ kind, operationId, uploadId, follow, startOver }: RunningProps) {
  const operation = useOperation(operationId);
  if (operation.problem?.status === 404) return <Gone startOver={startOver} />;
  return (
    <Loaded of={operation} rows={4}>
      {(work) => {
        const counts = countsOf(work.result);
        const isOver = work.status !== "queued" && work.status !== "running";
        return (
          <div className="stack">
            <div role="status">
              <Heading work={work} counts={counts} kind={kind} />
            </div>
            {isOver ? null : <Under work={work} />}
            {counts ? <Result counts={counts} /> : null}
            {isOver ? <Next kind={kind} work={work} counts={counts} uploadId={uploadId} follow={follow} startOver={startOver} /> : null}
          </div>
        );
      }}
    </Loaded>
  );
}

/** What an address leads to that is old or of somebody else; also of a file that was looked at. */
export function Gone({ startOver }: { startOver: () => void }) {
  return (
    <EmptyState icon="search" title="This import is not here any more" action={<Button look="primary" onClick={startOver}>Choose a file</Button>}>
      A file and what became of it are kept for a while only.
    </EmptyState>
  );
}

function Heading({ work, counts, kind }: { work: Operation; counts: Counts | null; kind: FileKind }) {
  const { one, many } = kindOf(kind);
  if (work.status === "failed") return <Notice title={work.problem?.title ?? "The import failed"}>{work.problem?.detail}</Notice>;
  if (work.status === "cancelled") return <Notice tone="warning" title="Stopped">What was brought in before stays. Going on, or sending the same file again, brings in the rest.</Notice>;
  if (work.status !== "succeeded" || counts === null) return <p className="muted">The import goes on when you leave this page; this address finds it again.</p>;
  if (counts.dry_run) {
    const tone = counts.failed > 0 ? "warning" : "good";
    return <Notice tone={tone} title={counts.failed > 0 ? `${counted(counts.failed, "line has a fault", "lines have faults")}` : "No fault in the whole file"}>Nothing was written.</Notice>;
  }
  return <Notice tone={counts.failed > 0 ? "warning" : "good"} title={`${counted(counts.created + counts.updated, one, many)} brought in`} />;
}

function Under({ work }: { work: Operation }) {
  const cancel = useCancelOperation();
  const { done, total } = work.progress;
  return (
    <>
      <FaultNotice fault={cancel.problem} />
      <div className="progress">
        <progress value={total ? done : undefined} max={total || undefined} aria-label="Import" />
        <span className="number">{work.status === "queued" ? "Waiting to begin" : `${bytesText(done)} of ${bytesText(total)}`}</span>
        <Button size="s" icon="stop" isBusy={cancel.isRunning || work.cancel_requested} onClick={() => void cancel.run(work.id)}>
          {work.cancel_requested ? "Stopping" : "Stop"}
        </Button>
      </div>
    </>
  );
}

const BECAME = [
  ["created", "New"],
  ["updated", "Changed"],
  ["skipped", "Here already"],
  ["failed", "With faults"],
] as const;

function Result({ counts }: { counts: Counts }) {
  return (
    <section className="card" aria-label="What became of the lines">
      <dl className="files-counts">
        {BECAME.map(([name, label]) => (
          <div key={name}>
            <dt>{label}</dt>
            <dd className="number">{counts[name].toLocaleString("en")}</dd>
          </div>
        ))}
      </dl>
      <div className="files-share" aria-hidden="true">
        {BECAME.filter(([name]) => counts[name] > 0).map(([name]) => (
          <span key={name} data-became={name} style={{ flex: counts[name] }} />
        ))}
      </div>
      <p className="muted small number">{counted(counts.lines, "line")} read</p>
    </section>
  );
}

interface NextProps extends Omit<RunningProps, "operationId"> {
  work: Operation;
  counts: Counts | null;
}

function Next({ kind, work, counts, uploadId, follow, startOver }: NextProps) {
  const start = useStartImport();
  const isTried = work.status === "succeeded" && counts?.dry_run === true && uploadId !== "";
  const isStopped = work.status === "cancelled" && uploadId !== "";
  const [existing] = useAddressState("existing", "skip");
  const begin = async () => {
    const operation = await start.run({ kind, upload_id: uploadId, dry_run: false, existing: existing === "update" ? "update" : "skip" });
    if (operation) follow(operation.id);
  };
  return (
    <>
      <FaultNotice fault={start.problem} />
      <div className="row">
        {isTried || isStopped ? (
          <Button look="primary" icon="upload" isBusy={start.isRunning} onClick={() => void begin()}>
            Bring in {isStopped ? "the rest" : counts && counts.failed > 0 ? "the others" : kindOf(kind).many}
          </Button>
        ) : null}
        {counts && counts.failed > 0 ? (
          <a className="button" data-look="secondary" href={faultsAddress(work.id)} download>
            <Icon name="download" size={18} />
            Lines with faults
          </a>
        ) : null}
        {!isTried && kind === "patients" ? <ButtonLink href="/patients">See the patients</ButtonLink> : null}
        <Button look="quiet" onClick={startOver}>
          Another file
        </Button>
      </div>
      {counts && counts.failed > 0 ? <p className="muted small">Repair them in that file and send it again: its extra columns do not matter, and lines that are here already are passed over.</p> : null}
    </>
  );
}
