import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

export interface Source {
  /** From src/: "care/today/TodayPage.tsx". */
  path: string;
  text: string;
}

const IMPORT = /(?:from|import)\s*\(?\s*["']([^"']+)["']/g;

/** What each layer may import, itself always included. Files in src/ itself are the wiring and may import everything. */
const ALLOWED: Record<string, readonly string[]> = {
  format: [],
  ui: ["format"],
  api: ["format"],
  frame: ["format", "ui", "wiring"],
  care: ["format", "ui", "api"],
  trust: ["format", "ui", "api"],
  operations: ["format", "ui", "api"],
};

export function sources(root: string): Source[] {
  return (readdirSync(root, { recursive: true }) as string[])
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => /\.tsx?$/.test(path) && !/\.(test|d)\.tsx?$/.test(path))
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

/** The imports that look up, or from one slice into another: "care/today/x.ts imports care/chart/y". */
export function trespasses(files: readonly Source[]): string[] {
  return files.flatMap(({ path, text }) =>
    [...text.matchAll(IMPORT)]
      .map((match) => resolveImport(path, match[1]!))
      .filter((target): target is string => target !== null && !isAllowed(path, target))
      .map((target) => `${path} imports ${target}`),
  );
}

function resolveImport(from: string, specifier: string): string | null {
  if (specifier.startsWith("@/")) return specifier.slice(2);
  return specifier.startsWith(".") ? normalize(join(dirname(from), specifier)) : null;
}

const layerOf = (path: string): string => (path.includes("/") ? path.split("/")[0]! : "wiring");

function isAllowed(from: string, target: string): boolean {
  const [layer, targetLayer] = [layerOf(from), layerOf(target)];
  if (layer === "wiring") return true;
  if (layer !== targetLayer) return (ALLOWED[layer] ?? []).includes(targetLayer);
  // Slices of care, trust and operations never import each other; the other layers are one room each.
  return !["care", "trust", "operations"].includes(layer) || from.split("/")[1] === target.split("/")[1];
}
