/** Serves the packed build as the Python server does (see ../README.md), with the mock API beside it. */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { Pack } from "../build/pack";
import { OUT_DIR } from "../build/paths";
import { answer } from "./api";

const DELAY_MS = Number(process.env["MOCK_DELAY_MS"] ?? 0);

export async function handleApi(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  if (DELAY_MS > 0) await new Promise((resolve) => setTimeout(resolve, DELAY_MS));
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join() : value]));
  const result = answer({ method: request.method ?? "GET", path: url.pathname, query: url.searchParams, headers, body: text ? JSON.parse(text) : undefined });
  response.writeHead(result.status, { "content-type": "application/json", "cache-control": "no-store", ...result.headers });
  response.end(result.body === undefined ? undefined : JSON.stringify(result.body));
}

/** Everything in memory from the start, as the real server has it: a build under way changes nothing. */
function readAll(pack: Pack): Map<string, Buffer> {
  return new Map(Object.entries(pack.files).map(([path, file]) => [path, readFileSync(join(OUT_DIR, file.encodings.br?.path ?? file.path))]));
}

function serveFile(pack: Pack, contents: Map<string, Buffer>, path: string, status: number, response: ServerResponse): void {
  const file = pack.files[path];
  if (file === undefined) {
    response.writeHead(404).end();
    return;
  }
  const encoded = file.encodings.br;
  response.writeHead(status, {
    "content-type": file.type,
    "cache-control": file.cache === "immutable" ? "public, max-age=31536000, immutable" : "no-cache",
    "content-security-policy": pack.csp,
    "x-content-type-options": "nosniff",
    ...(encoded ? { "content-encoding": "br" } : {}),
  });
  response.end(contents.get(path));
}

const segments = (path: string) => path.replace(/\/+$/, "").split("/").slice(1);

export function startServer(port: number): Promise<Server> {
  const pack: Pack = JSON.parse(readFileSync(join(OUT_DIR, "pack.json"), "utf8"));
  const contents = readAll(pack);
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    if (path.startsWith("/api/")) {
      handleApi(request, response).catch((error: unknown) => {
        console.error(error);
        response.writeHead(500).end();
      });
      return;
    }
    if (path in pack.files || path.startsWith("/assets/")) return serveFile(pack, contents, path, 200, response);
    const given = segments(path);
    const route = pack.routes.find(({ pattern }) => {
      const wanted = segments(pattern);
      return wanted.length === given.length && wanted.every((part, index) => part.startsWith(":") || part === given[index]);
    });
    serveFile(pack, contents, `/${route?.shell ?? pack.fallback}`, route ? 200 : 404, response);
  });
  return new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(server)));
}

export async function main(): Promise<void> {
  const port = Number(process.env["PORT"] ?? 4173);
  await startServer(port);
  console.log(`http://127.0.0.1:${port}  (clinician@demo.example or patient@demo.example, correct-horse-battery-demo)`);
  await new Promise(() => undefined);
}
