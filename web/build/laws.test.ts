import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { routes } from "../src/prerender";
import { routeOf } from "../src/routes";
import { sources, trespasses } from "./layers";
import { lockfileFaults } from "./lockfile";

const ROOT = join(import.meta.dirname, "../src");
const files = sources(ROOT);

describe("the layers", () => {
  it("look down only, and slices not at each other", () => {
    expect(trespasses(files)).toEqual([]);
  });

  it("were all looked at", () => {
    expect(files.length).toBeGreaterThan(70);
    expect(new Set(files.map((file) => file.path.split("/")[0]))).toContain("care");
  });

  it.each([
    ["ui/Button.tsx", 'import { client } from "@/api/client";'],
    ["api/client.ts", 'import { Button } from "../ui/Button";'],
    ["care/today/TodayPage.tsx", 'import { MoveDialog } from "../chart/MoveDialog";'],
    ["care/today/TodayPage.tsx", 'const page = () => import("@/trust/signin/SignInPage");'],
    ["format/dates.ts", 'export * from "@/ui/Page";'],
  ])("would catch %s trespassing", (path, text) => {
    expect(trespasses([{ path, text }])).toHaveLength(1);
  });
});

describe("the routes", () => {
  it("name the module that they load", () => {
    for (const route of routes) {
      expect(existsSync(join(ROOT, "..", route.module)), route.module).toBe(true);
      expect(String(route.load)).toContain(route.module.replace(/^src\//, "").replace(/\.tsx$/, ""));
    }
  });

  it("are found by their path, with and without a slash at the end", () => {
    expect(routeOf("/patients/0193").name).toBe("chart");
    expect(routeOf("/patients/").name).toBe("patients");
    expect(routeOf("/").name).toBe("home");
    expect(routeOf("/patients/1/2").name).toBe("not-found");
  });
});

describe("the sources", () => {
  it("never make markup of a string", () => {
    const sinks = /dangerouslySetInnerHTML|\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/;

    expect(files.filter((file) => sinks.test(file.text.replaceAll(/\/\*[\s\S]*?\*\//g, ""))).map((file) => file.path)).toEqual([]);
  });

  it("put no name of a person into the title", () => {
    const titles = files.flatMap((file) => [...file.text.matchAll(/document\.title\s*=\s*(.+)/g)].map((match) => [file.path, match[1]]));

    expect(titles).toEqual([["ui/Page.tsx", "`${title} · HealthProtocol`;"]]);
    expect(files.filter((file) => /<Page\s[^>]*title=\{/.test(file.text)).map((file) => file.path)).toEqual([]);
  });
});

describe("the lock file's check", () => {
  it("sees an address and a missing hash", () => {
    const lock = (entry: object) => JSON.stringify({ packages: { "": {}, "node_modules/a": entry } });

    expect(lockfileFaults(lock({ integrity: "sha512-x" }))).toEqual([]);
    expect(lockfileFaults(lock({ integrity: "sha512-x", resolved: "https://registry.example/a.tgz" }))).toHaveLength(1);
    expect(lockfileFaults(lock({}))).toHaveLength(1);
    expect(lockfileFaults("{}")).toHaveLength(1);
  });
});
