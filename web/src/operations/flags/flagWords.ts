/** What is decided about a flag, in words: the same sentences in the list, the detail and the history. */
import type { Flag, FlagRule, FlagState } from "@/api/types";
import { dayAndTime } from "@/format/dates";
import { decimal, listed } from "@/format/numbers";
import { ROLE } from "@/format/words";

export interface Standing {
  word: "On" | "Off" | "Killed" | "Rolling out" | "Targeted" | "Broken";
  tone: "good" | "neutral" | "danger" | "accent" | "warning";
  sentence: string;
  /** Per cent of accounts that are not given the variant "off"; null when it cannot be said in a number. */
  share: number | null;
}

/** Where a flag stands for the organisation, by the order in which the server decides. */
export function standingOf(flag: Flag): Standing {
  const { installation, own, effective, off } = flag;
  if (effective.cause === "broken") return { word: "Broken", tone: "danger", sentence: "What was decided names something that the program no longer has: it is off.", share: 0 };
  if (installation.state.is_killed) return { word: "Killed", tone: "danger", sentence: "Killed for all organisations by an operator or a rollout's guard.", share: 0 };
  if (own.state.is_killed) return { word: "Killed", tone: "danger", sentence: "Killed for your organisation.", share: 0 };
  if (effective.cause === "requirement") return { word: "Off", tone: "warning", sentence: `Off, because it needs ${requirementWords(flag)}.`, share: 0 };
  const fallback = own.state.default ?? installation.state.default ?? flag.declared_default;
  const rules = [...own.state.rules, ...(own.state.default === null ? installation.state.rules : [])];
  const rolling = own.state.rollout_percentage ?? (own.state.default === null ? installation.state.rollout_percentage : null);
  if (rules.length > 0) return { word: "Targeted", tone: "accent", sentence: `${sentenceOf(rules)}; everybody else has ${fallback}.`, share: shareOf(rules, fallback, off) };
  if (rolling !== null) {
    const variant = flag.rollout?.variant ?? "on";
    return { word: "Rolling out", tone: "accent", sentence: `${capital(variant)} for ${decimal(rolling)} % of accounts, more when nothing speaks against it.`, share: rolling };
  }
  const isOn = fallback !== off;
  const from = own.state.default !== null ? "chosen by your organisation" : installation.state.default !== null ? "chosen for all organisations" : "as the program declares it";
  return { word: isOn ? "On" : "Off", tone: isOn ? "good" : "neutral", sentence: `Everybody has ${fallback}, ${from}.`, share: isOn ? 100 : 0 };
}

const requirementWords = (flag: Flag): string => listed([...flag.own.state.requires, ...flag.installation.state.requires].map((one) => one.key));

const sentenceOf = (rules: readonly FlagRule[]): string => rules.map(ruleWords).join("; ");

function shareOf(rules: readonly FlagRule[], fallback: string, off: string): number | null {
  const only = rules.length === 1 ? rules[0]! : null;
  const isPlain = only !== null && only.percentage !== null && only.roles.length + only.accounts.length + only.organisations.length + only.hidden === 0 && only.from_at === null && only.until_at === null;
  if (!isPlain) return null;
  if (only.variant === off) return fallback === off ? 0 : 100 - only.percentage!;
  return fallback === off ? only.percentage! : 100;
}

/** One rule: "On for 10 % of accounts of clinicians, from 1 Dec, 08:00". */
export function ruleWords(rule: FlagRule): string {
  const who: string[] = [];
  if (rule.percentage !== null) who.push(`${decimal(rule.percentage)} % of ${rule.sticky_by === "organisation" ? "organisations" : "accounts"}`);
  if (rule.roles.length > 0) who.push(`the role ${listed(rule.roles.map((role) => (ROLE[role] ?? role).toLowerCase()), "or")}`);
  if (rule.accounts.length > 0) who.push(rule.accounts.length === 1 ? "one named account" : `${rule.accounts.length} named accounts`);
  if (rule.organisations.length > 0) who.push("your organisation");
  if (rule.hidden > 0) who.push(`${rule.hidden} named elsewhere`);
  const when = [rule.from_at ? `from ${dayAndTime(rule.from_at)}` : "", rule.until_at ? `until ${dayAndTime(rule.until_at)}` : ""].filter(Boolean).join(" ");
  return `${capital(rule.variant)} for ${who.length > 0 ? who.join(", of ") : "everybody"}${when ? `, ${when}` : ""}`;
}

/** A whole state in short sentences, for the history. */
export function stateWords(state: FlagState): string[] {
  const said: string[] = [];
  if (state.is_killed) said.push("Killed");
  said.push(...state.rules.map(ruleWords));
  if (state.rollout_percentage !== null) said.push(`Rolled out to ${decimal(state.rollout_percentage)} %`);
  if (state.default !== null) said.push(`${capital(state.default)} for whom no rule names`);
  if (state.requires.length > 0) said.push(`Needs ${listed(state.requires.map((one) => one.key))}`);
  return said.length > 0 ? said : ["Nothing decided"];
}

export const ACT: Record<string, string> = {
  set: "Changed",
  kill: "Killed",
  revive: "Revived",
  rollout_started: "Rollout started",
  rollout_advanced: "Rollout went on",
  rollout_completed: "Rollout completed",
  rollout_stopped: "Rollout stopped",
  rollout_paused: "Rollout paused",
  rollout_resumed: "Rollout resumed",
  rolled_back: "Rolled back",
  started: "Started",
  advanced: "Went on",
  paused: "Paused",
  resumed: "Resumed",
  completed: "Completed",
  stopped: "Stopped",
  killed: "Ended by a kill",
  pause_ended: "Stopped: paused too long",
};

export const WHY: Record<string, string> = {
  errors: "The treated failed more often than is usual.",
  latency: "The treated waited longer than the control.",
  missing_metrics: "No process reported how requests ended.",
  hanging_requests: "Treated requests began and did not end.",
};

export const MARK: Record<string, string> = {
  past_end: "Past its end",
  settled: "Settled",
  not_asked_for: "Not asked for",
  unknown_to_database: "Never used",
  not_declared: "Gone from the program",
};

export const ROLLOUT_STATUS: Record<string, string> = { running: "Running", completed: "Completed", rolled_back: "Rolled back", stopped: "Stopped" };

export function whoWords(changedAs: string): string {
  if (changedAs === "operator") return "An operator";
  return changedAs === "guard" ? "The rollout's guard" : (ROLE[changedAs] ?? changedAs);
}

export const valueWords = (value: unknown): string => (typeof value === "boolean" ? (value ? "on" : "off") : String(value));

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
