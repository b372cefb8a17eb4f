import { useRecord, useRetract } from "@/api/entries";
import type { ApiProblem } from "@/api/problem";
import type { Entry, EntryInput, Occurrence } from "@/api/types";
import { useToast } from "@/ui/Toast";

export interface DayActs {
  /** Marks it done; the day changes at once, Undo is offered for ten seconds and stays on the item. */
  complete: (occurrence: Occurrence, extra?: Partial<EntryInput>) => Promise<Entry | undefined>;
  skip: (occurrence: Occurrence, reason: string) => Promise<Entry | undefined>;
  undo: (occurrence: Occurrence) => Promise<void>;
  problem: ApiProblem | null;
  isRunning: boolean;
  reset: () => void;
}

export function useDayActs(patientId: string, date: string | undefined): DayActs {
  const record = useRecord(patientId, date);
  const retract = useRetract(patientId, date);
  const toast = useToast();
  const undoEntry = async (occurrence: Occurrence, entryId: string) => {
    const taken = await retract.run({ occurrence, entryId });
    toast(taken ? { message: `Taken back: ${occurrence.title}` } : { tone: "danger", message: `${occurrence.title} could not be taken back. Try again in a moment.` });
  };
  const recorded = (occurrence: Occurrence, entry: Entry | undefined, word: string) => {
    if (entry) toast({ message: `${word}: ${occurrence.title}`, undo: () => void undoEntry(occurrence, entry.id) });
    return entry;
  };
  return {
    complete: async (occurrence, extra = {}) => {
      const entry = await record.run({ occurrence, entry: { ...extra, outcome: "completed" } });
      const isPlain = extra.values === undefined && extra.answers === undefined;
      // A dialog shows its own refusal; the one-tap button has no other place than a toast.
      if (entry === undefined && isPlain) toast({ tone: "danger", message: `${occurrence.title} was not saved. Check the connection and try again.` });
      return recorded(occurrence, entry, "Done");
    },
    skip: async (occurrence, reason) => recorded(occurrence, await record.run({ occurrence, entry: { outcome: "skipped", reason } }), "Skipped"),
    undo: async (occurrence) => {
      if (occurrence.entry_id) await undoEntry(occurrence, occurrence.entry_id);
    },
    problem: record.problem,
    isRunning: record.isRunning,
    reset: record.reset,
  };
}
