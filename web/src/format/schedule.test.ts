import { describe, expect, it } from "vitest";
import { type ScheduleLike, scheduleInWords, windowInWords } from "./schedule";

describe("a schedule in words", () => {
  const cases: [string, ScheduleLike, string][] = [
    ["an empty one", {}, "Once"],
    ["times of day", { timeOfDay: ["08:00:00", "20:00:00"] }, "Every day at 08:00 and 20:00"],
    ["parts of the day", { when: ["MORN", "HS"] }, "Every day in the morning and at bedtime"],
    ["before meals with an offset", { when: ["AC"], offset: 30 }, "Every day 30 min before meals"],
    ["a frequency", { frequency: 2, period: 1, periodUnit: "d" }, "Twice a day"],
    ["a frequency in a longer period", { frequency: 3, period: 2, periodUnit: "wk" }, "3 times every 2 weeks"],
    ["a frequency with a most", { frequency: 1, frequencyMax: 4, period: 1, periodUnit: "d" }, "1 to 4 times a day"],
    ["hours", { period: 4, periodUnit: "h" }, "Every 4 hours"],
    ["a range of periods", { period: 4, periodMax: 6, periodUnit: "h" }, "Every 4–6 hours"],
    ["one weekday", { dayOfWeek: ["mon"], timeOfDay: ["07:00:00"] }, "Every Monday at 07:00"],
    ["working days", { dayOfWeek: ["fri", "mon", "tue", "wed", "thu"] }, "Every weekday"],
    ["weekdays of every second week", { dayOfWeek: ["mon", "thu"], period: 2, periodUnit: "wk" }, "Every 2 weeks on Monday and Thursday"],
    ["a month", { period: 1, periodUnit: "mo" }, "Every month"],
    ["a bound", { timeOfDay: ["08:00:00"], boundsDuration: { value: 14, unit: "d" } }, "Every day at 08:00 · for 14 days"],
    ["a count", { period: 1, periodUnit: "wk", count: 6 }, "Every week · 6 in all"],
    ["a duration", { period: 1, periodUnit: "d", duration: 30, durationUnit: "min" }, "Every day · takes 30 minutes"],
    ["dates", { timeOfDay: ["08:00:00"], boundsPeriod: { start: "2026-11-01", end: "2026-11-30" } }, "Every day at 08:00 · from 1 Nov 2026 until 30 Nov 2026"],
    ["offsets", { period: 7, periodUnit: "d", offsets_minutes: [540, 2070] }, "Every 7 days at 09:00 and at 10:30 on day 2"],
    ["an offset of whole days", { offsets_minutes: [40_320] }, "Once on day 29"],
  ];

  it.each(cases)("says %s", (_, schedule, words) => {
    expect(scheduleInWords(schedule)).toBe(words);
  });
});

describe("a window in words", () => {
  it("says how long and from when", () => {
    expect(windowInWords({ window_minutes: 180 })).toBe("Open for 3 h");
    expect(windowInWords({ window_minutes: 180, lead_minutes: 30 })).toBe("Open from 30 min before, for 3 h");
    expect(windowInWords({})).toBe("");
  });
});
