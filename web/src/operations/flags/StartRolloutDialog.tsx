import { useState } from "react";
import { useStartRollout } from "@/api/flags";
import type { Flag } from "@/api/types";
import { Button, IconButton } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { useDraft } from "@/ui/drafts";
import { SelectField, TextField } from "@/ui/Field";
import { FaultNotice } from "@/ui/States";
import { useToast } from "@/ui/Toast";
import { fieldFaults, focusFault } from "./fieldFaults";
import { emptyStage, faultsOf, fieldsOf, presentOf, type StageFields, startOf } from "./rolloutForm";

/** Begins to give a value to more and more accounts of the own organisation, watched by the guard. */
export function StartRolloutDialog({ flag, close }: { flag: Flag; close: () => void }) {
  const start = useStartRollout(flag.key);
  const toast = useToast();
  const [revision] = useState(flag.revision);
  const [fields, setFields, discard] = useDraft(`rollout/${flag.key}/${revision}`, () => fieldsOf(flag));
  const [found, setFound] = useState<Record<string, string>>({});
  const faults = { ...fieldFaults(start.problem, { hold_seconds: "minutes" }), ...found };
  const variants = Object.keys(flag.variants).filter((name) => name !== presentOf(flag));
  const setStages = (stages: StageFields[]) => setFields({ ...fields, stages });
  const save = async () => {
    const wrong = faultsOf(fields);
    setFound(wrong);
    if (Object.keys(wrong).length > 0) return focusFault();
    if ((await start.run(startOf(fields))) === undefined) return;
    discard();
    close();
    toast({ message: "The rollout has begun. Its guard looks every second." });
  };
  const cancel = () => {
    discard();
    close();
  };
  return (
    <Dialog
      title="Start a rollout"
      lead={flag.key}
      onClose={close}
      footer={
        <>
          <Button onClick={cancel}>Cancel</Button>
          <Button look="primary" isBusy={start.isRunning} onClick={() => void save()}>
            Start
          </Button>
        </>
      }
    >
      <FaultNotice fault={start.problem} />
      <ul className="consequences">
        <li>More and more accounts of your organisation have it, stage by stage; always the same ones, and more.</li>
        <li>When they fail more often or wait longer than the others, the flag is killed for your organisation by itself.</li>
        <li>Whoever is named by a rule keeps what the rule says.</li>
      </ul>
      <SelectField label="What they are given" required value={fields.variant} options={variants.map((name) => [name, name] as const)} error={faults["variant"]} onValue={(variant) => setFields({ ...fields, variant })} />
      {fields.stages.map((stage, index) => (
        <StageEditor key={stage.id} stage={stage} index={index} faults={faults} change={(next) => setStages(fields.stages.map((one) => (one.id === stage.id ? next : one)))} remove={fields.stages.length > 1 ? () => setStages(fields.stages.filter((one) => one.id !== stage.id)) : null} />
      ))}
      {faults["stages"] ? <p className="field-error">{faults["stages"]}</p> : null}
      <div>
        <Button size="s" icon="plus" disabled={fields.stages.length >= 20} onClick={() => setStages([emptyStage(), ...fields.stages])}>
          Add a stage before
        </Button>
      </div>
      <TextField label="Why" required value={fields.reason} maxLength={500} error={faults["reason"]} onValue={(reason) => setFields({ ...fields, reason })} />
    </Dialog>
  );
}

interface StageEditorProps {
  stage: StageFields;
  index: number;
  faults: Record<string, string>;
  change: (stage: StageFields) => void;
  remove: (() => void) | null;
}

function StageEditor({ stage, index, faults, change, remove }: StageEditorProps) {
  const name = `Stage ${index + 1}`;
  return (
    <fieldset className="flag-rule flag-stage">
      <legend>{name}</legend>
      {remove ? (
        <div className="flag-rule-acts">
          <IconButton icon="close" label={`Take ${name} away`} onClick={remove} />
        </div>
      ) : null}
      <div className="field-pair">
        <TextField label="Accounts that have it" required suffix="%" inputMode="decimal" value={stage.percentage} error={faults[`stages.${index}.percentage`]} onValue={(percentage) => change({ ...stage, percentage })} />
        <TextField label="For at least" required suffix="minutes" inputMode="numeric" value={stage.minutes} error={faults[`stages.${index}.minutes`]} onValue={(minutes) => change({ ...stage, minutes })} />
      </div>
    </fieldset>
  );
}
