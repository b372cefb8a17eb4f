/** A fresh Chromium, pages with strict watching, and the ways of a user through the app. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { inject } from "vitest";

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** Between two looks at a page: by a timer, for frames do not come when nothing is drawn. */
const POLL_MS = 50;
const SHOTS = join(import.meta.dirname, "../screenshots");

/** Times that the page's processor is slower, and the most that an answer is late, in ms: `HP_SLOW=6 make test-browser` finds what waits for nothing. */
const SLOW = Number(process.env["HP_SLOW"] ?? 1);
const LATE_MS = 150;

export const PASSWORD = process.env["HP_DEMO_PASSWORD"] ?? "correct-horse-battery-demo";

export interface View {
  width: number;
  scheme?: "light" | "dark";
  height?: number;
  locale?: string;
}

/** Runs in the page: everything asked for is here and on screen. */
const isSettled = (): boolean =>
  document.querySelector(".skeleton, .frame-wait") === null && document.querySelector("h1") !== null && (window as unknown as { pendingFetches: number }).pendingFetches === 0;

/** Runs in the page: it is as wide and as light as it was told to be. */
const hasTakenIn = ({ width, scheme }: View): boolean => innerWidth === width && matchMedia(`(prefers-color-scheme: ${scheme ?? "light"})`).matches;

/** Runs in the page: nothing moves or changes its colour. */
const isAtRest = (): boolean => document.getAnimations().every(({ playState }) => playState !== "running");

/** Runs in the page: ends after what the page has to do now, and in the next moment. */
const behindAllElse = (): Promise<unknown> => {
  const { scheduler } = window as unknown as { scheduler: { postTask: (task: () => void, options: object) => Promise<unknown> } };
  return scheduler.postTask(() => undefined, { priority: "background", delay: 40 });
};

export class Visit {
  /** What the page must never do: console errors, failed scripts, violations of its policy. */
  readonly faults: string[] = [];

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    private readonly profile: string,
  ) {}

  static async open({ width, scheme = "light", height = width < 600 ? 844 : 900, locale = "en-GB" }: View): Promise<Visit> {
    const profile = mkdtempSync(join(tmpdir(), "hp-e2e-"));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: process.env["HP_CHROMIUM"] ?? "/usr/bin/chromium",
      args: FLAGS,
      viewport: { width, height },
      colorScheme: scheme,
      locale,
      baseURL: inject("baseUrl"),
      timezoneId: "Europe/Berlin",
      reducedMotion: "reduce",
    });
    const page = context.pages()[0] ?? (await context.newPage());
    // What is waited for comes; a busy machine may take its time.
    context.setDefaultTimeout(30_000);
    const visit = new Visit(context, page, profile);
    if (SLOW > 1) await visit.slowDown();
    await page.addInitScript(() => {
      const watched = window as unknown as { pendingFetches: number };
      watched.pendingFetches = 0;
      const fetchPlain = window.fetch;
      window.fetch = (...request) => {
        watched.pendingFetches += 1;
        return fetchPlain(...request).finally(() => setTimeout(() => (watched.pendingFetches -= 1), 30));
      };
      document.addEventListener("securitypolicyviolation", (event) => console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
    });
    page.on("console", (message) => {
      // The browser itself reports refused requests (401 before sign-in, 422 for a question); the app shows them.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) visit.faults.push(message.text());
    });
    page.on("pageerror", (error) => visit.faults.push(String(error)));
    return visit;
  }

  private async slowDown(): Promise<void> {
    const session = await this.context.newCDPSession(this.page);
    await session.send("Emulation.setCPUThrottlingRate", { rate: SLOW });
    await this.page.route(/\/api\//, async (route) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * LATE_MS));
      await route.fallback();
    });
  }

  async signIn(email: string, path = "/"): Promise<void> {
    await this.page.goto(path === "/" ? "/sign-in" : `/sign-in?next=${encodeURIComponent(path)}`);
    await this.page.getByLabel("E-mail").fill(email);
    await this.page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await this.page.getByRole("button", { name: "Sign in", exact: true }).click();
    await this.page.waitForURL((url) => url.pathname !== "/sign-in");
    await this.settled();
  }

  /** Waits until nothing loads any more and no skeleton is on screen. */
  async settled(): Promise<void> {
    await this.page.waitForLoadState("load");
    // What has come may ask for more in its next frame.
    for (let round = 0; round < 2; round += 1) {
      await this.page.waitForFunction(isSettled, undefined, { polling: POLL_MS });
      // By the page's own clock, behind what it has to do: a busy machine is slow on both sides.
      // Not by requestIdleCallback: in a page that stays open for ten seconds, headless Chromium mostly lets it wait for its timeout.
      await this.page.evaluate(behindAllElse);
    }
  }

  async look({ width, scheme }: { width: number; scheme: "light" | "dark" }): Promise<void> {
    await this.page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
    await this.page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    // Colours and places are read once the page has taken both in, and what they move has come to rest.
    await this.page.waitForFunction(hasTakenIn, { width, scheme }, { polling: POLL_MS });
    await this.settled();
    // By asking again, not by their promises: that of a transition which another one replaced may never settle.
    await this.page.waitForFunction(isAtRest, undefined, { polling: POLL_MS });
  }

  /** What is wrong with how the page looks so, a line each: what a screen reader stumbles on, and scrolling sideways. */
  async faultsAt({ width, scheme }: { width: number; scheme: "light" | "dark" }): Promise<string[]> {
    await this.look({ width, scheme });
    // Legacy mode stays in this page; the other opens a second one, behind which this one may come to rest.
    const { violations } = await new AxeBuilder({ page: this.page }).setLegacyMode(true).withTags(TAGS).analyze();
    const faults = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
    const overflow = await this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (overflow > 0) faults.push(`scrolls sideways by ${overflow} px`);
    return faults.map((fault) => `at ${width} in ${scheme}: ${fault}`);
  }

  async shot(name: string, fullPage = false): Promise<void> {
    mkdirSync(SHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage });
  }

  async close(): Promise<void> {
    await this.context.close();
    rmSync(this.profile, { recursive: true, force: true });
  }
}
