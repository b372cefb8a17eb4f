import { describe, expect, it } from "vitest";
import { valueInWords } from "./changes";
import { libraryFilter } from "./filter";
import { lanesOf, marksOf, ticksOf } from "./lanes";

const phase = { start_day: 15, length_days: 28 };

describe("the picture of a plan", () => {
  it("draws a bar for what is daily", () => {
    expect(marksOf({ timeOfDay: ["08:00:00"] }, phase)).toEqual([{ day: 15, length: 28 }]);
  });

  it("marks each cycle of what is rarer", () => {
    expect(marksOf({ period: 2, periodUnit: "wk" }, phase).map((mark) => mark.day)).toEqual([15, 29]);
    expect(marksOf({ dayOfWeek: ["mon"] }, phase)).toHaveLength(4);
    expect(marksOf({ period: 1, periodUnit: "wk", count: 2 }, phase)).toHaveLength(2);
  });

  it("marks once what happens once", () => {
    expect(marksOf({}, phase)).toEqual([{ day: 15, length: 1 }]);
  });

  it("ends with its bound, and never after the phase", () => {
    expect(marksOf({ timeOfDay: ["08:00:00"], boundsDuration: { value: 1, unit: "wk" } }, phase)).toEqual([{ day: 15, length: 7 }]);
    expect(marksOf({ timeOfDay: ["08:00:00"], boundsDuration: { value: 1, unit: "a" } }, phase)).toEqual([{ day: 15, length: 28 }]);
  });

  it("keeps an activity of several phases in one lane", () => {
    const activity = { key: "walk", schedule: { timeOfDay: ["08:00:00"] } };

    expect(lanesOf({ phases: [{ ...phase, activities: [activity] }, { start_day: 43, length_days: 7, activities: [activity] }] })).toEqual([{ activity, marks: [{ day: 15, length: 28 }, { day: 43, length: 7 }] }]);
  });

  it("has a few ticks for any length", () => {
    for (const days of [1, 7, 14, 90, 180, 365]) expect(ticksOf(days).length).toBeLessThanOrEqual(7);
  });
});

describe("a changed field", () => {
  it("is said in a clinician's words", () => {
    expect(valueInWords("schedule", { timeOfDay: ["08:00:00"], window_minutes: 60 })).toBe("Every day at 08:00 · Open for 1 h");
    expect(valueInWords("duration_days", 90)).toBe("90 days");
    expect(valueInWords("tags", [])).toBe("nothing");
    expect(valueInWords("content", "<p>Two <b>readings</b></p>")).toBe("Two readings");
    expect(valueInWords("measurement", { code: "x", unit: "kg", display: "Body weight", target_range: { high: 80 } })).toBe("Body weight, target at most 80 kg");
  });
});

describe("the filter of the library", () => {
  it("asks for what was chosen only", () => {
    expect(libraryFilter({ status: "", category: "", tag: "" })).toBe("");
    expect(libraryFilter({ status: "active", category: "Heart", tag: "home" })).toBe('status = "active" AND category = "Heart" AND tags:"home"');
  });

  it("keeps quotes and backslashes inside the text", () => {
    expect(libraryFilter({ status: "", category: 'a" OR "\\', tag: "" })).toBe('category = "a\\" OR \\"\\\\"');
  });
});
