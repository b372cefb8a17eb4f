import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Visit } from "./browser";

const IDLE = {
  name: "session.staff_idle_minutes", title: "Sign staff out when idle for", group: "Signing in", type: "integer", unit: "minutes", description: "", minimum: 5, maximum: 720, choices: [], is_sensitive: false,
  value: 15, source: "default", own_value: null, variation: null, version: 0, changed_at: null, changed_by: null,
};

/** An admin chooses how the platform behaves for her organisation; the answers about settings are the test's own. */
describe("the admin and her settings", () => {
  let visit: Visit;
  const sent: unknown[] = [];

  beforeAll(async () => {
    visit = await Visit.open({ width: 1280 });
    await visit.page.route(/\/api\/v1\/settings($|\/)/, async (route) => {
      const isList = route.request().url().endsWith("/settings");
      if (route.request().method() === "PATCH") sent.push(route.request().postDataJSON());
      await route.fulfill({ json: isList ? { items: [IDLE] } : IDLE, headers: { etag: '"r0"' } });
    });
    await visit.signIn("admin@demo.example");
    await visit.page.goto("/settings/organisation");
    await visit.settled();
    await visit.page.getByRole("button", { name: /^Change / }).click();
    await visit.page.getByLabel("Why").waitFor();
  });
  afterAll(() => visit.close());

  it("begins at the value", async () => {
    const value = visit.page.getByLabel("Value", { exact: true });
    await expect.poll(() => value.evaluate((element) => element === document.activeElement)).toBe(true);
    await visit.page.keyboard.type("1");

    await expect.poll(() => value.inputValue()).toBe("1");
  });

  it("is asked for a value when there is none", async () => {
    await visit.page.getByLabel("Value", { exact: true }).fill("");
    await visit.page.getByLabel("Why").fill("Wards are busy");
    await visit.page.getByRole("button", { name: "Save" }).click();
    await visit.page.getByText("Give a value.").waitFor();

    expect(sent).toEqual([]);
  });

  it("is told when it is so already", async () => {
    await visit.page.getByLabel("Value", { exact: true }).fill("15");
    await visit.page.getByRole("button", { name: "Save" }).click();
    await visit.page.getByText("It is so already").waitFor();

    expect(sent).toEqual([{ value: 15, reason: "Wards are busy", variation: null }]);
  });
});
