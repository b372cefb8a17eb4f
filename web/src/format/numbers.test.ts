import { describe, expect, it } from "vitest";
import { listed, minutesText, parseDecimal, percent, quantity, rangeText, standing, unitText } from "./numbers";

describe("a typed number", () => {
  it.each([["72", 72], [" 36,8 ", 36.8], ["36.8", 36.8], ["-1", -1], [".5", 0.5], ["7.", 7]])("reads %j", (text, value) => {
    expect(parseDecimal(text)).toBe(value);
  });

  it.each(["", "abc", "1,2,3", "1e5", "12 mmHg", "--1", "Infinity"])("refuses %j", (text) => {
    expect(parseDecimal(text)).toBeNull();
  });
});

describe("a quantity", () => {
  it("stands beside its unit as a nurse writes it", () => {
    expect(quantity(132, "mm[Hg]")).toBe("132 mmHg");
    expect(quantity(36.75, "Cel")).toBe("36.75 °C");
    expect(quantity(45, "deg")).toBe("45°");
    expect(quantity(97, "%")).toBe("97 %");
    expect(quantity(9, "{score}")).toBe("9");
  });

  it("keeps a unit that reads well", () => {
    expect(unitText("mmol/L")).toBe("mmol/L");
    expect(unitText("{puffs}")).toBe("puffs");
  });
});

describe("a share", () => {
  it("is unknown, not zero, when nothing was due", () => {
    expect(percent(null)).toBe("–");
    expect(percent(0)).toBe("0 %");
    expect(percent(0.856)).toBe("86 %");
  });
});

describe("a range", () => {
  it("may be open at an end", () => {
    expect(rangeText({ low: 90, high: 135 }, "mm[Hg]")).toBe("90–135 mmHg");
    expect(rangeText({ high: 135 }, "mm[Hg]")).toBe("at most 135 mmHg");
    expect(rangeText({ low: 92, high: null }, "%")).toBe("at least 92 %");
    expect(rangeText(null, "%")).toBe("");
  });

  it("holds its ends", () => {
    expect(standing(135, { low: 90, high: 135 })).toBe("inside");
    expect(standing(135.1, { low: 90, high: 135 })).toBe("above");
    expect(standing(89, { low: 90 })).toBe("below");
    expect(standing(5, null)).toBe("inside");
  });
});

describe("words", () => {
  it("list with an and", () => {
    expect(listed([])).toBe("");
    expect(listed(["a"])).toBe("a");
    expect(listed(["a", "b", "c"])).toBe("a, b and c");
  });

  it("say minutes as people do", () => {
    expect(minutesText(45)).toBe("45 min");
    expect(minutesText(90)).toBe("1 h 30 min");
    expect(minutesText(2880)).toBe("2 days");
  });
});
