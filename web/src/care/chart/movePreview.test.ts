import { describe, expect, it } from "vitest";
import { readPreview } from "./movePreview";

describe("the preview of a move", () => {
  it("reads titles, keys and changed fields", () => {
    const preview = readPreview({ begins: [{ activity_key: "walk", title: "Walk" }], ends: ["Pulse"], changes: [{ title: "Measure", fields: [{ field: "window_minutes" }, "schedule"] }] });

    expect(preview).toEqual({ begins: ["Walk"], ends: ["Pulse"], changes: ["Measure (window minutes, schedule)"] });
  });

  it("is empty when the answer says nothing", () => {
    expect(readPreview(undefined)).toEqual({ begins: [], ends: [], changes: [] });
  });
});
