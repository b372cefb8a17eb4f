import { describe, expect, it } from "vitest";
import type { Flag, FlagRule, FlagState } from "@/api/types";
import { ruleWords, standingOf, stateWords } from "./flagWords";
import { changeOf, emptyRule, faultsOf, fieldsOf, moved } from "./ruleForm";

const nothing: FlagState = { is_killed: false, default: null, rules: [], requires: [], rollout_percentage: null };
const everybody: FlagRule = { variant: "on", roles: [], organisations: [], accounts: [], hidden: 0, percentage: null, sticky_by: "account", from_at: null, until_at: null };
const undecided = { state: nothing, reason: "", changed_by: null, changed_at: null, revision: 0 };
const plain: Flag = {
  key: "lists.faster",
  kind: "boolean",
  description: "",
  owner: "platform",
  created_on: "2026-11-22",
  ends_on: null,
  variants: { on: true, off: false },
  declared_default: "off",
  off: "off",
  installation: undecided,
  own: undecided,
  effective: { variant: "off", value: false, reason: "DEFAULT", cause: "declared", rule: null, is_own: false },
  asked: 0,
  last_asked_at: null,
  stale: [],
  rollout: null,
  revision: 0,
};
const decided = (installation: Partial<FlagState>, own: Partial<FlagState> = {}): Flag => ({
  ...plain,
  installation: { ...undecided, state: { ...nothing, ...installation } },
  own: { ...undecided, state: { ...nothing, ...own } },
});

describe("where a flag stands", () => {
  it("is as the program declares it until somebody decides", () => {
    expect(standingOf(plain)).toMatchObject({ word: "Off", share: 0, sentence: "Everybody has off, as the program declares it." });
  });

  it("is killed before all else, and says for whom", () => {
    expect(standingOf(decided({ is_killed: true, default: "on" }, { default: "on" })).sentence).toContain("all organisations");
    expect(standingOf(decided({ default: "on" }, { is_killed: true })).sentence).toContain("your organisation");
  });

  it("shows the share of a rollout, unless the organisation chose", () => {
    expect(standingOf(decided({ rollout_percentage: 10 }))).toMatchObject({ word: "Rolling out", share: 10 });
    expect(standingOf(decided({ rollout_percentage: 10 }, { default: "on" }))).toMatchObject({ word: "On", share: 100 });
  });

  it("counts a plain percentage and nothing that cannot be counted", () => {
    expect(standingOf(decided({ rules: [{ ...everybody, percentage: 25 }] })).share).toBe(25);
    expect(standingOf(decided({ default: "on", rules: [{ ...everybody, variant: "off", percentage: 25 }] })).share).toBe(75);
    expect(standingOf(decided({ rules: [{ ...everybody, roles: ["admin"], percentage: 25 }] })).share).toBeNull();
  });

  it("puts the organisation's rules before the installation's", () => {
    const { sentence } = standingOf(decided({ rules: [{ ...everybody, roles: ["admin"] }] }, { rules: [{ ...everybody, variant: "off", percentage: 5 }] }));

    expect(sentence.indexOf("5 %")).toBeLessThan(sentence.indexOf("admin"));
  });
});

describe("a rule in words", () => {
  it("says who, how many and until when", () => {
    expect(ruleWords(everybody)).toBe("On for everybody");
    expect(ruleWords({ ...everybody, percentage: 10, roles: ["clinician"] })).toBe("On for 10 % of accounts, of the role clinician");
    expect(ruleWords({ ...everybody, until_at: "2026-12-01T08:00:00Z" })).toContain("until");
    expect(ruleWords({ ...everybody, hidden: 3 })).toBe("On for 3 named elsewhere");
  });

  it("of nothing decided is said too", () => {
    expect(stateWords(nothing)).toEqual(["Nothing decided"]);
  });
});

describe("the targeting editor", () => {
  it("sends back what it was given", () => {
    const own = { default: "on", rules: [{ ...everybody, percentage: 12.5, roles: ["admin"], until_at: "2026-12-01T08:00:00.000Z" }] };

    const change = changeOf({ ...fieldsOf(decided({}, own)), reason: " We try it. " });

    expect(change).toEqual({ reason: "We try it.", default: "on", rules: [{ variant: "on", roles: ["admin"], accounts: [], percentage: 12.5, from_at: null, until_at: "2026-12-01T08:00:00.000Z" }] });
  });

  it("leaves the rest to the installation when nothing is chosen", () => {
    expect(changeOf({ rules: [], fallback: "", reason: "Back." }).default).toBeNull();
  });

  it("names each field that does not fit", () => {
    const rules = [{ ...emptyRule("on"), percentage: "101", accounts: "not-an-id", from: "2026-12-02T08:00", until: "2026-12-01T08:00" }];

    expect(Object.keys(faultsOf({ rules, fallback: "", reason: "" })).toSorted()).toEqual(["0.accounts", "0.percentage", "0.until", "reason"]);
  });

  it("moves a rule past its neighbour", () => {
    const rules = [emptyRule("a"), emptyRule("b"), emptyRule("c")];

    expect(moved(rules, 2, -1).map((rule) => rule.variant)).toEqual(["a", "c", "b"]);
  });
});
