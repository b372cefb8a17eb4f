import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Visit } from "./browser";

/** A coordinator brings in a file with a fault in it, repairs what failed, and takes everybody out again. */
describe.runIf(process.env["HP_BASE_URL"])("files", () => {
  let visit: Visit;
  const folder = mkdtempSync(join(tmpdir(), "hp-files-"));
  // A second run against the same server brings in other people.
  const run = Date.now().toString(36);
  const header = "client_id,given_name,family_name,birth_date,sex";
  const people = (sex: string) => [header, ...["Zschopau", "Zwota", "Zeitz"].map((name, index) => `${run}-${index},${name},Zwickau ${run},1950-02-0${index + 1},${index === 1 ? sex : "female"}`)].join("\r\n");

  beforeAll(async () => {
    visit = await Visit.open({ width: 1280 });
    await visit.signIn("coordinator@demo.example");
    await visit.page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Import/export" }).click();
    await visit.settled();
  });
  afterAll(async () => {
    await visit.close();
    rmSync(folder, { recursive: true });
  });

  const choose = async (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    await visit.page.locator("input[type=file]").setInputFiles(join(folder, name));
    await visit.page.getByText("First 3 lines").waitFor();
  };

  it("shows the first lines with their faults in place", async () => {
    await choose("people.csv", people("woman"));

    await expect.poll(() => visit.page.locator("td[data-fault]").allTextContents()).toEqual(["woman"]);
    await expect.poll(() => visit.page.getByRole("row", { name: "sex It must be one of" }).count()).toBe(1);
  });

  it("checks the whole file and writes nothing", async () => {
    await visit.page.getByRole("button", { name: "Check the whole file" }).click();
    await visit.page.getByText("1 line has a fault").waitFor({ timeout: 120_000 });

    await visit.page.getByText("Nothing was written.").waitFor();
  });

  it("brings in the others, and goes on where it stood after a reload", async () => {
    await visit.page.getByRole("button", { name: "Bring in the others" }).click();
    await visit.page.getByText("2 patients brought in").waitFor({ timeout: 120_000 });
    await visit.page.reload();
    await visit.page.getByText("2 patients brought in").waitFor();

    await expect.poll(() => visit.page.locator(".files-counts dd").allTextContents()).toEqual(["2", "0", "0", "1"]);
  });

  it("gives the lines with faults, which come in once repaired", async () => {
    const [download] = await Promise.all([visit.page.waitForEvent("download"), visit.page.getByRole("link", { name: "Lines with faults" }).click()]);
    const faults = readFileSync(await download.path(), "utf8");
    expect(faults).toContain(`${run}-1,Zwota`);
    await visit.page.getByRole("button", { name: "Another file" }).click();
    writeFileSync(join(folder, "repaired.csv"), faults.replace("woman", "female"));
    await visit.page.locator("input[type=file]").setInputFiles(join(folder, "repaired.csv"));
    await visit.page.getByText("First 1 line").waitFor();
    await visit.page.getByRole("button", { name: "Bring in patients" }).click();

    await visit.page.getByText("1 patient brought in").waitFor({ timeout: 120_000 });
  });

  it("says what is wrong with a file of something else", async () => {
    await visit.page.getByRole("button", { name: "Another file" }).click();
    writeFileSync(join(folder, "other.csv"), "surname;born\r\nMulde;1950");
    await visit.page.locator("input[type=file]").setInputFiles(join(folder, "other.csv"));

    await visit.page.getByText("Column 1 is not known").waitFor();
  });

  it("says that an old address leads nowhere, and where to begin", async () => {
    await visit.page.goto("/files?operation=01980000-0000-7000-8000-000000000000");
    await visit.page.getByText("This import is not here any more").waitFor();
    await visit.page.getByRole("button", { name: "Choose a file" }).click();

    await visit.page.getByText("Choose a file, or drop it here").waitFor();
  });

  it("says at its field what is wrong with a filter", async () => {
    await visit.page.getByRole("tab", { name: "Export" }).click();
    await visit.page.getByLabel("Only those that fit").fill('surname = "Mulde"');
    await visit.page.getByRole("button", { name: "Download patients" }).click();

    await visit.page.locator(".field-error").getByText("is no field of this list").waitFor();
    expect(visit.faults).toEqual([]);
  });
});
