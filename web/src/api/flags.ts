/** Feature flags: what is decided for everybody and for one's own organisation. */
import { bodyOf, client } from "./client";
import type { Flag, FlagChange, FlagVersion, RolloutStart, StaleFlag, WatchedRollout } from "./types";
import { type Act, type Fetched, useAct, useDataFetching } from "./useDataFetching";

const ROLLOUT_POLL_MS = 2_000;

export const useFlags = (): Fetched<Flag[]> => useDataFetching(["flags", "list"], async (signal) => (await bodyOf(client.GET("/api/v1/flags", { signal }))).items);

const pathOf = (key: string) => ({ path: { flag_key: key } });

export const useFlag = (key: string): Fetched<Flag> => useDataFetching(["flags", "one", key], (signal) => bodyOf(client.GET("/api/v1/flags/{flag_key}", { params: pathOf(key), signal })));

export const useFlagHistory = (key: string): Fetched<FlagVersion[]> =>
  useDataFetching(["flags", "history", key], async (signal) => (await bodyOf(client.GET("/api/v1/flags/{flag_key}/history", { params: pathOf(key), signal }))).items);

export const useStaleFlags = (enabled: boolean): Fetched<StaleFlag[]> =>
  useDataFetching(["flags", "stale"], async (signal) => (await bodyOf(client.GET("/api/v1/flags/stale", { params: { query: {} }, signal }))).items, { enabled });

/** The latest rollout with its evidence; asked for again every two seconds while it runs. */
export const useRollout = (key: string, enabled: boolean): Fetched<WatchedRollout> =>
  useDataFetching(["flags", "rollout", key], (signal) => bodyOf(client.GET("/api/v1/flags/{flag_key}/rollout", { params: pathOf(key), signal })), {
    enabled,
    staleSeconds: 1,
    pollMs: (watched) => ((watched as WatchedRollout | undefined)?.rollout.status === "running" ? ROLLOUT_POLL_MS : false),
  });

/** Changes the flag that was read at `revision`: refused when somebody else changed it meanwhile, however new what is on screen is by now. */
export const useChangeFlag = (key: string, revision: number): Act<FlagChange, Flag> =>
  useAct((change: FlagChange) => bodyOf(client.PATCH("/api/v1/flags/{flag_key}", { params: { ...pathOf(key), header: { "If-Match": `"r${revision}"` } }, body: change })), [["flags"]]);

export const useSwitchFlag = (key: string, command: "kill" | "revive"): Act<string, Flag> =>
  useAct((reason: string) => bodyOf(client.POST(`/api/v1/flags/{flag_key}/${command}`, { params: pathOf(key), body: { reason } })), [["flags"]]);

export const useStartRollout = (key: string): Act<RolloutStart, WatchedRollout> =>
  useAct((body: RolloutStart) => bodyOf(client.POST("/api/v1/flags/{flag_key}/rollout", { params: pathOf(key), body })), [["flags"]]);

/** What may be done to a running rollout of one's organisation. */
export type RolloutTurn = "pause" | "resume" | "stop" | "rollback";

export const useTurnRollout = (key: string, turn: RolloutTurn): Act<string, WatchedRollout> =>
  useAct((reason: string) => bodyOf(client.POST(`/api/v1/flags/{flag_key}/rollout/${turn}`, { params: pathOf(key), body: { reason } })), [["flags"]]);
