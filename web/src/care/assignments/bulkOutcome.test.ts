import { describe, expect, it } from "vitest";
import { readOutcome } from "./bulkOutcome";

describe("the outcome of a bulk assignment", () => {
  it("counts who was left out, by reason", () => {
    expect(readOutcome({ dry_run: true, requested: 5, would_assign: 3, archived: 2, unknown: 0, already_assigned: 0 })).toEqual({ assigned: 3, leftOut: [{ reason: "archived", count: 2 }] });
  });

  it("is that of the real act, when there was one", () => {
    expect(readOutcome({ assigned: 2, already_assigned: 1 })).toEqual({ assigned: 2, leftOut: [{ reason: "follow this protocol already", count: 1 }] });
  });

  it("is nothing as long as there is no result", () => {
    expect(readOutcome(null)).toEqual({ assigned: 0, leftOut: [] });
  });
});
