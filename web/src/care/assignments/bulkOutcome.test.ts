import { describe, expect, it } from "vitest";
import { readOutcome } from "./bulkOutcome";

describe("the outcome of a bulk assignment", () => {
  it("counts who was left out by reason", () => {
    expect(readOutcome({ assigned: 3, skipped: [{ reason: "archived" }, { reason: "archived" }, { reason: "odd_thing" }] })).toEqual({ assigned: 3, leftOut: [{ reason: "archived", count: 2 }, { reason: "odd thing", count: 1 }] });
    expect(readOutcome({ created: ["a", "b"], refused: { archived: 1, other: 0 } })).toEqual({ assigned: 2, leftOut: [{ reason: "archived", count: 1 }] });
    expect(readOutcome(null)).toEqual({ assigned: 0, leftOut: [] });
  });
});
