import { useState } from "react";
import { useChangeSetting, useOrganisationSetting } from "@/api/organisationSettings";
import { useMay } from "@/api/session";
import type { OrganisationSetting } from "@/api/types";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { SelectField, TextField } from "@/ui/Field";
import { FaultNotice, Loaded } from "@/ui/States";
import { Tabs } from "@/ui/Tabs";
import { useToast } from "@/ui/Toast";
import { changeOf, fieldsOf, rangeWords, type SettingFields, valueText } from "./settingWords";
import { Versions } from "./Versions";

/** One setting: choose it, for when and for whom; and what was chosen before. */
export function SettingDialog({ listed, close }: { listed: OrganisationSetting; close: () => void }) {
  const setting = useOrganisationSetting(listed.name);
  const mayWrite = useMay("setting.write");
  const [tab, setTab] = useState("choose");
  return (
    <Dialog title={listed.title} lead={listed.description} onClose={close}>
      <Loaded of={setting} rows={4}>
        {(found) => (
          <Tabs
            label="What to do"
            value={mayWrite ? tab : "history"}
            onValue={setTab}
            tabs={[
              ...(mayWrite ? [{ key: "choose", label: "Choose", content: <Choose key={found.version} setting={found} close={close} /> }] : []),
              { key: "history", label: "History", content: <Versions setting={found} /> },
            ]}
          />
        )}
      </Loaded>
    </Dialog>
  );
}

function Choose({ setting, close }: { setting: OrganisationSetting; close: () => void }) {
  const change = useChangeSetting(setting.name);
  const toast = useToast();
  const [fields, setFields] = useState(() => fieldsOf(setting));
  const [faults, setFaults] = useState<Partial<Record<keyof SettingFields, string>>>({});
  const put = (name: keyof SettingFields) => (value: string) => setFields((before) => ({ ...before, [name]: value }));
  const save = async () => {
    const read = changeOf(setting, fields);
    setFaults("faults" in read ? read.faults : {});
    if ("faults" in read || (await change.run(read.change)) === undefined) return;
    close();
    toast({ message: "Chosen. Every node follows within a second." });
  };
  return (
    <form
      className="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <FaultNotice fault={change.problem} />
      <p>
        Now: <strong className="number">{valueText(setting.value, setting)}</strong>
      </p>
      <ValueField label="Value" setting={setting} value={fields.value} error={faults.value} onValue={put("value")} empty="As for all organisations" />
      <TextField label="Why" required value={fields.reason} maxLength={500} error={faults.reason} onValue={put("reason")} hint="Kept for good. About the setting, never about a person." />
      <details open={setting.variation !== null}>
        <summary className="strong">Another value for a time, or for some</summary>
        <div className="stack">
          <ValueField label="Other value" setting={setting} value={fields.other} error={faults.other} onValue={put("other")} empty="None" />
          <TextField label="Per cent of accounts" suffix="%" inputMode="decimal" hint="Always the same ones; more take nobody out." value={fields.percent} error={faults.percent} onValue={put("percent")} />
          <div className="field-pair">
            <TextField label="From" type="datetime-local" value={fields.from} onValue={put("from")} />
            <TextField label="Until" type="datetime-local" value={fields.until} error={faults.until} onValue={put("until")} />
          </div>
        </div>
      </details>
      <div className="row">
        <Button look="primary" type="submit" isBusy={change.isRunning}>
          Choose
        </Button>
        <Button onClick={close}>Cancel</Button>
      </div>
    </form>
  );
}

interface ValueFieldProps {
  label: string;
  setting: OrganisationSetting;
  value: string;
  /** What an empty field means. */
  empty: string;
  error?: string | undefined;
  onValue: (value: string) => void;
}

function ValueField({ label, setting, value, empty, error, onValue }: ValueFieldProps) {
  const choices = setting.type === "boolean" ? (["true", "false"] as const) : setting.choices.map(String);
  if (choices.length > 0) {
    const options = [["", empty] as const, ...choices.map((one) => [one, one === "true" ? "On" : one === "false" ? "Off" : one] as const)];
    return <SelectField label={label} value={value} options={options} error={error} onValue={onValue} />;
  }
  const range = rangeWords(setting);
  const hint = [range ? `${range}.` : "", `Empty: ${empty.toLowerCase()}.`].filter(Boolean).join(" ");
  return (
    <TextField label={label} {...(setting.unit ? { suffix: setting.unit } : {})} inputMode={setting.type === "text" ? "text" : "decimal"} hint={hint} value={value} error={error} onValue={onValue} />
  );
}
