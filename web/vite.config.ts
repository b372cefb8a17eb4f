import { resolve } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { OUT_DIR } from "./build/paths.ts";
import { pack } from "./build/pack.ts";
import { mockApi } from "./mock-api/plugin.ts";

// Production runs on Preact's compat layer (see docs/decisions on the web runtime); `RUNTIME=react` builds the same
// app on React, and both builds pass the same browser tests. Development and unit tests use React and its warnings.
const preactAliases = [
  { find: "react-dom/client", replacement: "preact/compat/client" },
  { find: "react-dom", replacement: "preact/compat" },
  { find: "react/jsx-runtime", replacement: "preact/jsx-runtime" },
  { find: /^react$/, replacement: "preact/compat" },
];

const CHUNKS = [
  { name: "vendor", test: /node_modules[\\/](preact|react|react-dom|scheduler|wouter|regexparam|use-sync-external-store)[\\/]/ },
  { name: "data", test: /node_modules[\\/](@tanstack[\\/](react-query|query-core)|openapi-fetch|openapi-typescript-helpers)[\\/]|src[\\/]api[\\/]/ },
  { name: "charts", test: /src[\\/]ui[\\/]charts[\\/]/ },
  { name: "table", test: /src[\\/]ui[\\/]table[\\/]DataTable|node_modules[\\/]@tanstack[\\/](react-virtual|virtual-core)[\\/]/ },
  { name: "ui", test: /src[\\/](ui|format)[\\/]/ },
];

export default defineConfig(({ command, mode }) => {
  const runtime = process.env["RUNTIME"] ?? (command === "build" ? "preact" : "react");
  return {
    plugins: [react(), ...(mode === "mock" ? [mockApi()] : []), pack()],
    resolve: { alias: [{ find: /^@\//, replacement: `${resolve("src")}/` }, ...(runtime === "preact" ? preactAliases : [])] },
    server: { port: 5173, ...(mode === "mock" ? {} : { proxy: { "/api": process.env["HP_API"] ?? "http://127.0.0.1:8000" } }) },
    build: {
      outDir: OUT_DIR,
      emptyOutDir: true,
      manifest: true,
      sourcemap: false,
      reportCompressedSize: false,
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rolldownOptions: { output: { codeSplitting: { groups: CHUNKS } } },
    },
  };
});
