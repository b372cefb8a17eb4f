import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Visit } from "./browser";

const VIEWS = [320, 1280].flatMap((width) => (["light", "dark"] as const).map((scheme) => ({ width, scheme })));

/** Every page, and what opens on it, narrow and wide, light and dark. */
describe("accessibility", () => {
  let visit: Visit;
  let looked = 0;
  const faults: string[] = [];

  beforeAll(async () => {
    visit = await Visit.open({ width: 1280 });
  });
  afterAll(() => visit.close());

  const check = async (what: string) => {
    for (const view of VIEWS) {
      faults.push(...(await visit.faultsAt(view)).map((fault) => `${what} ${fault}`));
      looked += 1;
    }
  };
  const open = async (path: string) => {
    await visit.page.goto(path);
    await visit.settled();
    await check(path);
  };

  it("holds at the door", async () => {
    await open("/sign-in");
    await visit.page.getByRole("button", { name: "Sign in", exact: true }).click();
    await check("sign-in with faults");
    expect(faults).toEqual([]);
  });

  it("holds in the clinic", { timeout: 900_000 }, async () => {
    await visit.signIn("clinician@demo.example");
    for (const path of ["/overview", "/patients", "/protocols", "/files", "/files?side=out", "/settings", "/nowhere"]) await open(path);
    await visit.page.goto("/overview");
    await visit.page.locator(".overview-row").first().click();
    await visit.page.waitForURL(/patients\//);
    await visit.settled();
    await check("chart");
    await visit.page.locator(".plan").first().getByRole("button", { name: /^Change / }).click();
    await visit.page.getByRole("menuitem").first().waitFor();
    await check("plan menu");
    await visit.page.keyboard.press("Escape");
    await visit.page.getByRole("link", { name: "Assign", exact: true }).click();
    await visit.page.locator(".pick-row").first().waitFor();
    await check("assign dialog");
    await visit.page.keyboard.press("Escape");
    await visit.page.goto("/protocols");
    await visit.page.getByRole("link", { name: /blood.pressure/i }).first().click();
    await visit.settled();
    for (const tab of ["Plan", "Patient’s week", "Text", "Versions"]) {
      await visit.page.getByRole("tab", { name: tab }).click();
      await visit.settled();
      await check(`protocol: ${tab}`);
    }
    expect(faults).toEqual([]);
  });

  it("holds for the admin", { timeout: 600_000 }, async () => {
    await visit.context.clearCookies();
    await visit.signIn("admin@demo.example");
    await open("/settings/organisation");
    await visit.page.getByRole("button", { name: /^Change / }).first().click();
    await visit.page.getByLabel("Why").waitFor();
    await check("setting dialog");
    expect(faults).toEqual([]);
  });

  it("holds for the patient", { timeout: 600_000 }, async () => {
    await visit.context.clearCookies();
    await visit.signIn("patient@demo.example");
    for (const path of ["/today", "/progress", "/more"]) await open(path);
    await visit.page.goto("/today");
    await visit.settled();
    await visit.page.locator(".task-what").first().click();
    await visit.page.getByRole("dialog").waitFor();
    await check("task dialog");
    expect(faults).toEqual([]);
  });

  it("looked at every page", () => {
    expect(looked).toBeGreaterThanOrEqual(21 * VIEWS.length);
  });
});
