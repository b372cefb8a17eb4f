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

// A group takes what its modules import along, so the lowest layers are taken first. Few chunks, because every one costs
// its hash in the import map of each shell; what `npm run budget` says decides what may be together.
const CHUNKS = [
  { name: "vendor", priority: 50, test: /node_modules[\\/](preact|react|react-dom|scheduler|wouter|regexparam)[\\/]|src[\\/]externalStore/ },
  { name: "ui", priority: 45, test: /src[\\/](ui[\\/](Button|Icon|Page|States|Toast|navigation|drafts|ui\.css)|format[\\/]words)/ },
  { name: "data", priority: 42, test: /src[\\/]api[\\/](client|problem|session|useDataFetching)|@tanstack[\\/]react-query[\\/]build[\\/]modern[\\/](useQuery|QueryClientProvider)\./ },
  { name: "format", priority: 40, test: /src[\\/](format[\\/](numbers|dates|occurrences)|ui[\\/]Ring)/ },
  { name: "controls", priority: 35, test: /src[\\/]ui[\\/](Dialog|ConfirmDialog|FileDrop|Menu|Tabs|Badge|Lines)/ },
  { name: "preferences", priority: 30, test: /src[\\/]ui[\\/](ThemeChoice|preferences)/ },
  { name: "keyset", priority: 28, test: /src[\\/]api[\\/]useListFetching/ },
  { name: "plans", priority: 25, test: /src[\\/]api[\\/](protocols|assignments)/ },
  { name: "lists", priority: 20, test: /src[\\/]ui[\\/]table[\\/]DataTable|node_modules[\\/]@tanstack[\\/](react-virtual|virtual-core)[\\/]/ },
  { name: "charts", priority: 10, test: /src[\\/]ui[\\/](charts|table)[\\/]/ },
];

// Every chunk stands in the import map of each shell, so its address is short: what it holds is told by `npm run budget`.
const nameOf = (chunk: { name: string }): string => (chunk.name === "charts" ? "assets/charts-[hash:6].js" : "assets/[hash:6].js");

export default defineConfig(({ command, mode }) => {
  const runtime = process.env["RUNTIME"] ?? (command === "build" ? "preact" : "react");
  return {
    plugins: [react(), ...(mode === "mock" ? [mockApi()] : []), pack()],
    resolve: { alias: [{ find: /^@\//, replacement: `${resolve("src")}/` }, { find: /^use-sync-external-store\/shim.*/, replacement: resolve("src/externalStore.ts") }, ...(runtime === "preact" ? preactAliases : [])] },
    server: { port: 5173, ...(mode === "mock" ? {} : { proxy: { "/api": process.env["HP_API"] ?? "http://127.0.0.1:8000" } }) },
    build: {
      outDir: OUT_DIR,
      emptyOutDir: true,
      manifest: true,
      sourcemap: false,
      reportCompressedSize: false,
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rolldownOptions: { output: { chunkFileNames: nameOf, assetFileNames: "assets/[hash][extname]", codeSplitting: { groups: CHUNKS } } },
    },
  };
});
