/** Run at build time only: says what the shell of each route carries, and draws its frame. Nothing here knows a person. */
import { renderToStaticMarkup } from "react-dom/server";
import { Router } from "wouter";
import { Frame } from "./frame/Frame";
import { type RouteName, routes as table } from "./routes";

interface Shell {
  /** The document's title until the page sets its own. */
  title: string;
  /** The page's module from the root of web/, as the build knows it; a test holds it equal to what the route loads. */
  module: string;
  /** What the page asks the server first: fetched beside the scripts. */
  preload?: string;
}

const SESSION = "/api/v1/session";

const SHELLS: Record<RouteName, Shell> = {
  "sign-in": { title: "Sign in", module: "src/trust/signin/SignInPage.tsx" },
  today: { title: "Today", module: "src/care/today/TodayPage.tsx", preload: SESSION },
  progress: { title: "Progress", module: "src/care/progress/ProgressPage.tsx", preload: SESSION },
  more: { title: "More", module: "src/care/more/MorePage.tsx", preload: SESSION },
  overview: { title: "Overview", module: "src/care/overview/OverviewPage.tsx", preload: SESSION },
  patients: { title: "Patients", module: "src/care/patients/PatientsPage.tsx", preload: SESSION },
  chart: { title: "Patient chart", module: "src/care/chart/ChartPage.tsx", preload: SESSION },
  protocols: { title: "Protocols", module: "src/care/protocols/LibraryPage.tsx", preload: SESSION },
  protocol: { title: "Protocol", module: "src/care/protocols/ReaderPage.tsx", preload: SESSION },
  files: { title: "Import and export", module: "src/care/files/FilesPage.tsx", preload: SESSION },
  organisation: { title: "Organisation", module: "src/operations/settings/OrganisationPage.tsx", preload: SESSION },
  settings: { title: "Settings", module: "src/trust/settings/SettingsPage.tsx", preload: SESSION },
  flags: { title: "Feature flags", module: "src/operations/flags/FlagsPage.tsx", preload: SESSION },
  home: { title: "HealthProtocol", module: "src/trust/signin/NotFoundPage.tsx", preload: SESSION },
  "not-found": { title: "Not found", module: "src/trust/signin/NotFoundPage.tsx" },
};

export const routes = table.map(({ name, pattern, audience, load }) => ({ name, pattern, audience, load, ...SHELLS[name] }));

export function renderFrame(name: string): string {
  const route = routes.find((candidate) => candidate.name === name);
  if (route === undefined) throw new Error(`no route is named ${name}`);
  return renderToStaticMarkup(
    <Router ssrPath={route.pattern}>
      <Frame kind={route.audience === "anyone" ? "public" : route.audience} />
    </Router>,
  );
}
