import { describe, expect, it } from "vitest";
import type { Flag, FlagRule, FlagState } from "@/api/types";
import { ruleWords, standingOf, stateWords } from "./flagWords";
import { ApiProblem } from "@/api/problem";
import { fieldFaults } from "./fieldFaults";
import { faultsOf as rolloutFaultsOf, fieldsOf as rolloutFieldsOf, startOf } from "./rolloutForm";
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
    const own = { default: "on", requires: [{ key: "lists.older", variants: ["on"] }], rules: [{ ...everybody, percentage: 12.5, roles: ["admin"], until_at: "2026-12-01T08:00:00.000Z" }] };

    const change = changeOf({ ...fieldsOf(decided({}, own)), reason: " We try it. " });

    expect(change).toEqual({ reason: "We try it.", default: "on", requires: [{ key: "lists.older", variants: ["on"] }], rules: [{ variant: "on", roles: ["admin"], accounts: [], percentage: 12.5, from_at: null, until_at: "2026-12-01T08:00:00.000Z" }] });
  });

  it("leaves the rest to the installation when nothing is chosen", () => {
    expect(changeOf({ rules: [], needs: [], fallback: "", reason: "Back." }).default).toBeNull();
  });

  it("names each field that does not fit", () => {
    const rules = [{ ...emptyRule("on"), percentage: "101", accounts: "not-an-id", from: "2026-12-02T08:00", until: "2026-12-01T08:00" }];

    const needs = [{ id: 1, key: "lists.older", variants: ["on"] }, { id: 2, key: "lists.older", variants: ["off"] }, { id: 3, key: "lists.faster", variants: [] }];

    expect(Object.keys(faultsOf({ rules, needs, fallback: "", reason: "" })).toSorted()).toEqual(["reason", "requires.1", "requires.2", "rules.0.accounts", "rules.0.percentage", "rules.0.until"]);
  });

  it("says what the server refused at the field that it is about", () => {
    const errors = [
      { pointer: "/rules/0/until_at", code: "invalid", detail: "It must end after it begins." },
      { pointer: "/rules/1/accounts/3", code: "type", detail: "An id." },
      { pointer: "/requires/0/key", code: "unknown_flag", detail: "No flag is called so." },
      { pointer: "/reason", code: "length", detail: "Say why." },
    ];

    expect(fieldFaults(new ApiProblem(422, { title: "", status: 422, errors }), { until_at: "until", key: "" })).toEqual({
      "rules.0.until": "It must end after it begins.",
      "rules.1.accounts": "An id.",
      "requires.0.": "No flag is called so.",
      reason: "Say why.",
    });
  });

  it("moves a rule past its neighbour", () => {
    const rules = [emptyRule("a"), emptyRule("b"), emptyRule("c")];

    expect(moved(rules, 2, -1).map((rule) => rule.variant)).toEqual(["a", "c", "b"]);
  });
});

describe("the start of a rollout", () => {
  it("offers what not everybody has, by stages up to all", () => {
    const fields = { ...rolloutFieldsOf(plain), reason: " We try it. " };

    expect(rolloutFaultsOf(fields)).toEqual({});
    expect(startOf(fields)).toEqual({
      variant: "on",
      reason: "We try it.",
      stages: [10, 50, 100].map((percentage) => ({ percentage, hold_seconds: 3600 })),
    });
    expect(rolloutFieldsOf(decided({}, { default: "on" })).variant).toBe("off");
  });

  it("names each stage that does not fit", () => {
    const fields = { ...rolloutFieldsOf(plain), stages: [{ id: 1, percentage: "50", minutes: "0" }, { id: 2, percentage: "20", minutes: "60" }, { id: 3, percentage: "90", minutes: "x" }] };

    expect(Object.keys(rolloutFaultsOf(fields)).toSorted()).toEqual(["reason", "stages.0.minutes", "stages.1.percentage", "stages.2.minutes", "stages.2.percentage"]);
  });
});
