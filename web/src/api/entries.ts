import { useQueryClient } from "@tanstack/react-query";
import { bodyOf, client } from "./client";
import { todayKey } from "./patients";
import type { Entry, EntryInput, Occurrence, Page, Today } from "./types";
import { type Act, type Fetched, useAct, useDataFetching } from "./useDataFetching";

export const useEntries = (patientId: string, pageSize: number): Fetched<Page<Entry>> =>
  useDataFetching(["entries", patientId, pageSize], (signal) =>
    bodyOf(client.GET("/api/v1/entries", { params: { query: { filter: `patient_id = "${patientId}"`, order_by: "recorded_at desc", page_size: pageSize } }, signal })),
  );

interface RecordInput {
  occurrence: Occurrence;
  entry: Omit<EntryInput, "client_id" | "occurrence_id" | "effective_at"> & { client_id?: string; effective_at?: string };
}

/**
 * Records what happened to an occurrence of one day. The day on screen changes at once and goes back when the server
 * refuses; the `client_id` makes a second tap or a retry the same entry.
 */
export function useRecord(patientId: string, date: string | undefined): Act<RecordInput, Entry> {
  const day = useDay(patientId, date);
  return useAct(async ({ occurrence, entry }: RecordInput) => {
    const before = day.mark(occurrence.id, entry.outcome, null);
    try {
      const body: EntryInput = { client_id: crypto.randomUUID(), effective_at: new Date().toISOString(), ...entry, occurrence_id: occurrence.id };
      // One entry is answered by an entry; a list of results answers a list.
      const recorded = (await bodyOf(client.POST("/api/v1/entries", { body }))) as Entry;
      day.mark(occurrence.id, entry.outcome, recorded.id);
      return recorded;
    } catch (error) {
      day.restore(before);
      throw error;
    } finally {
      day.refresh();
    }
  });
}

/** Takes an entry back. The record keeps both; the occurrence is to be done again. */
export function useRetract(patientId: string, date: string | undefined): Act<{ occurrence: Occurrence; entryId: string }, Entry> {
  const day = useDay(patientId, date);
  return useAct(async ({ occurrence, entryId }: { occurrence: Occurrence; entryId: string }) => {
    const before = day.mark(occurrence.id, stateWithoutEntry(occurrence), null);
    try {
      return await bodyOf(client.DELETE("/api/v1/entries/{entry_id}", { params: { path: { entry_id: entryId } } }));
    } catch (error) {
      day.restore(before);
      throw error;
    } finally {
      day.refresh();
    }
  });
}

const isDone = (state: Occurrence["state"]) => state === "completed" || state === "skipped";

/** Mirrors care-rules §3.3 for the moment between the tap and the server's answer. */
function stateWithoutEntry(occurrence: Occurrence): Occurrence["state"] {
  const now = Date.now();
  if (now < Date.parse(occurrence.opens_at)) return "not_yet_open";
  return now < Date.parse(occurrence.closes_at) ? "open" : "missed";
}

function useDay(patientId: string, date: string | undefined) {
  const queries = useQueryClient();
  const key = todayKey(patientId, date);
  return {
    mark(occurrenceId: string, state: Occurrence["state"], entryId: string | null): Today | undefined {
      // A fetch that is under way would put the old day back over this one.
      void queries.cancelQueries({ queryKey: key });
      const before = queries.getQueryData<Today>(key);
      if (before === undefined) return undefined;
      const occurrences = before.occurrences.map((occurrence) => (occurrence.id === occurrenceId ? { ...occurrence, state, entry_id: entryId } : occurrence));
      queries.setQueryData<Today>(key, { ...before, occurrences, done: occurrences.filter((occurrence) => isDone(occurrence.state)).length });
      return before;
    },
    restore(before: Today | undefined) {
      if (before !== undefined) queries.setQueryData<Today>(key, before);
    },
    refresh() {
      for (const touched of [["patients", patientId], ["entries"], ["assignments"], ["adherence"]]) void queries.invalidateQueries({ queryKey: touched });
    },
  };
}
