import { useState } from "react";
import { useChangeFlag } from "@/api/flags";
import type { ApiProblem } from "@/api/problem";
import type { Flag } from "@/api/types";
import { ROLE } from "@/format/words";
import { Button, IconButton } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { useDraft } from "@/ui/drafts";
import { SelectField, TextArea, TextField } from "@/ui/Field";
import { FaultNotice } from "@/ui/States";
import { useToast } from "@/ui/Toast";
import { fieldFaults, focusFault } from "./fieldFaults";
import { Requirements } from "./Requirements";
import { changeOf, emptyRule, faultsOf, fieldsOf, moved, type RuleFields } from "./ruleForm";

const ROLES = ["admin", "clinician", "coordinator", "auditor", "patient", "service"];

/** What the server calls a field, and what it is called here; a requirement is marked as a whole. */
const NAMES = { until_at: "until", from_at: "from", default: "fallback", key: "", variants: "" };

/** The targeting editor: rules in order, what everybody else has, which flags it needs, and why. */
export function RulesDialog({ flag, close }: { flag: Flag; close: () => void }) {
  // What was typed for one state of the flag is neither kept nor saved for another: it would undo what came in between.
  const [revision] = useState(flag.revision);
  const change = useChangeFlag(flag.key, revision);
  const toast = useToast();
  const [fields, setFields, discard] = useDraft(`flag/${flag.key}/${revision}`, () => fieldsOf(flag));
  const [found, setFound] = useState<Record<string, string>>({});
  const faults: Record<string, string> = { ...refused(change.problem), ...found };
  const variants = Object.keys(flag.variants);
  const first = variants.find((name) => name !== flag.off) ?? variants[0]!;
  const setRules = (rules: RuleFields[]) => setFields({ ...fields, rules });
  const save = async () => {
    const wrong = faultsOf(fields);
    setFound(wrong);
    if (Object.keys(wrong).length > 0) return focusFault();
    if ((await change.run(changeOf(fields))) === undefined) return;
    discard();
    close();
    toast({ message: "Saved. Every node follows within a second." });
  };
  const cancel = () => {
    discard();
    close();
  };
  return (
    <Dialog title="Who has it" lead={flag.key} size="l" onClose={close} footer={<Footer isBusy={change.isRunning} save={() => void save()} close={cancel} />}>
      <FaultNotice fault={change.problem} />
      {change.problem?.status === 412 ? <p>Nothing was saved. Copy what you want to keep, cancel, and open this again: it then begins with what was changed.</p> : null}
      <p className="muted small">The first rule that fits decides. Everything here is for your organisation only.</p>
      {fields.rules.map((rule, index) => (
        <RuleEditor
          key={rule.id}
          rule={rule}
          index={index}
          last={index === fields.rules.length - 1}
          variants={variants}
          faults={faults}
          change={(next) => setRules(fields.rules.map((one) => (one.id === rule.id ? next : one)))}
          move={(by) => setRules(moved(fields.rules, index, by))}
          remove={() => setRules(fields.rules.filter((one) => one.id !== rule.id))}
        />
      ))}
      <div>
        <Button icon="plus" onClick={() => setRules([...fields.rules, emptyRule(first)])}>
          Add a rule
        </Button>
      </div>
      <SelectField
        label="Everybody else"
        required
        value={fields.fallback}
        error={faults["fallback"]}
        options={[["", "As decided for all organisations"], ...variants.map((name) => [name, name] as const)]}
        onValue={(fallback) => setFields({ ...fields, fallback })}
      />
      <Requirements flag={flag} needs={fields.needs} faults={faults} change={(needs) => setFields({ ...fields, needs })} />
      <TextField label="Why" required value={fields.reason} maxLength={500} error={faults["reason"]} onValue={(reason) => setFields({ ...fields, reason })} />
    </Dialog>
  );
}

/** What the server refused; that flags would need each other in a circle is about the requirements as a whole. */
function refused(problem: ApiProblem | null): Record<string, string> {
  const faults = Object.fromEntries(Object.entries(fieldFaults(problem, NAMES)).map(([name, text]) => [name.replace(/\.$/, ""), text]));
  return problem?.status === 409 ? { ...faults, requires: problem.body.title } : faults;
}

function Footer({ isBusy, save, close }: { isBusy: boolean; save: () => void; close: () => void }) {
  return (
    <>
      <Button onClick={close}>Cancel</Button>
      <Button look="primary" isBusy={isBusy} onClick={save}>
        Save
      </Button>
    </>
  );
}

interface RuleEditorProps {
  rule: RuleFields;
  index: number;
  last: boolean;
  variants: readonly string[];
  faults: Record<string, string>;
  change: (rule: RuleFields) => void;
  move: (by: -1 | 1) => void;
  remove: () => void;
}

function RuleEditor({ rule, index, last, variants, faults, change, move, remove }: RuleEditorProps) {
  const name = `Rule ${index + 1}`;
  const toggle = (role: string) => change({ ...rule, roles: rule.roles.includes(role) ? rule.roles.filter((one) => one !== role) : [...rule.roles, role] });
  return (
    <fieldset className="flag-rule">
      <legend>{name}</legend>
      <div className="flag-rule-acts">
        <IconButton icon="up" label={`Move ${name} up`} disabled={index === 0} onClick={() => move(-1)} />
        <IconButton icon="down" label={`Move ${name} down`} disabled={last} onClick={() => move(1)} />
        <IconButton icon="close" label={`Take ${name} away`} onClick={remove} />
      </div>
      <div className="field-pair">
        <SelectField label="Give" required value={rule.variant} error={faults[`rules.${index}.variant`]} options={variants.map((one) => [one, one] as const)} onValue={(variant) => change({ ...rule, variant })} />
        <TextField label="Per cent of accounts" suffix="%" inputMode="decimal" hint="Always the same ones; more take nobody out." value={rule.percentage} error={faults[`rules.${index}.percentage`]} onValue={(percentage) => change({ ...rule, percentage })} />
      </div>
      <fieldset className="flag-roles">
        <legend>
          Roles <span className="field-optional">optional</span>
        </legend>
        {ROLES.map((role) => (
          <label key={role} className="flag-role">
            <input type="checkbox" checked={rule.roles.includes(role)} onChange={() => toggle(role)} /> {ROLE[role] ?? role}
          </label>
        ))}
      </fieldset>
      <div className="field-pair">
        <TextField label="From" type="datetime-local" value={rule.from} error={faults[`rules.${index}.from`]} onValue={(from) => change({ ...rule, from })} />
        <TextField label="Until" type="datetime-local" value={rule.until} error={faults[`rules.${index}.until`]} onValue={(until) => change({ ...rule, until })} />
      </div>
      <TextArea label="Accounts" hint="Ids, one a line." rows={2} value={rule.accounts} error={faults[`rules.${index}.accounts`]} onValue={(accounts) => change({ ...rule, accounts })} />
    </fieldset>
  );
}
