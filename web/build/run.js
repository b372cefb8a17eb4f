// Runs one of the TypeScript tools of this folder with the compiler that Vite brings:
//   node build/run.js build/budget.ts [arguments]
import { resolve } from "node:path";
import { runnerImport } from "vite";

const [script, ...rest] = process.argv.slice(2);
if (!script) {
  console.error("usage: node build/run.js <script.ts> [arguments]");
  process.exit(2);
}
const { module } = await runnerImport(resolve(script), { configFile: false, logLevel: "warn" });
process.exitCode = (await module.main(rest)) ?? 0;
