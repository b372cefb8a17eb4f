import type { TestProject } from "vitest/node";
import { startServer } from "../mock-api/serve";

declare module "vitest" {
  interface ProvidedContext {
    baseUrl: string;
    isMock: boolean;
  }
}

/** Tests run against `HP_BASE_URL`; without it against the packed build with the mock API. */
export default async function setup(project: TestProject): Promise<() => void> {
  const given = process.env["HP_BASE_URL"];
  if (given) {
    project.provide("baseUrl", given.replace(/\/$/, ""));
    project.provide("isMock", false);
    return () => undefined;
  }
  const server = await startServer(0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the mock server has no port");
  project.provide("baseUrl", `http://127.0.0.1:${address.port}`);
  project.provide("isMock", true);
  return () => {
    server.closeAllConnections();
    server.close();
  };
}
