/** Run at build time only: draws the frame of each route for its shell. Nothing here knows a person. */
import { renderToStaticMarkup } from "react-dom/server";
import { Router } from "wouter";
import { Frame } from "./frame/Frame";
import { type AppRoute, routeNamed } from "./routes";

export { routes } from "./routes";

export function renderFrame(name: string): string {
  const route = routeNamed(name);
  return renderToStaticMarkup(
    <Router ssrPath={route.pattern}>
      <Frame kind={frameKind(route)} />
    </Router>,
  );
}

const frameKind = (route: AppRoute) => (route.audience === "anyone" ? "public" : route.audience);
