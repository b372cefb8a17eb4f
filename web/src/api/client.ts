/** The one door to the server: cookie session, CSRF header, idempotency key, entity tags, problems as errors. */
import createClient, { type Middleware } from "openapi-fetch";
import type { paths } from "./schema";
import { problemOf, unreachable } from "./problem";

/** Lives in memory only: a script that survives the page cannot find it. */
let csrfToken: string | null = null;
const etags = new Map<string, string>();
const onSignedOut = new Set<() => void>();

const UNSAFE = new Set(["POST", "PUT", "PATCH", "DELETE"]);

const conversation: Middleware = {
  onRequest({ request }) {
    request.headers.set("Accept", "application/json");
    if (!UNSAFE.has(request.method)) return request;
    for (const [name, value] of Object.entries(csrfHeader())) request.headers.set(name, value);
    if (!request.headers.has("Idempotency-Key")) request.headers.set("Idempotency-Key", crypto.randomUUID());
    return request;
  },
  async onResponse({ request, response }) {
    if (!response.ok) {
      const problem = await problemOf(response);
      const isSignIn = request.method === "POST" && new URL(request.url).pathname === "/api/v1/session";
      if (response.status === 401 && !isSignIn) for (const listener of onSignedOut) listener();
      throw problem;
    }
    const etag = response.headers.get("etag");
    if (etag !== null) etags.set(new URL(request.url).pathname, etag);
    return response;
  },
  onError({ error }) {
    // fetch says TypeError for every failure to reach the server; an abort stays an abort.
    return error instanceof TypeError ? unreachable() : undefined;
  },
};

export const client = createClient<paths>({ baseUrl: globalThis.location?.origin ?? "http://localhost", credentials: "same-origin" });
client.use(conversation);

export function setCsrfToken(token: string | null): void {
  csrfToken = token;
  if (token === null) etags.clear();
}

/** For what does not go through `client`: an upload that tells its progress. */
export const csrfHeader = (): Record<string, string> => (csrfToken === null ? {} : { "X-CSRF-Token": csrfToken });

/** The `If-Match` header for an update: the tag of the copy that the user saw; any copy, when it was never read. */
export const ifMatch = (path: string): { "If-Match": string } => ({ "If-Match": etags.get(path) ?? "*" });

/** Called whenever the server says that the session is over. Returns how to stop listening. */
export function listenSignedOut(listener: () => void): () => void {
  onSignedOut.add(listener);
  return () => onSignedOut.delete(listener);
}

/** Answers of openapi-fetch hold the body or an error; here an error was thrown already. */
export async function bodyOf<T>(answer: Promise<{ data?: T }>): Promise<T> {
  const { data } = await answer;
  // A 204 has no body: its type is undefined, which this cast keeps.
  return data as T;
}

/** Leaves out what is empty: an empty filter is no filter. */
export function given<Q extends object>(query: Q): Q {
  // Removing absent members keeps the type: every member of a query is optional.
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined && value !== "")) as Q;
}
