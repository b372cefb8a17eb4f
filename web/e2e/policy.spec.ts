import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Visit } from "./browser";

/** The page's policy, seen from inside the page. */
describe("the content security policy", () => {
  let visit: Visit;

  beforeAll(async () => {
    visit = await Visit.open({ width: 1280 });
  });
  afterAll(() => visit.close());

  it("comes with the shell, and nothing stays in a cache on the way", async () => {
    const response = await visit.page.goto("/sign-in");
    const policy = (await response?.headerValue("content-security-policy")) ?? "";

    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("require-trusted-types-for 'script'");
    expect(policy).not.toContain("unsafe-inline");
    expect(await response?.headerValue("cache-control")).toBe("no-cache");
  });

  it("makes no markup of a string", async () => {
    const outcome = await visit.page.evaluate(() => {
      try {
        document.body.insertAdjacentHTML("beforeend", "<b>x</b>");
        return "assigned";
      } catch (error) {
        return (error as Error).name;
      }
    });

    expect(outcome).toBe("TypeError");
  });

  it("runs no script of another place, and no inline one", async () => {
    const ran = await visit.page.evaluate(async () => {
      const script = document.createElement("script");
      try {
        script.textContent = "window.__ran = true";
        document.head.append(script);
      } catch {
        return false;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
      return "__ran" in window;
    });

    expect(ran).toBe(false);
  });

  it("lets the service answer nothing of the interface to a stranger", async () => {
    const response = await visit.page.request.get("/api/v1/patients");

    expect(response.status()).toBe(401);
    expect(response.headers()["content-type"]).toContain("application/problem+json");
  });

  it("gives a missing script no page", async () => {
    expect((await visit.page.request.get("/assets/gone-00000000.js")).status()).toBe(404);
  });
});
