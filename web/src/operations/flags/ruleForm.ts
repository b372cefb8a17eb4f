/** The targeting editor's fields, and the change that they make. */
import type { Flag, FlagChange, FlagRule, FlagRuleInput } from "@/api/types";
import { parseDecimal } from "@/format/numbers";

export interface RuleFields {
  /** Stays the same while rules are moved and taken away. */
  id: number;
  variant: string;
  roles: string[];
  accounts: string;
  percentage: string;
  from: string;
  until: string;
}

export interface NeedFields {
  id: number;
  /** The flag that is needed. */
  key: string;
  /** Which of its values will do. */
  variants: string[];
}

export interface FlagFields {
  rules: RuleFields[];
  needs: NeedFields[];
  /** "" leaves it to the installation. */
  fallback: string;
  reason: string;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
let count = 0;

export const emptyRule = (variant: string): RuleFields => ({ id: (count += 1), variant, roles: [], accounts: "", percentage: "", from: "", until: "" });

/** A requirement of a flag: usually that it is anything but off. */
export const emptyNeed = (flag: Flag): NeedFields => ({ id: (count += 1), key: flag.key, variants: Object.keys(flag.variants).filter((name) => name !== flag.off) });

export const fieldsOf = ({ own: { state } }: Flag): FlagFields => ({
  rules: state.rules.map(ruleFields),
  needs: state.requires.map(({ key, variants }) => ({ id: (count += 1), key, variants: [...variants] })),
  fallback: state.default ?? "",
  reason: "",
});

function ruleFields(rule: FlagRule): RuleFields {
  return {
    id: (count += 1),
    variant: rule.variant,
    roles: [...rule.roles],
    accounts: rule.accounts.join("\n"),
    percentage: rule.percentage === null ? "" : String(rule.percentage),
    from: localMinute(rule.from_at),
    until: localMinute(rule.until_at),
  };
}

/** What is wrong, by the name of the field: "reason", "rules.0.percentage", "requires.1". Empty when it can be sent. */
export function faultsOf(fields: FlagFields): Record<string, string> {
  const faults: Record<string, string> = {};
  if (fields.reason.trim().length < 3) faults["reason"] = "Say why, for whoever reads the history.";
  fields.rules.forEach((rule, index) => {
    const share = rule.percentage.trim() === "" ? 0 : parseDecimal(rule.percentage);
    if (share === null || share < 0 || share > 100) faults[`rules.${index}.percentage`] = "A number from 0 to 100.";
    if (accountsOf(rule).some((id) => !UUID.test(id))) faults[`rules.${index}.accounts`] = "Ids of accounts, one a line.";
    if (rule.from !== "" && rule.until !== "" && rule.until <= rule.from) faults[`rules.${index}.until`] = "It must end after it begins.";
  });
  fields.needs.forEach((need, index) => {
    if (need.variants.length === 0) faults[`requires.${index}`] = "Choose at least one value that will do.";
    else if (fields.needs.findIndex((one) => one.key === need.key) < index) faults[`requires.${index}`] = "This flag is named above already.";
  });
  return faults;
}

export const changeOf = (fields: FlagFields): FlagChange => ({
  reason: fields.reason.trim(),
  default: fields.fallback === "" ? null : fields.fallback,
  rules: fields.rules.map(ruleInput),
  requires: fields.needs.map(({ key, variants }) => ({ key, variants })),
});

function ruleInput(rule: RuleFields): FlagRuleInput {
  return {
    variant: rule.variant,
    // The boxes of the editor are the roles that the contract knows.
    roles: rule.roles as NonNullable<FlagRuleInput["roles"]>,
    accounts: accountsOf(rule),
    percentage: rule.percentage.trim() === "" ? null : parseDecimal(rule.percentage),
    from_at: instantOf(rule.from),
    until_at: instantOf(rule.until),
  };
}

/** The rules with one moved up (-1) or down (+1). */
export function moved(rules: readonly RuleFields[], index: number, by: -1 | 1): RuleFields[] {
  const next = [...rules];
  const [rule] = next.splice(index, 1);
  next.splice(index + by, 0, rule!);
  return next;
}

const accountsOf = (rule: RuleFields): string[] => rule.accounts.split(/[\s,;]+/).filter(Boolean);

const instantOf = (local: string): string | null => (local === "" ? null : new Date(local).toISOString());

/** An instant as the browser's own clock shows it, as `datetime-local` wants it. */
function localMinute(instant: string | null): string {
  if (instant === null) return "";
  const at = new Date(instant);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
