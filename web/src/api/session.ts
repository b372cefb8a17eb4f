import { useQueryClient } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import { bodyOf, client, setCsrfToken } from "./client";
import { ApiProblem } from "./problem";
import type { Account, Session } from "./types";
import { type Act, type Fetched, useAct, useDataFetching } from "./useDataFetching";

export const SESSION_KEY = ["session"] as const;

/** The session, or null when nobody is signed in. */
export async function fetchSession(): Promise<Session | null> {
  try {
    const session = await bodyOf(client.GET("/api/v1/session"));
    setCsrfToken(session.csrf_token);
    return session;
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 401) return null;
    throw error;
  }
}

export const useSession = (): Fetched<Session | null> => useDataFetching<Session | null>(SESSION_KEY, fetchSession, { staleSeconds: 300 });

/** Given by the gate to the pages below it: they see one account as long as they are shown, and hear of no other. */
export const AccountContext = createContext<Account | null>(null);

export const PermissionContext = createContext<readonly string[]>([]);

/** The account on screen. Pages are shown to signed-in people only, so it is there. */
export function useAccount(): Account {
  const account = useContext(AccountContext);
  if (account === null) throw new Error("a page was shown without a session");
  return account;
}

/** Whether the account may do something: what is not allowed is not offered. The server decides all the same. */
export function useMay(permission: string): boolean {
  return useContext(PermissionContext).includes(permission);
}

export function useSignIn(): Act<{ email: string; password: string }, Session> {
  const queries = useQueryClient();
  return useAct(async (credentials: { email: string; password: string }) => {
    const session = await bodyOf(client.POST("/api/v1/session", { body: credentials }));
    setCsrfToken(session.csrf_token);
    queries.removeQueries({ predicate: (query) => query.queryKey[0] !== "session" });
    queries.setQueryData<Session | null>(SESSION_KEY, session);
    return session;
  });
}

export function useSignOut(): Act<void, void> {
  const queries = useQueryClient();
  return useAct(async () => {
    await client.DELETE("/api/v1/session");
    forgetSession(queries);
    // A whole new document: nothing of the session stays in the memory of this one, drafts neither.
    location.assign("/sign-in");
  });
}

/** Drops everything that the session let this device read. */
export function forgetSession(queries: ReturnType<typeof useQueryClient>): void {
  setCsrfToken(null);
  queries.removeQueries({ predicate: (query) => query.queryKey[0] !== "session" });
  queries.setQueryData(SESSION_KEY, null);
}
