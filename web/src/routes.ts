/** Every address of the app: who it is for, which page answers, what that page asks the server first. */
import type { ComponentType } from "react";

export type Audience = "public" | "patient" | "staff" | "anyone";

export interface AppRoute {
  name: string;
  pattern: string;
  /** The document's title before the page has loaded; pages set their own. */
  title: string;
  audience: Audience;
  /** The page's module from the root of web/, as the build knows it; a test holds it equal to what `load` imports. */
  module: string;
  load: () => Promise<{ default: ComponentType }>;
  preload?: string;
}

const SESSION = "/api/v1/session";

export const routes: readonly AppRoute[] = [
  { name: "sign-in", pattern: "/sign-in", title: "Sign in · HealthProtocol", audience: "public", module: "src/trust/signin/SignInPage.tsx", load: () => import("./trust/signin/SignInPage") },
  { name: "today", pattern: "/today", title: "Today · HealthProtocol", audience: "patient", module: "src/care/today/TodayPage.tsx", load: () => import("./care/today/TodayPage"), preload: SESSION },
  { name: "progress", pattern: "/progress", title: "Progress · HealthProtocol", audience: "patient", module: "src/care/progress/ProgressPage.tsx", load: () => import("./care/progress/ProgressPage"), preload: SESSION },
  { name: "more", pattern: "/more", title: "More · HealthProtocol", audience: "patient", module: "src/care/more/MorePage.tsx", load: () => import("./care/more/MorePage"), preload: SESSION },
  { name: "overview", pattern: "/overview", title: "Overview · HealthProtocol", audience: "staff", module: "src/care/overview/OverviewPage.tsx", load: () => import("./care/overview/OverviewPage"), preload: SESSION },
  { name: "patients", pattern: "/patients", title: "Patients · HealthProtocol", audience: "staff", module: "src/care/patients/PatientsPage.tsx", load: () => import("./care/patients/PatientsPage"), preload: SESSION },
  { name: "chart", pattern: "/patients/:id", title: "Patient chart · HealthProtocol", audience: "staff", module: "src/care/chart/ChartPage.tsx", load: () => import("./care/chart/ChartPage"), preload: SESSION },
  { name: "protocols", pattern: "/protocols", title: "Protocols · HealthProtocol", audience: "staff", module: "src/care/protocols/LibraryPage.tsx", load: () => import("./care/protocols/LibraryPage"), preload: SESSION },
  { name: "protocol", pattern: "/protocols/:id", title: "Protocol · HealthProtocol", audience: "staff", module: "src/care/protocols/ReaderPage.tsx", load: () => import("./care/protocols/ReaderPage"), preload: SESSION },
  { name: "settings", pattern: "/settings", title: "Settings · HealthProtocol", audience: "staff", module: "src/trust/settings/SettingsPage.tsx", load: () => import("./trust/settings/SettingsPage"), preload: SESSION },
  { name: "home", pattern: "/", title: "HealthProtocol", audience: "anyone", module: "src/trust/signin/HomePage.tsx", load: () => import("./trust/signin/HomePage"), preload: SESSION },
  { name: "not-found", pattern: "/not-found", title: "Not found · HealthProtocol", audience: "anyone", module: "src/trust/signin/NotFoundPage.tsx", load: () => import("./trust/signin/NotFoundPage") },
];

export const routeNamed = (name: string): AppRoute => {
  const found = routes.find((route) => route.name === name);
  if (found === undefined) throw new Error(`no route is named ${name}`);
  return found;
};

/** The route that answers a path; "not-found" when none does. */
export function routeOf(path: string): AppRoute {
  return routes.find((route) => matches(route.pattern, path)) ?? routeNamed("not-found");
}

/** Literal segments and `:name`, as the server matches them (see README.md on pack.json). */
function matches(pattern: string, path: string): boolean {
  const wanted = segments(pattern);
  const given = segments(path);
  return wanted.length === given.length && wanted.every((segment, index) => (segment.startsWith(":") ? given[index] !== "" : segment === given[index]));
}

const segments = (path: string): string[] => path.replace(/\/+$/, "").split("/").slice(1);
