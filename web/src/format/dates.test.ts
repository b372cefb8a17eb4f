import { describe, expect, it } from "vitest";
import { addDays, ageOn, clockTime, dayIn, daysBetween, daysOf, longDay, mondayOf, nearDay, relative, weekdayIndex } from "./dates";

// The tests run in the zone Pacific/Auckland: a day that leaks through the viewer's zone shows at once.
describe("a day", () => {
  it("is named as it is written, whatever the viewer's zone", () => {
    expect(longDay("2026-11-22")).toBe("Sunday 22 November");
  });

  it("is the local date of an instant in the patient's zone", () => {
    const instant = "2026-11-22T10:30:00Z";

    expect(dayIn("Pacific/Kiritimati", instant)).toBe("2026-11-23");
    expect(dayIn("Pacific/Pago_Pago", instant)).toBe("2026-11-21");
  });

  it("is followed by the next one across a clock change", () => {
    expect(addDays("2026-03-28", 1)).toBe("2026-03-29");
    expect(addDays("2026-03-29", 1)).toBe("2026-03-30");
    expect(addDays("2026-12-31", 1)).toBe("2027-01-01");
  });

  it("is counted from another, backwards too", () => {
    expect(daysBetween("2026-10-24", "2026-10-26")).toBe(2);
    expect(daysBetween("2026-03-01", "2026-02-27")).toBe(-2);
  });

  it("belongs to the week that begins on its Monday", () => {
    expect(mondayOf("2026-11-22")).toBe("2026-11-16");
    expect(mondayOf("2026-11-16")).toBe("2026-11-16");
    expect(weekdayIndex("2026-11-22")).toBe(6);
  });

  it("is near or far in words", () => {
    expect(nearDay("2026-11-21", "2026-11-22")).toBe("yesterday");
    expect(nearDay("2026-11-23", "2026-11-22")).toBe("tomorrow");
    expect(nearDay("2026-11-30", "2026-11-22")).toBe("Mon 30 Nov");
  });
});

describe("a span of days", () => {
  it("holds both ends", () => {
    expect(daysOf("2028-02-28", "2028-03-01")).toEqual(["2028-02-28", "2028-02-29", "2028-03-01"]);
  });

  it("is empty when it ends before it begins", () => {
    expect(daysOf("2026-03-02", "2026-03-01")).toEqual([]);
  });

  it("has a limit", () => {
    expect(daysOf("1900-01-01", "2026-01-01")).toHaveLength(800);
  });
});

describe("a clock time", () => {
  it("is that of the zone on that day, summer or winter", () => {
    expect(clockTime("2026-07-01T06:00:00Z", "Europe/Berlin")).toBe("08:00");
    expect(clockTime("2026-12-01T07:00:00Z", "Europe/Berlin")).toBe("08:00");
  });
});

describe("an age", () => {
  it("grows on the birthday", () => {
    expect(ageOn("1960-11-22", "2026-11-21")).toBe(65);
    expect(ageOn("1960-11-22", "2026-11-22")).toBe(66);
  });
});

describe("relative time", () => {
  it("counts in the largest unit that is full", () => {
    const now = new Date("2026-11-22T12:00:00Z");

    expect(relative("2026-11-22T11:59:30Z", now)).toBe("just now");
    expect(relative("2026-11-22T09:00:00Z", now)).toBe("3 hours ago");
    expect(relative("2026-11-21T11:00:00Z", now)).toBe("yesterday");
  });
});
