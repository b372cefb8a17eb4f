import { readFileSync } from "node:fs";

/** Returns the faults of a package lock: an entry that names where it was fetched from, or that carries no hash. */
export function lockfileFaults(text: string): string[] {
  const lock: { packages?: Record<string, { resolved?: string; integrity?: string; link?: boolean }> } = JSON.parse(text);
  const entries = Object.entries(lock.packages ?? {}).filter(([name]) => name !== "");
  if (entries.length === 0) return ["the lock lists no packages: nothing was checked"];
  return entries.flatMap(([name, entry]) => {
    if (entry.resolved !== undefined) return [`${name}: names the address it was fetched from`];
    if (entry.integrity === undefined && !entry.link) return [`${name}: has no integrity hash`];
    return [];
  });
}

export function main(): number {
  const text = readFileSync("package-lock.json", "utf8");
  const faults = lockfileFaults(text);
  for (const fault of faults) console.error(`package-lock.json: ${fault}`);
  if (faults.length === 0) console.log(`package-lock.json: ${Object.keys(JSON.parse(text).packages).length - 1} packages, no addresses`);
  return faults.length === 0 ? 0 : 1;
}
