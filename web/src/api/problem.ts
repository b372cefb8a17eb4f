import type { ProblemBody } from "./types";

/** What the server refused, in its own words (RFC 9457), or that it could not be reached (`status` 0). */
export class ApiProblem extends Error {
  override name = "ApiProblem";

  constructor(
    readonly status: number,
    readonly body: ProblemBody,
  ) {
    super(body.title);
  }

  get requestId(): string | undefined {
    return this.body.request_id;
  }

  /** The faults of a body by JSON pointer, in the order the server found them. */
  get faults(): { pointer: string; code: string; detail: string }[] {
    return this.body.errors ?? [];
  }
}

export const unreachable = (): ApiProblem =>
  new ApiProblem(0, {
    title: "No connection",
    status: 0,
    detail: "The server cannot be reached. Check the connection and try again.",
  });

export async function problemOf(response: Response): Promise<ApiProblem> {
  const fallback: ProblemBody = {
    title: response.status >= 500 ? "Something went wrong on our side" : "The request was refused",
    status: response.status,
  };
  const requestId = response.headers.get("x-request-id");
  if (requestId) fallback.request_id = requestId;
  if (!(response.headers.get("content-type") ?? "").includes("json")) return new ApiProblem(response.status, fallback);
  // A proxy may cut an answer short; then its status is all that is known.
  const body: unknown = await response.json().catch(() => null);
  return new ApiProblem(response.status, isProblemBody(body) ? body : fallback);
}

function isProblemBody(body: unknown): body is ProblemBody {
  return typeof body === "object" && body !== null && "title" in body && typeof body.title === "string";
}
