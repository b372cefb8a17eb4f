import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { Visit } from "./browser";

const VIEWS = [320, 1280].flatMap((width) => (["light", "dark"] as const).map((scheme) => ({ width, scheme })));

/** What an admin does about feature flags: look, target, kill, take the kill back, read why a rollout was taken back. */
describe("the admin and her flags", () => {
  let visit: Visit;
  const isMock = inject("isMock");
  const FLAG = "lists.cost-guard";

  beforeAll(async () => {
    visit = await Visit.open({ width: 1280 });
    await visit.signIn("admin@demo.example");
  });
  afterAll(() => visit.close());

  const open = async (key: string, tab = "") => {
    await visit.page.goto(`/settings/flags?flag=${key}${tab ? `&tab=${tab}` : ""}`);
    await visit.settled();
  };
  const badge = () => visit.page.locator(".flag-head .badge").first();

  it("finds them under settings", async () => {
    await visit.page.goto("/settings");
    await visit.settled();
    await visit.page.getByRole("link", { name: "Feature flags" }).click();
    await visit.page.waitForURL(/\/settings\/flags$/);
    await visit.settled();

    await expect.poll(() => visit.page.title()).toBe("Feature flags · HealthProtocol");
    await expect.poll(() => visit.page.locator(".flag-card").count()).toBeGreaterThan(0);
    await visit.shot("flags-1-list");
  });

  it("searches them by key and by what they do", async () => {
    await visit.page.getByRole("searchbox").fill("dear");

    await visit.page.getByRole("link", { name: FLAG }).waitFor();
    await visit.page.getByRole("searchbox").fill("zzzz");
    await visit.page.getByText("No flag found").waitFor();
    await visit.page.getByRole("searchbox").fill("");
  });

  it("gives one to a part of some people, and is asked why", async () => {
    await open(FLAG);
    await visit.page.getByRole("button", { name: "Who has it" }).click();
    await visit.page.getByRole("button", { name: "Add a rule" }).click();
    await visit.page.getByLabel("Give").selectOption("off");
    await visit.page.getByLabel("Per cent of accounts").fill("10");
    await visit.page.getByRole("checkbox", { name: "Clinician" }).check();
    await visit.page.getByRole("button", { name: "Save" }).click();
    await visit.page.getByText("Say why, for whoever reads the history.").waitFor();
    await visit.shot("flags-2-rules");
    await visit.page.getByLabel("Why").fill("The ward tries it.");
    await visit.page.getByRole("button", { name: "Save" }).click();
    await visit.page.locator("dialog").waitFor({ state: "detached" });
    await visit.settled();

    await expect.poll(() => badge().textContent()).toContain("Targeted");
    await visit.page.getByText("Off for 10 % of accounts, of the role clinician").first().waitFor();
  });

  it("kills it, is told so, and takes the kill back", async () => {
    await visit.page.getByRole("button", { name: "Kill" }).click();
    const dialog = visit.page.getByRole("dialog");
    await dialog.getByLabel("Why").fill("It refuses too much.");
    await dialog.getByRole("button", { name: "Kill" }).click();
    await dialog.waitFor({ state: "detached" });
    await visit.page.locator(".badge", { hasText: "Killed" }).waitFor();
    await visit.shot("flags-3-killed");
    await visit.page.getByRole("button", { name: "Undo" }).click();
    await visit.page.locator(".badge", { hasText: "Targeted" }).waitFor();

    await open(FLAG, "history");
    await expect.poll(async () => (await visit.page.locator(".flag-history h2").allTextContents()).slice(0, 3)).toEqual(["Revived", "Killed", "Changed"]);
    await visit.shot("flags-4-history");
  });

  it("names another flag that it needs, and is told at the field what does not fit", async () => {
    await open(FLAG);
    await visit.page.getByRole("button", { name: "Who has it" }).click();
    await visit.page.getByRole("button", { name: "Add a requirement" }).click();
    await visit.page.getByRole("group", { name: "Must give one of" }).getByRole("checkbox", { name: "on" }).uncheck();
    await visit.page.getByLabel("Why").fill("It stands on counts.");
    await visit.page.getByRole("button", { name: "Save" }).click();
    await visit.page.getByText("Choose at least one value that will do.").waitFor();

    await expect.poll(() => visit.page.evaluate(() => document.activeElement?.getAttribute("aria-invalid"))).toBe("true");
    await visit.shot("flags-6-requirement");
    await visit.page.getByRole("group", { name: "Must give one of" }).getByRole("checkbox", { name: "on" }).check();
    await visit.page.getByRole("button", { name: "Save" }).click();
    await visit.page.locator("dialog").waitFor({ state: "detached" });
    await visit.page.getByText(/^Needs /).first().waitFor();
    await visit.page.getByRole("button", { name: "Who has it" }).click();
    await visit.page.getByRole("button", { name: "Take Requirement 1 away" }).click();
    await visit.page.getByLabel("Why").fill("Not after all.");
    await visit.page.getByRole("button", { name: "Save" }).click();
    await visit.page.locator("dialog").waitFor({ state: "detached" });
  });

  it("closes the editor by accident and finds what was typed; cancelling forgets it", async () => {
    await open(FLAG);
    const edit = visit.page.getByRole("button", { name: "Who has it" });
    const why = visit.page.getByLabel("Why");
    await edit.click();
    await why.fill("Long in the making");
    await visit.page.keyboard.press("Escape");
    await visit.page.locator("dialog").waitFor({ state: "detached" });
    await edit.click();
    await expect.poll(() => why.inputValue()).toBe("Long in the making");
    await visit.page.getByRole("button", { name: "Cancel" }).click();
    await edit.click();
    await expect.poll(() => why.inputValue()).toBe("");
    await visit.page.getByRole("button", { name: "Cancel" }).click();
  });

  it("does not save over what somebody else changed meanwhile, and keeps what was typed", async () => {
    await open(FLAG);
    await visit.page.getByRole("button", { name: "Who has it" }).click();
    await visit.page.getByLabel("Why").fill("Seen by me alone");
    const changed = await visit.page.evaluate(async (key) => {
      const { csrf_token } = (await (await fetch("/api/v1/session")).json()) as { csrf_token: string };
      const headers = { "content-type": "application/json", "x-csrf-token": csrf_token, "if-match": "*" };
      const body = JSON.stringify({ requires: [], reason: "By a colleague" });
      return (await fetch(`/api/v1/flags/${key}`, { method: "PATCH", headers, body })).status;
    }, FLAG);
    expect(changed).toBe(200);
    await visit.page.getByRole("button", { name: "Save" }).click();
    await visit.page.getByText("It was changed by somebody else in the meantime").waitFor();

    expect(await visit.page.getByLabel("Why").inputValue()).toBe("Seen by me alone");
    await visit.page.getByRole("button", { name: "Cancel" }).click();
  });

  it("rolls it out to more and more, by keyboard, pauses, goes on, rolls back and revives it", async () => {
    await open(FLAG, "rollout");
    const press = async (name: string) => {
      await visit.page.getByRole("button", { name, exact: true }).first().focus();
      await visit.page.keyboard.press("Enter");
    };
    await press("Start a rollout");
    const dialog = visit.page.getByRole("dialog");
    await dialog.getByLabel("Accounts that have it").nth(1).fill("5");
    await dialog.getByRole("button", { name: "Start" }).click();
    await dialog.getByText("More than the stage before, up to 100.").waitFor();
    await visit.shot("flags-7-start-wrong");
    await dialog.getByLabel("Accounts that have it").nth(1).fill("50");
    await dialog.getByLabel("Why").fill("Release 1.4.");
    await dialog.getByRole("button", { name: "Start" }).click();
    await dialog.waitFor({ state: "detached" });
    await visit.page.getByRole("heading", { name: "10 % of accounts have off" }).waitFor();
    await visit.shot("flags-8-running");
    for (const [act, then] of [["Pause", "Paused"], ["Resume", "Running"]] as const) {
      await press(act);
      await dialog.getByLabel("Why").fill("Over the weekend.");
      await dialog.getByRole("button", { name: act }).click();
      await dialog.waitFor({ state: "detached" });
      await visit.page.locator(".badge", { hasText: then }).first().waitFor();
    }
    await press("Roll back");
    await dialog.getByRole("button", { name: "Roll back" }).click();
    await dialog.getByText("Say why, for whoever reads the history.").waitFor();
    await dialog.getByLabel("Why").fill("People complain.");
    await dialog.getByRole("button", { name: "Roll back" }).click();
    await dialog.waitFor({ state: "detached" });
    await visit.page.getByText("The flag is killed for your organisation until you revive it.").waitFor();
    await visit.shot("flags-9-back");
    await visit.page.getByRole("button", { name: "Revive" }).click();
    await visit.page.getByText("It was revived since.").waitFor();
    await visit.page.getByRole("button", { name: "Start a rollout" }).waitFor();
  });

  it.runIf(isMock)("sees why a rollout was taken back, also by keyboard", async () => {
    await open("reports.faster", "rollout");
    await visit.page.getByText("Rolled back by its guard").waitFor();
    const chart = visit.page.locator(".chart svg");
    await chart.focus();
    await visit.page.keyboard.press("End");

    await expect.poll(() => visit.page.locator(".chart-live").textContent()).toMatch(/errors 9/);
    await visit.shot("flags-5-rollout");
  });

  it("has nothing that a screen reader stumbles on, light and dark, on a desk and at 320 pixels", { timeout: 600_000 }, async () => {
    const faults: string[] = [];
    const check = async (what: string) => {
      for (const view of VIEWS) {
        faults.push(...(await visit.faultsAt(view)).map((fault) => `${what} ${fault}`));
        await visit.shot(`flags-${what}-${view.width}-${view.scheme}`);
      }
    };
    await visit.page.goto("/settings/flags");
    await visit.settled();
    await check("list");
    await visit.page.goto("/settings/flags?view=stale");
    await visit.settled();
    await check("stale");
    if (isMock) {
      await open("reports.faster", "rollout");
      await check("rollout");
    }
    await open(FLAG, "rollout");
    await check("back");
    await visit.page.getByRole("button", { name: "Start a rollout" }).click();
    await check("start");
    await open(FLAG);
    await check("detail");
    await visit.page.getByRole("button", { name: "Who has it" }).click();
    await visit.page.getByRole("button", { name: "Add a requirement" }).click();
    await check("editor");

    expect(faults).toEqual([]);
  });

  it("is not for others", async () => {
    const other = await Visit.open({ width: 1280 });
    try {
      await other.signIn("clinician@demo.example");
      await other.page.goto("/settings/flags");
      await other.page.getByText("For admins").waitFor();
    } finally {
      await other.close();
    }
  });

  it("breaks nothing on the way", () => {
    expect(visit.faults).toEqual([]);
  });
});
