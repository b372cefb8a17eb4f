/** Holds the built app to its sizes (budgets.json). Sizes are those that a browser fetches: gzip, shells brotli. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Pack } from "./pack";
import { OUT_DIR } from "./paths";

/** So many are shown when all are kept. */
const FULLEST = 4;

interface Budgets {
  html_br_kb: number;
  css_gz_kb: number;
  charts_gz_kb: number;
  total_gz_kb: number;
  total_raw_kb: number;
  shell_gz_kb: number;
  routes_gz_kb: Record<string, number>;
}

interface Line {
  what: string;
  kb: number;
  budget: number;
}

export function measure(pack: Pack, budgets: Budgets): Line[] {
  const gz = (path: string) => {
    const file = pack.files[path];
    if (file === undefined) throw new Error(`pack.json knows no ${path}`);
    return (file.encodings.gzip?.bytes ?? file.bytes) / 1024;
  };
  const sum = (paths: readonly string[]) => paths.reduce((total, path) => total + gz(path), 0);
  const shared = (pack.routes[0]?.scripts ?? []).filter((path) => pack.routes.every((route) => route.scripts.includes(path)));
  const lines: Line[] = [{ what: "shell (on every page)", kb: sum(shared), budget: budgets.shell_gz_kb }];
  for (const route of pack.routes) {
    const budget = budgets.routes_gz_kb[route.name];
    if (budget === undefined) throw new Error(`budgets.json has no figure for the route ${route.name}`);
    lines.push({ what: `${route.name}: JS`, kb: sum(route.scripts), budget });
    lines.push({ what: `${route.name}: CSS`, kb: sum(route.styles), budget: budgets.css_gz_kb });
    lines.push({ what: `${route.name}: HTML (br)`, kb: (pack.files[`/${route.shell}`]?.encodings.br?.bytes ?? 0) / 1024, budget: budgets.html_br_kb });
  }
  const assets = Object.keys(pack.files).filter((path) => /\.(js|css)$/.test(path));
  lines.push({ what: "charts", kb: sum(assets.filter((path) => path.includes("/charts-"))), budget: budgets.charts_gz_kb });
  lines.push({ what: "all scripts and styles", kb: sum(assets), budget: budgets.total_gz_kb });
  lines.push({ what: "everything, raw", kb: Object.values(pack.files).reduce((total, file) => total + file.bytes, 0) / 1024, budget: budgets.total_raw_kb });
  return lines;
}

export function main(): number {
  const pack: Pack = JSON.parse(readFileSync(join(OUT_DIR, "pack.json"), "utf8"));
  const budgets: Budgets = JSON.parse(readFileSync(join(import.meta.dirname ?? "build", "budgets.json"), "utf8"));
  const lines = measure(pack, budgets);
  const over = lines.filter(({ kb, budget }) => kb > budget);
  const isWhole = process.argv.includes("--all") || over.length > 0;
  const fullest = lines.toSorted((one, other) => other.kb / other.budget - one.kb / one.budget).slice(0, FULLEST);
  for (const { what, kb, budget } of isWhole ? lines : fullest) console.log(`${kb > budget ? "OVER" : "  ok"}  ${what.padEnd(28)} ${kb.toFixed(1).padStart(7)} KB of ${budget}`);
  console.log(isWhole ? `${over.length} of ${lines.length} over their budget` : `${lines.length} budgets kept; these are the fullest (npm run budget -- --all: each)`);
  return over.length === 0 ? 0 : 1;
}
