import "./ui/ui.css";
import { QueryClientProvider, type QueryClient, useQueryClient } from "@tanstack/react-query";
import { type ComponentType, lazy, Suspense, useEffect, useRef, useState } from "react";
import { Redirect, Route, Router, useLocation, useSearchParams } from "wouter";
import { listenSignedOut } from "./api/client";
import { AccountContext, PermissionContext, SESSION_KEY, useSession } from "./api/session";
import type { Account } from "./api/types";
import { ErrorBoundary } from "./errors";
import { Frame, type FrameKind } from "./frame/Frame";
import { loadPage, pageIfLoaded } from "./pages";
import { type AppRoute, routeOf } from "./routes";
import { clearDrafts } from "./ui/drafts";
import { countNavigation } from "./ui/navigation";
import { ErrorState } from "./ui/States";
import { ToastProvider } from "./ui/Toast";

const AssignDialog = lazy(() => import("./care/assignments/AssignDialog"));
const EditPatient = lazy(() => import("./care/patients/EditPatient"));
const StaffKeys = lazy(() => import("./frame/StaffKeys"));

export function App({ queries }: { queries: QueryClient }) {
  return (
    <QueryClientProvider client={queries}>
      <Router>
        <ToastProvider>
          <Gate />
        </ToastProvider>
      </Router>
    </QueryClientProvider>
  );
}

const NOTHING: readonly string[] = [];

const homeOf = (account: Account): string => (account.role === "patient" ? "/today" : account.role === "auditor" ? "/settings" : "/overview");

const frameOf = (account: Account | undefined): FrameKind => (account === undefined ? "public" : account.role === "patient" ? "patient" : "staff");

/** Lets everyone see the pages that are for them, and sends them where they belong. */
function Gate() {
  const [path] = useLocation();
  const [parameters] = useSearchParams();
  const session = useSession();
  const route = routeOf(path);
  const account = session.data?.account;
  useSessionEnd(account?.id);
  useNavigationEffects(path);
  if (session.data === undefined) {
    return <Frame kind="public">{session.problem ? <ErrorState fault={session.problem} retry={session.retry} /> : undefined}</Frame>;
  }
  const target = redirectOf(route, account, path, parameters);
  if (target !== null) return <Redirect to={target} replace />;
  const isStaff = frameOf(account) === "staff";
  return (
    <AccountContext.Provider value={account ?? null}>
      <PermissionContext.Provider value={session.data?.permissions ?? NOTHING}>
      <Frame kind={route.audience === "public" ? "public" : frameOf(account)} account={account}>
        <ErrorBoundary resetKey={path}>
          {/* A page of one session is never shown to the next, nor to nobody. */}
          <RoutePage key={account?.id ?? ""} route={route} />
        </ErrorBoundary>
        <Suspense fallback={null}>
          {isStaff ? <StaffKeys /> : null}
          {isStaff && parameters.has("assign") ? <AssignDialog /> : null}
          {isStaff && parameters.has("edit-patient") ? <EditPatient /> : null}
        </Suspense>
      </Frame>
      </PermissionContext.Provider>
    </AccountContext.Provider>
  );
}

function redirectOf(route: AppRoute, account: Account | undefined, path: string, parameters: URLSearchParams): string | null {
  if (account === undefined) {
    if (route.audience === "public") return null;
    return path === "/" ? "/sign-in" : `/sign-in?next=${encodeURIComponent(path)}`;
  }
  const kind = frameOf(account);
  if (route.audience === "public") return nextPath(parameters.get("next"), kind) ?? homeOf(account);
  if (route.name === "home" || (route.audience !== "anyone" && route.audience !== kind)) return homeOf(account);
  return null;
}

/** Where someone wanted to go before signing in: a page of this app that is for them, nothing else. */
function nextPath(next: string | null, kind: FrameKind): string | null {
  if (next === null || !next.startsWith("/") || next.startsWith("//")) return null;
  return routeOf(next).audience === kind ? next : null;
}

/** Shows a route's page; the page before it stays until the new one's code is here. */
function RoutePage({ route }: { route: AppRoute }) {
  const [shown, setShown] = useState<{ route: AppRoute; page: ComponentType } | null>(() => {
    const page = pageIfLoaded(route);
    return page ? { route, page } : null;
  });
  const [failure, setFailure] = useState<Error | null>(null);
  useEffect(() => {
    let isCurrent = true;
    loadPage(route).then(
      (page) => isCurrent && setShown({ route, page }),
      (error: Error) => isCurrent && setFailure(error),
    );
    return () => {
      isCurrent = false;
    };
  }, [route]);
  if (failure) throw failure;
  const ready = pageIfLoaded(route);
  const view = ready ? { route, page: ready } : shown;
  if (view === null) return <div className="page frame-wait" />;
  const Page = view.page;
  return view.route.name === "not-found" ? (
    <Page />
  ) : (
    <Route path={view.route.pattern}>
      <Page />
    </Route>
  );
}

function useSessionEnd(accountId: string | undefined): void {
  const queries = useQueryClient();
  const former = useRef<string | undefined>(undefined);
  useEffect(() => listenSignedOut(() => queries.setQueryData(SESSION_KEY, null)), [queries]);
  useEffect(() => {
    // The same person who signs in again after an interruption finds the drafts; another one does not.
    if (accountId !== undefined && former.current !== undefined && former.current !== accountId) clearDrafts();
    if (accountId !== undefined) former.current = accountId;
  }, [accountId]);
}

function useNavigationEffects(path: string): void {
  const isBack = useRef(false);
  useEffect(() => {
    const onPop = () => {
      isBack.current = true;
    };
    window.addEventListener("popstate", onPop);
    return () => window.removeEventListener("popstate", onPop);
  }, []);
  useEffect(() => {
    countNavigation();
    if (!isBack.current) window.scrollTo(0, 0);
    isBack.current = false;
  }, [path]);
}
