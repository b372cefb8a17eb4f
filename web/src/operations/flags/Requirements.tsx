import { useFlags } from "@/api/flags";
import type { Flag } from "@/api/types";
import { Button, IconButton } from "@/ui/Button";
import { SelectField } from "@/ui/Field";
import { emptyNeed, type NeedFields } from "./ruleForm";

interface RequirementsProps {
  flag: Flag;
  needs: readonly NeedFields[];
  faults: Record<string, string>;
  change: (needs: NeedFields[]) => void;
}

/** Which other flags must be on, else this one is off. */
export function Requirements({ flag, needs, faults, change }: RequirementsProps) {
  const others = (useFlags().data ?? []).filter((one) => one.key !== flag.key);
  const put = (id: number, next: NeedFields) => change(needs.map((one) => (one.id === id ? next : one)));
  const free = others.find((one) => needs.every((need) => need.key !== one.key));
  return (
    <section className="stack" data-gap="s">
      <h3>Needs other flags</h3>
      <p className="muted small">Where another flag does not give one of the values named here, this one is {flag.off}, whatever the rules say.</p>
      {faults["requires"] ? <p className="field-error">{faults["requires"]}</p> : null}
      {needs.map((need, index) => {
        const name = `Requirement ${index + 1}`;
        const needed = others.find((one) => one.key === need.key);
        const toggle = (variant: string) => put(need.id, { ...need, variants: need.variants.includes(variant) ? need.variants.filter((one) => one !== variant) : [...need.variants, variant] });
        return (
          <fieldset key={need.id} className="flag-rule">
            <legend>{name}</legend>
            <div className="flag-rule-acts">
              <IconButton icon="close" label={`Take ${name} away`} onClick={() => change(needs.filter((one) => one.id !== need.id))} />
            </div>
            <SelectField
              label="Flag"
              required
              value={need.key}
              error={faults[`requires.${index}`]}
              // A flag that the program no longer has stays visible, so that it can be taken away.
              options={[...(needed ? [] : [[need.key, `${need.key} (gone)`] as const]), ...others.map((one) => [one.key, one.key] as const)]}
              onValue={(key) => put(need.id, { ...emptyNeed(others.find((one) => one.key === key)!), id: need.id })}
            />
            <fieldset className="flag-roles">
              <legend>Must give one of</legend>
              {Object.keys(needed?.variants ?? {}).map((variant) => (
                <label key={variant} className="flag-role">
                  <input type="checkbox" checked={need.variants.includes(variant)} onChange={() => toggle(variant)} /> {variant}
                </label>
              ))}
            </fieldset>
          </fieldset>
        );
      })}
      {free ? (
        <div>
          <Button icon="plus" onClick={() => change([...needs, emptyNeed(free)])}>
            Add a requirement
          </Button>
        </div>
      ) : null}
    </section>
  );
}
