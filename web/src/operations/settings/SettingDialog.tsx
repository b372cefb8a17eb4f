import { useEffect, useRef, useState } from "react";
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
    const saved = "faults" in read ? undefined : await change.run(read.change);
    if (saved === undefined) return;
    close();
    toast({ message: saved.version === setting.version ? "It is so already: nothing was changed." : "Saved. Every node follows within a second." });
  };
  const form = useRef<HTMLFormElement>(null);
  // It comes after the dialog opened, which by then has given focus to its way out.
  useEffect(() => form.current?.querySelector<HTMLElement>("input, select")?.focus(), []);
  return (
    <form
      ref={form}
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
      <ValueField label="Value" setting={setting} value={fields.value} error={faults.value} onValue={put("value")} required />
      <TextField label="Why" required value={fields.reason} maxLength={500} error={faults.reason} onValue={put("reason")} hint="Kept for good. About the setting, never about a person." />
      <details open={setting.variation !== null}>
        <summary className="strong">Another value for a time, or for some</summary>
        <div className="stack">
          <ValueField label="Other value" setting={setting} value={fields.other} error={faults.other} onValue={put("other")} />
          <TextField label="Per cent of accounts" suffix="%" inputMode="decimal" hint="Always the same ones; more take nobody out." value={fields.percent} error={faults.percent} onValue={put("percent")} />
          <div className="field-pair">
            <TextField label="From" type="datetime-local" value={fields.from} onValue={put("from")} />
            <TextField label="Until" type="datetime-local" value={fields.until} error={faults.until} onValue={put("until")} />
          </div>
        </div>
      </details>
      <div className="row">
        <Button look="primary" type="submit" isBusy={change.isRunning}>
          Save
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
  /** Without, an empty field is none. */
  required?: boolean;
  error?: string | undefined;
  onValue: (value: string) => void;
}

function ValueField({ label, setting, value, required = false, error, onValue }: ValueFieldProps) {
  const choices = setting.type === "boolean" ? (["true", "false"] as const) : setting.choices.map(String);
  if (choices.length > 0) {
    const options = [["", required ? "Choose one" : "None"] as const, ...choices.map((one) => [one, one === "true" ? "On" : one === "false" ? "Off" : one] as const)];
    return <SelectField label={label} required={required} value={value} options={options} error={error} onValue={onValue} />;
  }
  return (
    <TextField label={label} required={required} {...(setting.unit ? { suffix: setting.unit } : {})} inputMode={setting.type === "text" ? "text" : "decimal"} hint={rangeWords(setting)} value={value} error={error} onValue={onValue} />
  );
}
