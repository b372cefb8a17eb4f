import { describe, expect, it } from "vitest";
import type { OrganisationSetting } from "@/api/types";
import { changeOf, fieldsOf, rangeWords, valueText } from "./settingWords";

const idle: OrganisationSetting = {
  name: "session.staff_idle_minutes", title: "Sign staff out when idle for", group: "Signing in", type: "integer", unit: "minutes", description: "", minimum: 5, maximum: 720, choices: [], is_sensitive: false,
  value: 15, source: "default", own_value: null, variation: null, version: 0, changed_at: null, changed_by: null,
};
const because = { ...fieldsOf(idle), reason: "Wards are busy" };

describe("the words of a setting", () => {
  it("say values with their unit", () => {
    expect([15, 1, true, null].map((value) => valueText(value, idle))).toEqual(["15 minutes", "1 minute", "on", "as for all organisations"]);
    expect(valueText("secret", { unit: "", is_sensitive: true })).toBe("kept secret");
  });

  it("say the range", () => {
    expect(rangeWords(idle)).toBe("5 to 720 minutes");
    expect(rangeWords({ ...idle, maximum: null })).toBe("at least 5 minutes");
  });
});

describe("a change", () => {
  it("is a number of the right kind and range", () => {
    for (const value of ["4", "721", "7.5", "soon"]) expect(changeOf(idle, { ...because, value })).toEqual({ faults: { value: "It must be 5 to 720 minutes." } });
    expect(changeOf(idle, { ...because, value: "20" })).toEqual({ change: { value: 20, reason: "Wards are busy", variation: null } });
  });

  it("asks for a value when there is none", () => {
    expect(changeOf(idle, because)).toEqual({ faults: { value: expect.stringContaining("Give a value") } });
  });

  it("needs a reason", () => {
    expect(changeOf(idle, { ...because, value: "20", reason: " " })).toMatchObject({ faults: { reason: expect.any(String) } });
  });

  it("may be for a time and for some", () => {
    const varied = changeOf(idle, { ...because, value: "20", other: "30", percent: "12,5", from: "2026-03-01T08:00", until: "2026-03-02T08:00" });

    expect(varied).toMatchObject({ change: { variation: { value: 30, percent: 12.5, starts_at: expect.stringMatching(/Z$/) } } });
    expect(changeOf(idle, { ...because, percent: "10" })).toMatchObject({ faults: { other: expect.any(String) } });
    expect(changeOf(idle, { ...because, other: "30", from: "2026-03-02T08:00", until: "2026-03-01T08:00" })).toMatchObject({ faults: { until: expect.any(String) } });
  });

  it("does not choose once more what is over", () => {
    const trial = { value: 30, percent: null, starts_at: null, ends_at: "2026-03-02T08:00:00Z" };
    const during = fieldsOf({ ...idle, variation: trial }, Date.parse("2026-03-02T07:59:00Z"));
    const after = fieldsOf({ ...idle, variation: trial }, Date.parse("2026-03-02T08:00:00Z"));

    expect([during.other, after.other, after.until]).toEqual(["30", "", ""]);
    expect(changeOf(idle, { ...after, value: "20", reason: "Over" })).toMatchObject({ change: { variation: null } });
  });
});
