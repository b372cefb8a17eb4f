import type { OrganisationSetting, SettingChange, SettingVersion } from "@/api/types";
import { dayAndTime } from "@/format/dates";
import { decimal, percent } from "@/format/numbers";

type Value = OrganisationSetting["value"];

/** "15 minutes", "on", "what everybody has" */
export function valueText(value: Value, setting: Pick<OrganisationSetting, "unit" | "is_sensitive">): string {
  if (setting.is_sensitive) return "kept secret";
  if (value === null) return "as for all organisations";
  if (typeof value === "boolean") return value ? "on" : "off";
  if (typeof value !== "number") return value;
  const unit = value === 1 ? setting.unit.replace(/s$/, "") : setting.unit;
  return unit ? `${decimal(value)} ${unit}` : decimal(value);
}

export function variationText(variation: SettingVersion["variation"], setting: Pick<OrganisationSetting, "unit" | "is_sensitive">): string {
  if (!variation) return "";
  const parts = [
    valueText(variation.value, setting),
    variation.percent == null ? "" : `for ${percent(variation.percent / 100)} of accounts`,
    variation.starts_at ? `from ${dayAndTime(variation.starts_at)}` : "",
    variation.ends_at ? `until ${dayAndTime(variation.ends_at)}` : "",
  ];
  return parts.filter(Boolean).join(" ");
}

export function rangeWords(setting: OrganisationSetting): string {
  const { minimum, maximum, unit } = setting;
  const bounds = minimum !== null && maximum !== null ? `${decimal(minimum)} to ${decimal(maximum)}` : minimum !== null ? `at least ${decimal(minimum)}` : maximum !== null ? `at most ${decimal(maximum)}` : "";
  return [bounds, bounds ? unit : ""].filter(Boolean).join(" ");
}

export interface SettingFields {
  value: string;
  reason: string;
  other: string;
  percent: string;
  from: string;
  until: string;
}

export function fieldsOf(setting: OrganisationSetting, now = Date.now()): SettingFields {
  const { own_value } = setting;
  const endsAt = setting.variation?.ends_at;
  // One whose time is over holds never again: it is not chosen once more with the next value.
  const variation = endsAt != null && Date.parse(endsAt) <= now ? null : setting.variation;
  return {
    value: own_value === null ? "" : String(own_value),
    reason: "",
    other: variation?.value == null ? "" : String(variation.value),
    percent: variation?.percent == null ? "" : String(variation.percent),
    from: local(variation?.starts_at),
    until: local(variation?.ends_at),
  };
}

/** What to send, or what is wrong with the fields by their names. */
export function changeOf(setting: OrganisationSetting, fields: SettingFields): { change: SettingChange } | { faults: Partial<Record<keyof SettingFields, string>> } {
  const faults: Partial<Record<keyof SettingFields, string>> = {};
  const value = read(setting, fields.value);
  if (value === null) faults.value = "Give a value. Under History is the way back to that of all organisations.";
  if (value === undefined) faults.value = `It must be ${rangeWords(setting) || "of the right kind"}.`;
  if (fields.reason.trim() === "") faults.reason = "Say why, for those who read this in a year.";
  const isVaried = fields.other !== "" || fields.percent !== "" || fields.from !== "" || fields.until !== "";
  const other = read(setting, fields.other);
  if (isVaried && (other === undefined || other === null)) faults.other = `It must be ${rangeWords(setting) || "of the right kind"}.`;
  const share = fields.percent === "" ? null : Number(fields.percent.replace(",", "."));
  if (share !== null && !(share >= 0 && share <= 100)) faults.percent = "A percentage from 0 to 100.";
  if (fields.from && fields.until && fields.until <= fields.from) faults.until = "The end is after the beginning.";
  if (Object.keys(faults).length > 0 || value === undefined) return { faults };
  const variation = isVaried && other != null ? { value: other, percent: share, starts_at: instant(fields.from), ends_at: instant(fields.until) } : null;
  return { change: { value, reason: fields.reason.trim(), variation } };
}

/** The typed value; null for none, undefined when it does not fit. */
function read(setting: OrganisationSetting, text: string): NonNullable<Value> | null | undefined {
  if (text === "") return null;
  if (setting.type === "boolean") return text === "true";
  if (setting.type === "text") return text;
  const number = Number(text.replace(",", "."));
  const fits = Number.isFinite(number) && (setting.type === "number" || Number.isInteger(number)) && number >= (setting.minimum ?? -Infinity) && number <= (setting.maximum ?? Infinity);
  return fits ? number : undefined;
}

/** An instant as a `datetime-local` field holds it, in the viewer's zone. */
function local(at: string | null | undefined): string {
  if (!at) return "";
  const moment = new Date(at);
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

const instant = (text: string): string | null => (text === "" ? null : new Date(text).toISOString());
