import { describe, expect, it } from "vitest";
import { changeInWords } from "./movePreview";

describe("a change that a move makes", () => {
  const change = { activity_key: "bp", title: "Measure blood pressure", planned_before: 30, planned_after: 30 };

  it("names what is different", () => {
    expect(changeInWords({ ...change, changed: ["schedule", "clinician_instructions"] })).toBe("Measure blood pressure (other times, other instructions for the care team)");
  });

  it("counts how often it is planned", () => {
    expect(changeInWords({ ...change, changed: ["schedule"], planned_after: 60 })).toBe("Measure blood pressure (other times, planned 60 times instead of 30)");
    expect(changeInWords({ ...change, planned_before: 0 })).toBe("Measure blood pressure (30 times)");
  });

  it("is the name alone when nothing else is known", () => {
    expect(changeInWords(change)).toBe("Measure blood pressure");
  });
});
