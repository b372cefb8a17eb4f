export const routes = [
  { name: "not-found", pattern: "", title: "HealthProtocol", module: "index.html" },
];
export function renderFrame(_name: string): string { return ""; }
