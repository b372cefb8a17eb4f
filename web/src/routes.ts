/** Every address of the app: who it is for, and which page answers. What its shell carries is in prerender.tsx. */
import type { ComponentType } from "react";

export type Audience = "public" | "patient" | "staff" | "anyone";

export interface AppRoute {
  name: string;
  pattern: string;
  audience: Audience;
  load: () => Promise<{ default: ComponentType }>;
}

export const routes = [
  { name: "sign-in", pattern: "/sign-in", audience: "public", load: () => import("./trust/signin/SignInPage") },
  { name: "today", pattern: "/today", audience: "patient", load: () => import("./care/today/TodayPage") },
  { name: "progress", pattern: "/progress", audience: "patient", load: () => import("./care/progress/ProgressPage") },
  { name: "more", pattern: "/more", audience: "patient", load: () => import("./care/more/MorePage") },
  { name: "overview", pattern: "/overview", audience: "staff", load: () => import("./care/overview/OverviewPage") },
  { name: "patients", pattern: "/patients", audience: "staff", load: () => import("./care/patients/PatientsPage") },
  { name: "chart", pattern: "/patients/:id", audience: "staff", load: () => import("./care/chart/ChartPage") },
  { name: "protocols", pattern: "/protocols", audience: "staff", load: () => import("./care/protocols/LibraryPage") },
  { name: "protocol", pattern: "/protocols/:id", audience: "staff", load: () => import("./care/protocols/ReaderPage") },
  { name: "files", pattern: "/files", audience: "staff", load: () => import("./care/files/FilesPage") },
  { name: "organisation", pattern: "/settings/organisation", audience: "staff", load: () => import("./operations/settings/OrganisationPage") },
  { name: "settings", pattern: "/settings", audience: "staff", load: () => import("./trust/settings/SettingsPage") },
  { name: "flags", pattern: "/settings/flags", audience: "staff", load: () => import("./operations/flags/FlagsPage") },
  // Who opens it is sent on before a page is drawn; a chunk of its own would only cost every shell its hash.
  { name: "home", pattern: "/", audience: "anyone", load: () => import("./trust/signin/NotFoundPage") },
  { name: "not-found", pattern: "/not-found", audience: "anyone", load: () => import("./trust/signin/NotFoundPage") },
] as const satisfies readonly AppRoute[];

export type RouteName = (typeof routes)[number]["name"];

/** A page that is in the table: it cannot be missing. */
const notFound: AppRoute = routes.find((route) => route.name === "not-found")!;

/** The route that answers a path; "not-found" when none does. */
export const routeOf = (path: string): AppRoute => routes.find((route) => matches(route.pattern, path)) ?? notFound;

/** Literal segments and `:name`, as the server matches them (see README.md on pack.json). */
function matches(pattern: string, path: string): boolean {
  const wanted = segments(pattern);
  const given = segments(path);
  return wanted.length === given.length && wanted.every((segment, index) => (segment.startsWith(":") ? given[index] !== "" : segment === given[index]));
}

const segments = (path: string): string[] => path.replace(/\/+$/, "").split("/").slice(1);
