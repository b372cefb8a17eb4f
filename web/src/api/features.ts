/** Feature flags that are meant for the browser, as the server decides them for who is signed in. */
import { bodyOf, client } from "./client";
import { useDataFetching } from "./useDataFetching";

/** Whether a flag is on; undefined until it is known, `otherwise` when the server does not know it or cannot say. */
export function useFeature(key: string, otherwise: boolean): boolean | undefined {
  const { data, isLoading } = useDataFetching(["features"], (signal) => bodyOf(client.GET("/api/v1/flags/evaluated", { signal })), { staleSeconds: 60 });
  const value = data?.values[key];
  return isLoading ? undefined : typeof value === "boolean" ? value : otherwise;
}
