import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { Visit } from "./browser";

const STAFF = ["/overview", "/patients", "/protocols", "/settings"];
const PATIENT = ["/today", "/progress", "/more"];

/** Pictures of every page for people to look at: `HP_SCREENS=1 npm run e2e -- screens`. */
describe.skipIf(!process.env["HP_SCREENS"]).each([
  { width: 390, scheme: "light" as const },
  { width: 1440, scheme: "light" as const },
  { width: 1440, scheme: "dark" as const },
  { width: 390, scheme: "dark" as const },
])("screens at $width in $scheme", (view) => {
  let visit: Visit;
  const name = (path: string) => `${path.replaceAll("/", "") || "home"}-${view.width}-${view.scheme}`;

  beforeAll(async () => {
    visit = await Visit.open(view);
  });
  afterAll(() => visit.close());

  it("shows the pages of the clinic", async () => {
    await visit.page.goto("/sign-in");
    await visit.settled();
    await visit.shot(name("/sign-in"));
    await visit.signIn("clinician@demo.example");
    for (const path of STAFF) {
      await visit.page.goto(path);
      await visit.settled();
      await visit.shot(name(path), path !== "/patients");
    }
    await visit.page.goto("/overview");
    await visit.settled();
    await visit.page.locator(".overview-row").nth(2).click();
    await visit.page.waitForURL(/patients\//);
    await visit.settled();
    await visit.shot(name("chart"), true);
    await visit.page.goto("/protocols");
    await visit.page.getByRole("link", { name: /blood-pressure/i }).first().click();
    await visit.settled();
    await visit.shot(name("protocol-plan"), true);
    for (const tab of ["Patient’s week", "Versions", "Text"]) {
      await visit.page.getByRole("tab", { name: tab }).click();
      await visit.settled();
      await visit.shot(name(`protocol-${tab.split(" ").at(-1)!.toLowerCase()}`), true);
    }
    expect(visit.faults).toEqual([]);
  });

  it("shows the pages of the patient", async () => {
    await visit.context.clearCookies();
    await visit.signIn("patient@demo.example");
    for (const path of PATIENT) {
      await visit.page.goto(path);
      await visit.settled();
      await visit.shot(name(path), true);
    }
    expect(visit.faults).toEqual([]);
    expect(inject("baseUrl")).toBeTruthy();
  });
});
