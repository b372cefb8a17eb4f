import "./frame.css";
import { QueryClient } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { ApiProblem } from "./api/problem";
import { fetchSession, SESSION_KEY } from "./api/session";
import { reloadAfterDeploy } from "./errors";
import { loadPage } from "./pages";
import { routeOf } from "./routes";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // A refusal stays one; only a lost connection or a struggling server is asked again.
      retry: (count, error) => count < 2 && error instanceof ApiProblem && (error.status === 0 || error.status >= 502),
      refetchOnWindowFocus: true,
    },
    mutations: { retry: false },
  },
});

async function start(): Promise<void> {
  reloadAfterDeploy();
  // A page that the browser kept for its Back button may show what a session since ended could read.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
  const root = document.getElementById("app");
  if (root === null) throw new Error("the document has no #app");
  // The prerendered frame stays until page and session are here, so it is replaced by itself with its content.
  await Promise.allSettled([loadPage(routeOf(location.pathname)), queries.prefetchQuery({ queryKey: SESSION_KEY, queryFn: fetchSession, staleTime: 300_000 })]);
  root.replaceChildren();
  createRoot(root).render(<App queries={queries} />);
}

void start();
