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
    env: { TZ: "Pacific/Auckland" },
  },
});
