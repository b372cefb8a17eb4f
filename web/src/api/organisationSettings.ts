/** What an organisation chose of how the platform behaves; every change is a version with its reason. */
import { bodyOf, client, ifMatch } from "./client";
import type { OrganisationSetting, SettingChange, SettingVersion } from "./types";
import { type Act, type Fetched, useAct, useDataFetching } from "./useDataFetching";

const pathOf = (name: string) => ({ path: { name } });

export const useOrganisationSettings = (enabled: boolean): Fetched<OrganisationSetting[]> =>
  useDataFetching(["settings", "list"], async (signal) => (await bodyOf(client.GET("/api/v1/settings", { signal }))).items, { enabled });

/** One, with the tag that a change of it needs. */
export const useOrganisationSetting = (name: string): Fetched<OrganisationSetting> =>
  useDataFetching(["settings", "one", name], (signal) => bodyOf(client.GET("/api/v1/settings/{name}", { params: pathOf(name), signal })), { staleSeconds: 0 });

export const useSettingHistory = (name: string): Fetched<SettingVersion[]> =>
  useDataFetching(["settings", "history", name], async (signal) => (await bodyOf(client.GET("/api/v1/settings/{name}/history", { params: pathOf(name), signal }))).items);

const tagOf = (name: string) => ifMatch(`/api/v1/settings/${name}`);

export const useChangeSetting = (name: string): Act<SettingChange, OrganisationSetting> =>
  useAct((body: SettingChange) => bodyOf(client.PATCH("/api/v1/settings/{name}", { params: { ...pathOf(name), header: tagOf(name) }, body })), [["settings"]]);

export const useRollBackSetting = (name: string): Act<{ version: number; reason: string }, OrganisationSetting> =>
  useAct((body: { version: number; reason: string }) => bodyOf(client.POST("/api/v1/settings/{name}/rollback", { params: { ...pathOf(name), header: tagOf(name) }, body })), [["settings"]]);
