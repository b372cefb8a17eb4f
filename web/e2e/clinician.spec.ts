import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Visit } from "./browser";

/** What a clinician does at a desk: find, look, assign, change, read. */
describe("the clinician", () => {
  let visit: Visit;
  let name = "";

  beforeAll(async () => {
    visit = await Visit.open({ width: 1440 });
    await visit.signIn("clinician@demo.example");
  });
  afterAll(() => visit.close());

  const rows = () => visit.page.locator("tbody tr[data-index]");
  const plan = (title: string) => visit.page.locator(".plan").filter({ hasText: title }).first();

  it("sees first who needs her", async () => {
    expect(new URL(visit.page.url()).pathname).toBe("/overview");
    const shares = (await visit.page.locator(".overview-needs .adherence .number").allTextContents()).map((text) => Number.parseInt(text, 10));

    expect(shares.length).toBeGreaterThan(0);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    await visit.shot("clinician-1-overview");
  });

  it("finds a patient by name, and the address does not tell whom", async () => {
    await visit.page.keyboard.press("g");
    await visit.page.keyboard.press("p");
    await visit.page.waitForURL(/\/patients$/);
    await visit.settled();
    name = ((await rows().nth(3).locator("td").nth(1).textContent()) ?? "").trim();
    await visit.page.keyboard.press("/");
    const answered = visit.page.waitForResponse((response) => new URL(response.url()).searchParams.get("q") === name.split(",")[0]);
    await visit.page.keyboard.type(name.split(",")[0]!);
    await answered;
    await visit.settled();

    await expect.poll(() => rows().first().textContent()).toContain(name.split(",")[0]);
    expect(visit.page.url()).not.toContain(name.split(",")[0]);
    await expect.poll(() => visit.page.title()).toBe("Patients · HealthProtocol");
    await visit.shot("clinician-2-patients");
  });

  it("is told when nobody is found", async () => {
    await visit.page.getByRole("searchbox").fill("zzzzzz");

    await visit.page.getByText("Nobody found").waitFor();
    await visit.page.getByRole("searchbox").fill("");
    await visit.settled();
  });

  it("walks the list by keyboard and opens a chart", async () => {
    await rows().first().focus();
    await visit.page.keyboard.press("j");
    await visit.page.keyboard.press("ArrowDown");
    await visit.page.waitForFunction(() => (document.activeElement as HTMLElement | null)?.dataset["index"] === "2");
    await visit.page.keyboard.press("Enter");
    await visit.page.waitForURL(/patients\/[0-9a-f-]{36}$/);
    await visit.page.locator(".banner-name").waitFor();

    await expect.poll(() => visit.page.title()).toBe("Patient chart · HealthProtocol");
  });

  it("keeps few rows in the document however long the list is", async () => {
    await visit.page.goBack();
    await visit.settled();
    await rows().first().focus();
    await visit.page.keyboard.press("End");
    await visit.page.waitForFunction(() => Number((document.activeElement as HTMLElement | null)?.dataset["index"]) > 0);
    await visit.settled();

    expect(await rows().count()).toBeLessThan(60);
  });

  it("enrols a patient; faults stand at their fields", async () => {
    await visit.page.getByRole("button", { name: "New patient" }).click();
    const dialog = visit.page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Enrol patient" }).click();
    await dialog.getByText("Enter the family name").waitFor();
    await dialog.getByLabel("Given name").fill("Nora");
    await dialog.getByLabel("Family name").fill("Peene");
    await dialog.getByLabel("Date of birth").fill("1971-03-09");
    await visit.shot("clinician-3-enrol");
    await dialog.getByRole("button", { name: "Enrol patient" }).click();

    await visit.page.waitForURL(/patients\/[0-9a-f-]{36}$/);
    await visit.page.locator(".banner-name").filter({ hasText: "Nora Peene" }).waitFor();
    await visit.page.getByText("No plan yet").waitFor();
  });

  it("assigns a protocol after seeing what follows", async () => {
    await visit.page.getByRole("link", { name: "Assign", exact: true }).click();
    const dialog = visit.page.getByRole("dialog");
    await dialog.getByRole("searchbox").fill("blood");
    await dialog.getByRole("button", { name: /blood.pressure/i }).first().click();
    await dialog.getByRole("button", { name: "Go on" }).click();
    await dialog.getByText("From the first day the patient is asked to").waitFor();
    await visit.shot("clinician-4-assign");
    await dialog.getByRole("button", { name: "Assign", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    await visit.settled();

    await plan("pressure").getByText("Active").waitFor();
    await expect.poll(() => visit.page.url()).not.toContain("assign");
  });

  it("pauses, resumes and stops the plan, with a reason where one is kept", async () => {
    const act = async (item: string, button: string, reason?: string) => {
      await plan("pressure").getByRole("button", { name: /^Change / }).click();
      await visit.page.getByRole("menuitem", { name: item }).click();
      const dialog = visit.page.getByRole("dialog");
      if (reason) await dialog.getByLabel("Reason").fill(reason);
      await dialog.getByRole("button", { name: button, exact: true }).click();
      await dialog.waitFor({ state: "detached" });
      await visit.settled();
    };

    await act("Pause…", "Pause", "In hospital");
    await plan("pressure").getByText("Paused").waitFor();
    await act("Resume…", "Resume");
    await plan("pressure").getByText("Active").waitFor();
    await act("Stop…", "Stop plan", "Moved away");

    await visit.page.getByText("1 ended plan").waitFor();
  });

  it("edits and archives the patient", async () => {
    await visit.page.getByRole("button", { name: "More for this patient" }).click();
    await visit.page.getByRole("menuitem", { name: "Edit patient" }).click();
    await visit.page.getByRole("dialog").getByLabel("Given name").fill("Nora Maria");
    await visit.page.getByRole("dialog").getByRole("button", { name: "Save changes" }).click();
    await visit.page.locator(".banner-name").filter({ hasText: "Nora Maria Peene" }).waitFor();

    await visit.page.getByRole("button", { name: "More for this patient" }).click();
    await visit.page.getByRole("menuitem", { name: "Archive patient…" }).click();
    await visit.page.getByRole("dialog").getByRole("button", { name: "Archive" }).click();

    await visit.page.locator(".banner .badge").getByText("Archived", { exact: true }).waitFor();
  });

  it("assigns to many, after a trial run", async () => {
    await visit.page.goto("/patients");
    await visit.settled();
    for (const index of [10, 11, 12]) await rows().nth(index).getByRole("checkbox").check();
    await visit.page.getByRole("button", { name: "Assign a protocol" }).click();
    const dialog = visit.page.getByRole("dialog");
    await dialog.locator(".pick-row").first().click();
    await dialog.getByRole("button", { name: "Go on" }).click();
    await dialog.getByText(/patients? would get the plan/).waitFor({ timeout: 120_000 });
    await dialog.getByRole("button", { name: /^Assign to \d/ }).click();

    await dialog.getByText(/patients? ha(s|ve) the plan/).waitFor({ timeout: 120_000 });
    await visit.shot("clinician-5-bulk");
    await dialog.getByRole("button", { name: "Done" }).click();
    await dialog.waitFor({ state: "detached" });
  });

  it("reads a protocol: plan, week, versions", async () => {
    await visit.page.getByRole("link", { name: "Protocols" }).first().click();
    await visit.page.getByRole("link", { name: /blood.pressure/i }).first().click();
    await visit.page.locator(".timeline-phase").first().waitFor();
    await visit.shot("clinician-6-protocol");
    await visit.page.getByRole("tab", { name: "Plan" }).focus();
    await visit.page.keyboard.press("ArrowRight");
    await visit.page.locator(".week-item").first().waitFor();
    await visit.shot("clinician-7-week");
    await visit.page.getByRole("tab", { name: "Versions" }).click();

    await visit.page.getByRole("link", { name: "Version 1" }).first().waitFor();
  });

  it("exports a file", async () => {
    await visit.page.getByRole("button", { name: /^Export/ }).click();
    const [download] = await Promise.all([visit.page.waitForEvent("download"), visit.page.getByRole("menuitem", { name: "FHIR R4 bundle" }).click()]);

    expect(download.suggestedFilename()).toMatch(/\.json$/);
  });

  it("is told why a file cannot be made", async () => {
    await visit.page.getByRole("button", { name: /^Export/ }).click();
    await visit.page.getByRole("menuitem", { name: "RADAR schedule" }).click();

    await visit.page.getByRole("dialog", { name: "This file was not made" }).waitFor();
    await visit.page.keyboard.press("Escape");
  });

  it("lists the keys", async () => {
    await visit.page.locator("h1").click();
    await visit.page.keyboard.press("?");

    await visit.page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await visit.page.keyboard.press("Escape");
  });

  it("is refused what is for patients, and told of a page that does not exist", async () => {
    await visit.page.goto("/today");
    await visit.page.waitForURL(/overview/);
    const response = await visit.page.goto("/no/such/page");

    expect(response?.status()).toBe(404);
    await visit.page.getByText("There is no such page").waitFor();
  });

  it("never broke the page's policy", () => {
    expect(visit.faults).toEqual([]);
  });
});
