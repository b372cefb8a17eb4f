import { useState } from "react";
import { useMove } from "@/api/assignments";
import { useVersions } from "@/api/protocols";
import type { Assignment, MovePreview, ProtocolVersion } from "@/api/types";
import { fullDay } from "@/format/dates";
import { counted } from "@/format/numbers";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Choice, SelectField, TextField } from "@/ui/Field";
import { EmptyState, FaultNotice, Loaded, Notice } from "@/ui/States";
import { useToast } from "@/ui/Toast";
import { changeInWords } from "./movePreview";

interface MoveDialogProps {
  assignment: Assignment;
  title: string;
  today: string;
  close: () => void;
}

/** Moves a running plan to another version: first what would change, then the move. History is kept. */
export function MoveDialog({ assignment, title, today, close }: MoveDialogProps) {
  const versions = useVersions(assignment.protocol_id);
  return (
    <Loaded of={versions}>
      {({ items }) => {
        const others = items.filter((item) => item.version !== assignment.version && item.status !== "draft");
        if (others.length > 0) return <MoveForm assignment={assignment} title={title} today={today} close={close} versions={others} />;
        return (
          <Dialog title="Move to another version" lead={title} size="s" onClose={close}>
            <EmptyState icon="move" title="There is no other published version">
              Publish the next version of the protocol first.
            </EmptyState>
          </Dialog>
        );
      }}
    </Loaded>
  );
}

function MoveForm({ assignment, title, today, close, versions }: MoveDialogProps & { versions: ProtocolVersion[] }) {
  const newest = versions.toSorted((a, b) => b.version - a.version);
  const [version, setVersion] = useState(String(newest[0]!.version));
  const [from, setFrom] = useState(today > assignment.starts_on ? today : assignment.starts_on);
  const [count, setCount] = useState<"go-on" | "restart">("go-on");
  const [preview, setPreview] = useState<MovePreview | null>(null);
  const move = useMove(assignment.id);
  const toast = useToast();
  const input = { to_version: Number(version), from, restart: count === "restart" };
  const look = async () => {
    const answer = await move.run({ ...input, dry_run: true });
    if (answer !== undefined) setPreview(answer);
  };
  const act = async () => {
    if ((await move.run(input)) === undefined) return;
    toast({ message: `Moved to version ${version}` });
    close();
  };
  const changed = <T,>(set: (value: T) => void) => (value: T) => { set(value); setPreview(null); move.reset(); };
  return (
    <Dialog
      title="Move to another version"
      lead={title}
      onClose={close}
      footer={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button look={preview ? "primary" : "secondary"} isBusy={move.isRunning} onClick={() => void (preview ? act() : look())}>
            {preview ? `Move to version ${version}` : "See what changes"}
          </Button>
        </>
      }
    >
      <FaultNotice fault={move.problem} />
      <div className="field-pair">
        <SelectField label="Version" required value={version} onValue={changed(setVersion)} options={newest.map((item) => [String(item.version), `Version ${item.version}${item.published_at ? `, ${fullDay(item.published_at)}` : ""}`] as const)} />
        <TextField label="From" type="date" required min={assignment.starts_on} max={assignment.ends_on} value={from} onValue={changed(setFrom)} />
      </div>
      <Choice
        legend="Days of the plan"
        name="count"
        value={count}
        onValue={changed(setCount)}
        options={[
          { value: "go-on", label: "Go on counting", hint: "The plan day stays what it is." },
          { value: "restart", label: "Start again at day 1" },
        ]}
      />
      {preview ? <Preview preview={preview} /> : null}
    </Dialog>
  );
}

const HEADINGS = [
  ["begins", "Begins", "good"],
  ["changes", "Changes", "accent"],
  ["ends", "Ends", "warning"],
] as const;

function Preview({ preview }: { preview: MovePreview }) {
  const total = preview.begins.length + preview.changes.length + preview.ends.length;
  return (
    <div className="stack" role="status">
      <p className="strong">{total === 0 ? "Nothing changes for the patient." : `${counted(total, "thing")} ${total === 1 ? "changes" : "change"} for the patient:`}</p>
      {preview.ends_on_after === preview.ends_on_before ? null : (
        <p className="number">
          The plan ends on {fullDay(preview.ends_on_after)} instead of {fullDay(preview.ends_on_before)}.
        </p>
      )}
      {HEADINGS.map(([key, title, tone]) =>
        preview[key].length > 0 ? (
          <Notice key={key} tone={tone} title={title}>
            <ul>
              {preview[key].map((line) => (
                <li key={line.activity_key}>{changeInWords(line)}</li>
              ))}
            </ul>
          </Notice>
        ) : null,
      )}
    </div>
  );
}
