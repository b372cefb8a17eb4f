import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { bodyOf, client, ifMatch, listenSignedOut, setCsrfToken } from "./client";
import { ApiProblem } from "./problem";

const ID = "0193b001-0000-7000-8000-000000000001";
let requests: Request[] = [];

function answer(body: unknown, init: ResponseInit & { type?: string } = {}): void {
  vi.stubGlobal("fetch", (request: Request) => {
    requests.push(request);
    const headers = { "content-type": init.type ?? "application/json", ...(init.headers as Record<string, string> | undefined) };
    return Promise.resolve(new Response(body === undefined ? null : JSON.stringify(body), { ...init, headers }));
  });
}

const readPatient = () => bodyOf(client.GET("/api/v1/patients/{patient_id}", { params: { path: { patient_id: ID } }, fetch: globalThis.fetch }));
const sendEntry = (headers: Record<string, string> = {}) =>
  bodyOf(client.POST("/api/v1/entries", { body: { client_id: ID, occurrence_id: "o", outcome: "completed", effective_at: "2026-11-22T08:00:00Z" }, headers, fetch: globalThis.fetch }));

beforeEach(() => {
  requests = [];
  setCsrfToken("csrf-1");
});
afterEach(() => vi.unstubAllGlobals());

describe("a read", () => {
  it("sends neither token nor key", async () => {
    answer({ id: ID });

    await readPatient();

    expect(new URL(requests[0]!.url).pathname).toBe(`/api/v1/patients/${ID}`);
    expect(requests[0]!.headers.has("x-csrf-token")).toBe(false);
    expect(requests[0]!.headers.has("idempotency-key")).toBe(false);
  });

  it("keeps the entity tag for the update after it", async () => {
    answer({ id: ID }, { headers: { etag: '"7"' } });

    await readPatient();

    expect(ifMatch(`/api/v1/patients/${ID}`)).toEqual({ "If-Match": '"7"' });
    expect(ifMatch("/api/v1/patients/other")).toEqual({ "If-Match": "*" });
  });
});

describe("a write", () => {
  it("carries the token of the session and a key of its own", async () => {
    answer({ id: "e" });

    await sendEntry();
    await sendEntry();

    expect(requests[0]!.headers.get("x-csrf-token")).toBe("csrf-1");
    expect(requests[0]!.headers.get("idempotency-key")).not.toBe(requests[1]!.headers.get("idempotency-key"));
  });

  it("keeps a key that was given", async () => {
    answer({ id: "e" });

    await sendEntry({ "Idempotency-Key": "same" });

    expect(requests[0]!.headers.get("idempotency-key")).toBe("same");
  });
});

describe("a refusal", () => {
  it("is thrown with its words, request id and faults", async () => {
    answer({ title: "Some values cannot be used", status: 422, request_id: "01J", errors: [{ pointer: "/values/0/value", code: "implausible", detail: "x" }] }, { status: 422, type: "application/problem+json" });

    const problem = await sendEntry().catch((error: unknown) => error);

    expect(problem).toBeInstanceOf(ApiProblem);
    expect(problem).toMatchObject({ status: 422, message: "Some values cannot be used", requestId: "01J", faults: [{ code: "implausible" }] });
  });

  it("without a body still has words", async () => {
    answer(undefined, { status: 502, type: "text/html" });

    await expect(readPatient()).rejects.toMatchObject({ status: 502, message: "Something went wrong on our side" });
  });

  it("with half a body still has words", async () => {
    vi.stubGlobal("fetch", () => Promise.resolve(new Response('{"title": "Some', { status: 500, headers: { "content-type": "application/problem+json" } })));

    await expect(readPatient()).rejects.toMatchObject({ status: 500 });
  });

  it("of the session is told to those who listen", async () => {
    const heard = vi.fn();
    const stop = listenSignedOut(heard);
    answer({ title: "Sign in", status: 401 }, { status: 401, type: "application/problem+json" });

    await readPatient().catch(() => undefined);
    stop();
    await readPatient().catch(() => undefined);

    expect(heard).toHaveBeenCalledTimes(1);
  });
});

describe("no connection", () => {
  it("is a problem with status 0", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));

    await expect(readPatient()).rejects.toMatchObject({ status: 0 });
  });
});
