import { resolve } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: [{ find: /^@\//, replacement: `${resolve(import.meta.dirname, "src")}/` }] },
  test: {
    include: ["src/**/*.test.{ts,tsx}", "build/**/*.test.ts"],
    environment: "node",
    setupFiles: ["build/testSetup.ts"],
    // A busy machine may take its time: what hangs is ended, what is slow is not.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    env: { TZ: "Pacific/Auckland" },
  },
});
