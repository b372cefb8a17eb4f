import { describe, expect, it } from "vitest";
import { calendarSummary, dayInWords, lookOf } from "./Calendar";
import { commonName, groupMeasurements } from "./measured";
import { extent, linear, linePath, niceTicks } from "./scale";
import { weekLabel } from "./WeekBars";

describe("a scale", () => {
  it("has round ticks", () => {
    expect(niceTicks(61, 152, 5)).toEqual([80, 100, 120, 140]);
    expect(niceTicks(84.2, 85.1, 5)).toEqual([84.2, 84.4, 84.6, 84.8, 85]);
    expect(niceTicks(5, 5, 4)).toEqual([5]);
  });

  it("maps values onto pixels", () => {
    const scale = linear([0, 10], [100, 0]);

    expect([scale(0), scale(5), scale(10)]).toEqual([100, 50, 0]);
  });

  it("shows the target, and nothing below zero that starts at zero", () => {
    expect(extent([120], [100, 135])).toEqual([96.5, 138.5]);
    expect(extent([0, 4])[0]).toBe(0);
    expect(extent([])).toEqual([0, 1]);
  });

  it("lifts the pen over a gap", () => {
    expect(linePath([[0, 0], [1, 1], [2, 2]], [false, false, true])).toBe("M0.0 0.0L1.0 1.0M2.0 2.0");
  });
});

describe("a day of the calendar", () => {
  const day = (completed: number, skipped: number, missed: number) => ({ date: "2026-11-22", completed, skipped, missed });

  it("looks as much was done", () => {
    expect([day(4, 0, 0), day(2, 1, 1), day(1, 0, 3), day(0, 0, 4), day(0, 0, 0)].map(lookOf)).toEqual(["all", "most", "some", "nothing", "none"]);
    expect(lookOf(undefined)).toBe("none");
  });

  it("says so in words", () => {
    expect(dayInWords("2026-11-22", day(3, 0, 1))).toBe("Sunday 22 November: 3 done, 1 missed");
    expect(dayInWords("2026-11-22", undefined)).toBe("Sunday 22 November: nothing due");
  });

  it("counts in the sum only when something was due", () => {
    expect(calendarSummary([day(1, 0, 0), day(0, 0, 0), day(0, 0, 1)])).toBe("1 of 2 days with everything done");
  });
});

describe("measured values", () => {
  const point = (code: string, display: string, entry_id: string, value: number, unit = "mm[Hg]") => ({ code, display, unit, value, entry_id, effective_at: `2026-11-0${entry_id}T08:00:00Z` });

  it("taken together share a chart under their common name", () => {
    const points = [point("8480-6", "Systolic blood pressure", "2", 140), point("8462-4", "Diastolic blood pressure", "2", 88), point("8480-6", "Systolic blood pressure", "1", 150), point("8462-4", "Diastolic blood pressure", "1", 92)];

    const groups = groupMeasurements(points);

    expect(groups.map((group) => group.title)).toEqual(["Blood pressure"]);
    expect(groups[0]!.series.map((line) => [line.label, line.points.map((item) => item.value)])).toEqual([["Systolic", [150, 140]], ["Diastolic", [92, 88]]]);
  });

  it("of different units or entries have charts of their own", () => {
    expect(groupMeasurements([point("29463-7", "Body weight", "1", 80, "kg"), point("8310-5", "Temperature", "1", 37, "Cel")])).toHaveLength(2);
    expect(groupMeasurements([point("a", "One", "1", 80), point("b", "Two", "2", 37)])).toHaveLength(2);
  });

  it("without a common name are named together", () => {
    expect(commonName(["Pulse", "Oxygen"]).title).toBe("Pulse and Oxygen");
  });
});

describe("a week's label", () => {
  it("is its Monday", () => {
    expect(weekLabel("2026-W47")).toBe("16 Nov");
    expect(weekLabel("2020-W53")).toBe("28 Dec");
    expect(weekLabel("2026-11-16")).toBe("16 Nov");
  });
});
