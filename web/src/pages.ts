/** Loads the pages' own chunks, each once, and ahead of time where a click is likely. */
import type { ComponentType } from "react";
import { type AppRoute, routeOf } from "./routes";

const loaded = new Map<string, ComponentType>();

export const pageIfLoaded = (route: AppRoute): ComponentType | undefined => loaded.get(route.name);

export async function loadPage(route: AppRoute): Promise<ComponentType> {
  const page = (await route.load()).default;
  loaded.set(route.name, page);
  return page;
}

/** Fetches what a link leads to while the pointer is still on its way. A failure shows when the page is really opened. */
export function preloadPath(path: string): void {
  const route = routeOf(path);
  if (!loaded.has(route.name)) void loadPage(route).catch(() => undefined);
}
