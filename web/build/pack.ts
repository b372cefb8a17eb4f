/**
 * The last step of the build: turns Vite's output into what the Python server sends.
 *
 * It writes one prerendered shell for each route (frame, inlined first CSS, preloads of the route's import closure),
 * an import map with the integrity of every script, brotli and gzip copies, and `pack.json` (see README.md).
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { type Manifest, type Plugin, runnerImport } from "vite";
import react from "@vitejs/plugin-react";

export interface PackedFile {
  path: string;
  type: string;
  bytes: number;
  hash: string;
  cache: "immutable" | "revalidate";
  encodings: Partial<Record<"br" | "gzip", { path: string; bytes: number }>>;
}

export interface PackedRoute {
  name: string;
  pattern: string;
  shell: string;
  scripts: string[];
  styles: string[];
}

export interface Pack {
  format: 1;
  build: string;
  csp: string;
  fallback: string;
  routes: PackedRoute[];
  files: Record<string, PackedFile>;
}

interface RouteEntry {
  name: string;
  pattern: string;
  title: string;
  module: string;
  audience: "public" | "patient" | "staff" | "anyone";
  preload?: string | undefined;
}

interface Prerender {
  routes: RouteEntry[];
  renderFrame: (name: string) => string;
}

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".txt": "text/plain; charset=utf-8",
  ".woff2": "font/woff2",
  ".webmanifest": "application/manifest+json",
};

const COMPRESSIBLE = new Set([".html", ".js", ".css", ".json", ".svg", ".txt", ".webmanifest"]);

const sha256 = (content: Buffer | string, as: "hex" | "base64"): string => createHash("sha256").update(content).digest(as);

export function pack(): Plugin {
  let outDir = "";
  return {
    name: "healthprotocol:pack",
    apply: "build",
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
    },
    closeBundle: {
      order: "post",
      sequential: true,
      async handler(error?: Error) {
        if (error) return;
        await writePack(outDir);
      },
    },
  };
}

async function writePack(outDir: string): Promise<void> {
  const manifest: Manifest = JSON.parse(readFileSync(join(outDir, ".vite/manifest.json"), "utf8"));
  rmSync(join(outDir, ".vite"), { recursive: true });
  const { module: prerender } = await runnerImport<Prerender>(resolve("src/prerender.tsx"), {
    configFile: false,
    logLevel: "warn",
    plugins: [react()],
    resolve: { alias: [{ find: /^@\//, replacement: `${resolve("src")}/` }] },
  });

  const template = inlineEntryCss(outDir, manifest);
  const integrity = integrityOf(outDir);
  const shells = prerender.routes.map((route) => shellOf(route, { manifest, template, integrity, prerender }));
  mkdirSync(join(outDir, "shells"), { recursive: true });
  for (const shell of shells) writeFileSync(join(outDir, shell.route.shell), shell.html);
  const fallback = shells.find((shell) => shell.route.name === "not-found");
  if (fallback === undefined) throw new Error("routes.tsx names no `not-found` route");
  writeFileSync(join(outDir, "index.html"), fallback.html);

  const files = packFiles(outDir);
  const routes = shells.map((shell) => shell.route);
  const result: Pack = {
    format: 1,
    build: sha256(JSON.stringify(files), "hex"),
    csp: contentSecurityPolicy(shells.map((shell) => shell.html)),
    fallback: "index.html",
    routes,
    files,
  };
  writeFileSync(join(outDir, "pack.json"), `${JSON.stringify(result, null, 1)}\n`);
}

/** Moves the CSS of the entry chunk (tokens, page frame) into the document: the first paint waits for no second request. */
function inlineEntryCss(outDir: string, manifest: Manifest): string {
  let html = readFileSync(join(outDir, "index.html"), "utf8");
  const entry = Object.values(manifest).find((chunk) => chunk.isEntry);
  if (entry?.css?.length !== 1) throw new Error("the entry must import exactly one stylesheet of its own: src/frame.css");
  const cssPath = entry.css[0]!;
  const css = readFileSync(join(outDir, cssPath), "utf8").trim();
  const link = new RegExp(`\\s*<link rel="stylesheet"[^>]*href="/${cssPath.replaceAll(".", "\\.")}"[^>]*>`);
  if (!link.test(html)) throw new Error(`index.html does not link ${cssPath}`);
  html = html.replace(link, "").replace("</title>", () => `</title>\n    <style>${css}</style>`);
  rmSync(join(outDir, cssPath));
  return html;
}

/** The integrity of every script, lazy ones too: a tampered chunk is refused by the browser. */
function integrityOf(outDir: string): Record<string, string> {
  const scripts = readdirSync(join(outDir, "assets")).filter((name) => name.endsWith(".js")).toSorted();
  return Object.fromEntries(scripts.map((name) => [`/assets/${name}`, `sha256-${sha256(readFileSync(join(outDir, "assets", name)), "base64")}`]));
}

/** Pages that the people of a route never open: their scripts need no place in its import map. */
function othersOnly(route: RouteEntry, { manifest, prerender }: ShellParts): Set<string> {
  if (route.audience === "public" || route.audience === "anyone") return new Set();
  const others = prerender.routes.filter((other) => (other.audience === "patient" || other.audience === "staff") && other.audience !== route.audience);
  return new Set(others.map((other) => `/${manifest[other.module]?.file ?? ""}`));
}

/** The scripts and styles that a route needs before it can show: the import closure of entry and page, lazy parts excluded. */
function closureOf(manifest: Manifest, module: string): { scripts: string[]; styles: string[] } {
  const scripts = new Set<string>();
  const styles = new Set<string>();
  const visit = (key: string) => {
    const chunk = manifest[key];
    if (chunk === undefined || scripts.has(`/${chunk.file}`)) return;
    scripts.add(`/${chunk.file}`);
    for (const style of chunk.css ?? []) if (!chunk.isEntry) styles.add(`/${style}`);
    for (const imported of chunk.imports ?? []) visit(imported);
  };
  visit("index.html");
  if (manifest[module] === undefined) throw new Error(`routes.tsx names ${module}, which the build does not know`);
  visit(module);
  return { scripts: [...scripts], styles: [...styles] };
}

interface ShellParts {
  manifest: Manifest;
  template: string;
  integrity: Record<string, string>;
  prerender: Prerender;
}

function shellOf(route: RouteEntry, parts: ShellParts): { route: PackedRoute; html: string } {
  const { scripts, styles } = closureOf(parts.manifest, route.module);
  const { integrity } = parts;
  const left = othersOnly(route, parts);
  const importMap = JSON.stringify({ integrity: Object.fromEntries(Object.entries(integrity).filter(([path]) => !left.has(path))) });
  const head = [
    `<script type="importmap">${importMap}</script>`,
    // Said here too, although the map above has it: the browser looks ahead and fetches these before it has read the map.
    ...scripts.map((href) => `<link rel="modulepreload" href="${href}" integrity="${integrity[href]}">`),
    ...(route.preload ? [`<link rel="preload" as="fetch" crossorigin href="${route.preload}">`] : []),
  ].join("");
  const entry = scripts[0]!;
  const html = parts.template
    .replace(/\s*<link rel="modulepreload"[^>]*>/g, "")
    .replace(/\s*<link rel="stylesheet"[^>]*>/g, "")
    .replace(/\s*<script type="module"[^>]*><\/script>/, "")
    .replace(/<title>[^<]*<\/title>/, () => `<title>${route.title === "HealthProtocol" ? "" : `${route.title} · `}HealthProtocol</title>`)
    .replace("</head>", () => `  ${head}\n  </head>`)
    // Styles of the page come after its frame: the frame paints at once, what follows waits for them.
    .replace(
      '<div id="app"></div>',
      () =>
        `<div id="app">${parts.prerender.renderFrame(route.name)}</div>\n` +
        styles.map((href) => `    <link rel="stylesheet" href="${href}">\n`).join("") +
        `    <script type="module" src="${entry}" integrity="${integrity[entry]}"></script>`,
    );
  if (/\sstyle="/.test(html)) throw new Error(`the frame of ${route.name} holds a style attribute, which the policy forbids`);
  return { route: { name: route.name, pattern: route.pattern, shell: `shells/${route.name}.html`, scripts, styles }, html };
}

/** Hashes, not nonces: a page with a nonce cannot be cached. */
function contentSecurityPolicy(documents: string[]): string {
  const hashes = (pattern: RegExp) => [
    ...new Set(documents.flatMap((html) => [...html.matchAll(pattern)].map((match) => `'sha256-${sha256(match[1]!, "base64")}'`))),
  ];
  const scripts = hashes(/<script(?: type="importmap")?>([\s\S]*?)<\/script>/g);
  const styles = hashes(/<style>([\s\S]*?)<\/style>/g);
  if (scripts.length === 0 || styles.length !== 1) throw new Error("expected inline scripts and one inline style in every shell");
  return [
    "default-src 'none'",
    `script-src 'self' ${scripts.join(" ")}`,
    `style-src 'self' ${styles.join(" ")}`,
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "worker-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "require-trusted-types-for 'script'",
    "trusted-types hp-sw",
  ].join("; ");
}

function packFiles(outDir: string): Record<string, PackedFile> {
  const found = (readdirSync(outDir, { recursive: true }) as string[])
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => statSync(join(outDir, path)).isFile())
    .toSorted();
  return Object.fromEntries(found.map((path) => [`/${path}`, packFile(outDir, path)]));
}

function packFile(outDir: string, path: string): PackedFile {
  const content = readFileSync(join(outDir, path));
  const extension = extname(path);
  const type = TYPES[extension];
  if (type === undefined) throw new Error(`${path}: no content type is known for ${extension}`);
  const encodings: PackedFile["encodings"] = {};
  if (COMPRESSIBLE.has(extension)) {
    const variants = {
      br: [".br", brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length } })],
      gzip: [".gz", gzipSync(content, { level: 9 })],
    } as const;
    for (const [name, [suffix, body]] of Object.entries(variants) as ["br" | "gzip", readonly [string, Buffer]][]) {
      if (body.length >= content.length) continue;
      writeFileSync(join(outDir, path + suffix), body);
      encodings[name] = { path: path + suffix, bytes: body.length };
    }
  }
  const immutable = /^assets\/.+-[\w-]{8}\.\w+$/.test(path);
  return { path, type, bytes: content.length, hash: `sha256-${sha256(content, "hex")}`, cache: immutable ? "immutable" : "revalidate", encodings };
}
