import { useFilePreview, useStartImport } from "@/api/files";
import type { FileKind, FileLine, FilePreview } from "@/api/types";
import { counted } from "@/format/numbers";
import { Button } from "@/ui/Button";
import { useAddressState } from "@/ui/navigation";
import { EmptyState, FaultNotice, Loaded, Notice } from "@/ui/States";
import { bytesText, kindOf } from "./kinds";
import { Gone } from "./Running";

interface LookedProps {
  kind: FileKind;
  uploadId: string;
  follow: (operationId: string) => void;
  startOver: () => void;
}

/** The first lines of a file, as they were understood, and what to do with it. */
export function Looked({ kind, uploadId, follow, startOver }: LookedProps) {
  const preview = useFilePreview(uploadId, kind);
  const start = useStartImport();
  const [existing, setExisting] = useAddressState("existing", "skip");
  const begin = async (dry_run: boolean) => {
    const operation = await start.run({ kind, upload_id: uploadId, dry_run, existing: existing === "update" ? "update" : "skip" });
    if (operation) follow(operation.id);
  };
  if (preview.problem?.status === 404) return <Gone startOver={startOver} />;
  if (preview.problem) return <Unreadable preview={preview} startOver={startOver} />;
  return (
    <Loaded of={preview} rows={8}>
      {(shown) => (
        <div className="stack">
          <FaultNotice fault={start.problem} />
          <Lines shown={shown} />
          {kind === "patients" ? (
            <label className="row">
              <input type="checkbox" checked={existing === "update"} onChange={(event) => setExisting(event.currentTarget.checked ? "update" : "skip")} />
              <span>
                Change patients who are here already <span className="muted">(otherwise they stay as they are)</span>
              </span>
            </label>
          ) : null}
          <div className="row">
            <Button look="primary" icon="check" isBusy={start.isRunning} onClick={() => void begin(true)}>
              Check the whole file
            </Button>
            <Button icon="upload" isBusy={start.isRunning} onClick={() => void begin(false)}>
              Bring in {kindOf(kind).many}
            </Button>
            <Button look="quiet" onClick={startOver}>
              Another file
            </Button>
          </div>
          <p className="muted small">Checking writes nothing. Lines with a fault are left out and reported, so that they can be repaired and sent again.</p>
        </div>
      )}
    </Loaded>
  );
}

function Unreadable({ preview, startOver }: { preview: ReturnType<typeof useFilePreview>; startOver: () => void }) {
  return (
    <div className="stack">
      <FaultNotice fault={preview.problem} />
      {preview.problem && preview.problem.faults.length > 0 ? (
        <ul className="report-list">
          {preview.problem.faults.slice(0, 50).map((fault, index) => (
            <li key={index}>{fault.detail}</li>
          ))}
        </ul>
      ) : null}
      <div className="row">
        <Button look="primary" onClick={startOver}>
          Another file
        </Button>
        <Button onClick={preview.retry}>Look again</Button>
      </div>
    </div>
  );
}

function Lines({ shown }: { shown: FilePreview }) {
  const faulty = shown.lines.filter((line) => line.faults.length > 0).length;
  const columns = shown.columns.length > 0 ? shown.columns : [...new Set(shown.lines.flatMap((line) => Object.keys(line.values)))];
  if (shown.lines.length === 0) return <EmptyState icon="info" title="The file has no lines to bring in" />;
  return (
    <>
      <Notice tone={faulty > 0 ? "warning" : "good"} title={faulty > 0 ? `${counted(faulty, "of these lines has a fault", "of these lines have faults")}` : "These lines can be brought in"}>
        {shown.format === "csv" ? `CSV with ${shown.delimiter === ";" ? "semicolons" : "commas"}` : "NDJSON"}, {bytesText(shown.size_bytes)}
      </Notice>
      <div className="files-lines" role="group" aria-label="First lines of the file" tabIndex={0}>
        <table>
          <caption>First {counted(shown.lines.length, "line")}</caption>
          <thead>
            <tr>
              <th scope="col">Line</th>
              <th scope="col">Would be</th>
              {columns.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.lines.map((line) => (
              <Row key={line.line} line={line} columns={columns} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Row({ line, columns }: { line: FileLine; columns: readonly string[] }) {
  const faultOf = (column: string) => line.faults.find((fault) => fault.field === column);
  return (
    <tr>
      <th scope="row" className="number">
        {line.line}
      </th>
      <td className="files-why">
        {line.faults.length === 0 ? line.became : line.faults.map((fault, index) => <div key={index}>{fault.field ? <><code>{fault.field}</code> {fault.error}</> : fault.error}</div>)}
      </td>
      {columns.map((column) => (
        <td key={column} data-fault={faultOf(column) ? true : undefined}>
          {cellText(line.values[column])}
        </td>
      ))}
    </tr>
  );
}

const cellText = (value: unknown): string => (value == null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));
