import { describe, expect, it } from "vitest";
import { canRecordEarly, canStillRecord, windowText } from "./occurrences";

const ZONE = "Europe/Berlin";
const occurrence = (change: Partial<Parameters<typeof windowText>[0]>) => ({ planned_local: "2026-11-22T08:00:00", opens_at: "2026-11-22T07:00:00Z", closes_at: "2026-11-22T11:00:00Z", state: "open", ...change });

describe("when something can be done", () => {
  it("is a time and an end", () => {
    expect(windowText(occurrence({}), ZONE)).toBe("08:00, until 12:00");
  });

  it("needs no end when the day ends it", () => {
    expect(windowText(occurrence({ closes_at: "2026-11-22T23:00:00Z" }), ZONE)).toBe("08:00");
  });

  it("is the whole day when it has no time", () => {
    expect(windowText(occurrence({ planned_local: "2026-11-22T00:00:00", closes_at: "2026-11-22T23:00:00Z" }), ZONE)).toBe("Any time of the day");
  });

  it("may run on for days", () => {
    expect(windowText(occurrence({ planned_local: "2026-11-22T00:00:00", closes_at: "2026-11-29T23:00:00Z" }), ZONE)).toBe("Any time until Sun 29 Nov");
  });
});

describe("what was missed", () => {
  const closed = Date.parse("2026-11-22T11:00:00Z");

  it("can be added for seven days", () => {
    const missed = occurrence({ state: "missed" });

    expect(canStillRecord(missed, closed + 7 * 86_400_000 - 1)).toBe(true);
    expect(canStillRecord(missed, closed + 7 * 86_400_000)).toBe(false);
  });
});

describe("what is not open yet", () => {
  it("can be done on the same day only", () => {
    const later = occurrence({ state: "not_yet_open" });

    expect(canRecordEarly(later, ZONE, new Date("2026-11-22T05:00:00Z"))).toBe(true);
    expect(canRecordEarly(later, ZONE, new Date("2026-11-21T20:00:00Z"))).toBe(false);
  });
});
