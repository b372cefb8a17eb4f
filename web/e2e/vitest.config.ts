import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { alias: [{ find: /^@\//, replacement: `${resolve(import.meta.dirname, "../src")}/` }] },
  test: {
    include: ["e2e/**/*.spec.ts"],
    globalSetup: ["e2e/server.ts"],
    // The specs share one server and its data, and two cores.
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // What the page does after an event shows when a busy machine gets to it.
    expect: { poll: { timeout: 30_000, interval: 50 } },
  },
});
