import { describe, expect, it } from "vitest";
import { bytesText, countsOf, templateOf } from "./kinds";

describe("sizes of files", () => {
  it.each([
    [0, "0 bytes"],
    [999, "999 bytes"],
    [1_000, "1.0 KB"],
    [312_400, "312 KB"],
    [1_449_000, "1.4 MB"],
    [5_000_000_000_000, "5000 GB"],
  ])("says %i", (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });
});

describe("the counts of an import", () => {
  it("are unknown before the first lines", () => {
    expect(countsOf(null)).toBeNull();
    expect(countsOf({ dry_run: true })).toBeNull();
  });

  it("are those of the result", () => {
    expect(countsOf({ dry_run: true, lines: 6, created: 1, updated: 2, skipped: 3, failed: 0, faults: [] })).toEqual({ dry_run: true, lines: 6, created: 1, updated: 2, skipped: 3, failed: 0 });
  });
});

describe("the empty file", () => {
  it("has the names of the columns", () => {
    expect(templateOf({ kind: "patients", columns: [{ name: "given_name", kind: "text", meaning: "" }, { name: "sex", kind: "text", meaning: "" }] })).toBe("given_name,sex\r\n");
  });
});
