import type { Plugin } from "vite";
import { handleApi } from "./serve";

/** `npm run dev:mock`: the development server with the mock API. */
export function mockApi(): Plugin {
  return {
    name: "healthprotocol:mock-api",
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        if (request.url?.startsWith("/api/")) handleApi(request, response).catch(next);
        else next();
      });
    },
  };
}
