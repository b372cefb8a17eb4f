import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Visit } from "./browser";

const USUAL: readonly (readonly [RegExp, string])[] = [
  [/systolic/i, "132"],
  [/diastolic/i, "84,5"],
  [/heart|pulse/i, "66"],
  [/temperature/i, "36.8"],
  [/weight/i, "81.2"],
  [/glucose/i, "5.4"],
];

const usualOf = (label: string): string => USUAL.find(([name]) => name.test(label))?.[1] ?? "5";

/** What a patient does on a phone, from signing in to signing out. */
describe("the patient", () => {
  let visit: Visit;

  beforeAll(async () => {
    visit = await Visit.open({ width: 390 });
    await visit.signIn("patient@demo.example");
  });
  afterAll(() => visit.close());

  const toast = () => visit.page.getByRole("status").filter({ has: visit.page.locator(".toast") });
  const group = (name: RegExp) => visit.page.getByRole("region", { name });

  it("comes to today, named by its day", async () => {
    expect(new URL(visit.page.url()).pathname).toBe("/today");
    await expect.poll(() => visit.page.title()).toBe("Today · HealthProtocol");
    await expect.poll(() => visit.page.locator(".day-name").textContent()).toMatch(/day \d+ /);
    await visit.shot("patient-1-today");
  });

  it("ticks something off with one tap, and takes it back", async () => {
    const check = visit.page.getByRole("button", { name: /^Mark .* done$/ }).first();
    const title = (await check.getAttribute("aria-label"))!.replace(/^Mark (.*) done$/, "$1");

    await check.click();
    await group(/^Done$/).getByText(title, { exact: true }).first().waitFor();
    await toast().getByText(`Done: ${title}`).waitFor();
    await visit.shot("patient-2-done");
    await toast().getByRole("button", { name: "Undo" }).first().click();
    await visit.page.getByRole("button", { name: `Mark ${title} done` }).first().waitFor();
    await visit.settled();
  });

  it("can undo later, in the permanent place", async () => {
    const check = visit.page.getByRole("button", { name: /^Mark .* done$/ }).first();
    const title = (await check.getAttribute("aria-label"))!.replace(/^Mark (.*) done$/, "$1");

    await check.click();
    await visit.page.getByRole("button", { name: `Undo ${title}` }).first().click();

    await visit.page.getByRole("button", { name: `Mark ${title} done` }).first().waitFor();
    await visit.settled();
  });

  it("enters a measurement; an unlikely value is asked about, not refused", async () => {
    await visit.page.getByRole("button", { name: /^Enter / }).first().click();
    const dialog = visit.page.getByRole("dialog");
    const fields = dialog.getByRole("textbox");
    await fields.first().waitFor();

    for (const field of await fields.all()) await field.fill("999");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText(/^(Is|Are) .*999.* right\?$/).waitFor();
    await visit.shot("patient-3-is-it-right");
    await dialog.getByRole("button", { name: "No, change it" }).click();
    for (const field of await fields.all()) await field.fill(usualOf(await field.evaluate((input: HTMLInputElement) => input.labels?.[0]?.textContent ?? "")));
    await dialog.getByRole("button", { name: "Save" }).click();

    await dialog.waitFor({ state: "detached" });
    await visit.page.getByRole("button", { name: /^Undo / }).first().waitFor();
  });

  it("answers a questionnaire one question at a time", async ({ skip }) => {
    const open = visit.page.getByRole("button", { name: /^Answer / }).first();
    skip((await open.count()) === 0, "the demo patient has no questionnaire today");
    await open.click();
    const dialog = visit.page.getByRole("dialog");

    for (let step = 0; step < 60; step += 1) {
      const send = dialog.getByRole("button", { name: "Send" });
      const next = dialog.getByRole("button", { name: "Next" });
      await send.or(next).first().waitFor();
      if (await send.isVisible()) break;
      if (step === 0) await visit.shot("patient-4-question");
      const choice = dialog.getByRole("radio").first();
      if (await choice.isVisible()) await choice.check();
      else if (await dialog.getByRole("textbox").first().isVisible()) await dialog.getByRole("textbox").first().fill("1");
      await next.click();
    }
    await dialog.getByRole("button", { name: "Send" }).click();

    await dialog.getByRole("heading", { name: "Thank you" }).waitFor();
    await visit.shot("patient-5-score");
    await dialog.getByRole("button", { name: "Done" }).click();
  });

  it("skips with a reason", async () => {
    const task = visit.page.locator('.task:not([data-state="completed"]):not([data-state="skipped"])').filter({ has: visit.page.getByRole("button", { name: /^(Mark|Enter|Answer) / }) });
    await task.first().locator(".task-what").click();
    const dialog = visit.page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Skip" }).click();
    await dialog.getByRole("button", { name: "Skip", exact: true }).click();
    await dialog.getByText("Choose a reason").waitFor();

    await dialog.getByLabel("I felt unwell").check();
    await dialog.getByRole("button", { name: "Skip", exact: true }).click();

    await toast().getByText(/^Skipped:/).first().waitFor();
  });

  it("closes a form by accident and finds what was typed", async ({ skip }) => {
    const enter = visit.page.getByRole("button", { name: /^Enter / }).first();
    skip((await enter.count()) === 0, "nothing is left to measure");
    await enter.click();
    await visit.page.getByRole("dialog").getByRole("textbox").first().fill("121");
    await visit.page.keyboard.press("Escape");
    await visit.page.getByRole("dialog").waitFor({ state: "detached" });
    await expect.poll(() => enter.evaluate((element) => element === document.activeElement)).toBe(true);

    await enter.click();

    await expect.poll(() => visit.page.getByRole("dialog").getByRole("textbox").first().inputValue()).toBe("121");
    await visit.page.keyboard.press("Escape");
  });

  it("sees progress, by keyboard too", async () => {
    await visit.page.getByRole("link", { name: "Progress" }).click();
    await visit.settled();
    await expect.poll(() => visit.page.evaluate(() => document.activeElement?.tagName)).toBe("H1");
    const chart = visit.page.locator(".chart svg").first();
    await chart.scrollIntoViewIfNeeded();
    await chart.focus();
    await visit.page.keyboard.press("End");

    await visit.page.locator(".chart-live").filter({ hasText: /\d\d:\d\d: / }).first().waitFor();
    await visit.shot("patient-6-progress", true);
  });

  it("goes to another day and comes back", async () => {
    await visit.page.getByRole("link", { name: "Today" }).click();
    await visit.page.getByRole("button", { name: "Day before" }).click();
    await visit.settled();
    await expect.poll(() => visit.page.locator(".day-near").textContent()).toMatch(/yesterday/i);
    await expect.poll(() => visit.page.url()).toMatch(/date=\d{4}-\d\d-\d\d$/);

    await visit.page.getByRole("button", { name: "Day after" }).click();
    await visit.settled();
    await expect.poll(() => visit.page.locator(".day-near").textContent()).toMatch(/today/i);
  });

  it("signs out, and Back shows nothing of it", async () => {
    await visit.page.getByRole("link", { name: "More" }).click();
    await visit.page.getByRole("heading", { name: "My plans" }).waitFor();
    // Signing out ends with a new document.
    await Promise.all([visit.page.waitForEvent("load"), visit.page.getByRole("button", { name: "Sign out" }).click()]);
    await visit.page.waitForURL(/sign-in/);
    await visit.page.goBack();
    await visit.page.waitForURL(/sign-in/);

    await visit.page.getByLabel("E-mail").waitFor();
    expect(await visit.page.locator(".task, .card").count()).toBe(0);
    expect(await visit.page.evaluate(() => Object.keys(sessionStorage).concat(Object.keys(localStorage)))).toEqual([]);
  });

  it("never broke the page's policy", () => {
    expect(visit.faults).toEqual([]);
  });
});
