import { describe, expect, it } from "vitest";
import type { QuestionnaireItem } from "@/api/types";
import { answersToSend, answerText, faultOf, scoreOf } from "./answering";
import { implausible, quantitiesOf, readValues } from "./measuring";

const pressure = [
  { code: "8480-6", unit: "mm[Hg]", plausible_range: { low: 60, high: 260 } },
  { code: "8462-4", unit: "mm[Hg]", plausible_range: { low: 30, high: 160 } },
];

describe("entering values", () => {
  it("asks for the components of a panel", () => {
    expect(quantitiesOf({ code: "85354-9", unit: "mm[Hg]", components: pressure })).toEqual(pressure);
    expect(quantitiesOf({ code: "29463-7", unit: "kg" })).toEqual([{ code: "29463-7", unit: "kg" }]);
  });

  it("reads every value, with a comma or a point", () => {
    const { values } = readValues(pressure, { "8480-6": "132", "8462-4": "84,5" });

    expect(values).toEqual([{ code: "8480-6", value: 132, unit: "mm[Hg]" }, { code: "8462-4", value: 84.5, unit: "mm[Hg]" }]);
  });

  it("names every fault and sends nothing", () => {
    const { values, errors } = readValues(pressure, { "8480-6": "high" });

    expect(values).toBeNull();
    expect(Object.keys(errors)).toEqual(["8480-6", "8462-4"]);
  });

  it("asks about what is outside the plausible range, and does not refuse it", () => {
    const { values } = readValues(pressure, { "8480-6": "320", "8462-4": "84" });

    expect(implausible(pressure, values!)).toEqual(["8480-6"]);
  });
});

describe("answering questions", () => {
  const item = (change: Partial<QuestionnaireItem>): QuestionnaireItem => ({ link_id: "q1", text: "How often?", type: "choice", options: [{ value: "0", label: "Never" }, { value: "1", label: "Often" }], ...change });

  it("demands only what is required", () => {
    expect(faultOf(item({ required: true }), undefined)).toBeDefined();
    expect(faultOf(item({}), undefined)).toBeUndefined();
    expect(faultOf(item({ type: "display", required: true }), undefined)).toBeUndefined();
  });

  it("checks numbers against their range", () => {
    const range = { low: 0, high: 10 };

    expect(faultOf(item({ type: "integer", range }), "7.5")).toBe("Write a whole number");
    expect(faultOf(item({ type: "decimal", range }), "11")).toBe("The highest answer is 10");
    expect(faultOf(item({ type: "decimal", range }), "7,5")).toBeUndefined();
  });

  it("sends answers as their item's type and leaves out what was not answered", () => {
    const items = [item({}), item({ link_id: "q2", type: "boolean" }), item({ link_id: "q3", type: "integer" }), item({ link_id: "q4", type: "text" }), item({ link_id: "q5", type: "display" })];

    expect(answersToSend(items, { q1: "1", q2: "false", q3: "3", q4: "  ", q5: "x" })).toEqual([{ link_id: "q1", value: "1" }, { link_id: "q2", value: false }, { link_id: "q3", value: 3 }]);
  });

  it("shows an answer in its words", () => {
    expect(answerText(item({}), "1")).toBe("Often");
    expect(answerText(item({ type: "boolean" }), "false")).toBe("No");
    expect(answerText(item({}), undefined)).toBe("No answer");
  });

  it("finds the band of a score", () => {
    const bands = [{ low: 0, high: 4, label: "Minimal" }, { low: 20, high: 27, label: "Severe", severity: "high" as const }];

    expect(scoreOf({ score: { value: 21 } }, bands)).toEqual({ value: 21, label: "Severe", severity: "high" });
    expect(scoreOf({ score: { value: 3, label: "Of the server" } }, bands)?.label).toBe("Of the server");
    expect(scoreOf({ score: null }, bands)).toBeNull();
  });
});
