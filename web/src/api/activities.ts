import { useQueries } from "@tanstack/react-query";
import { bodyOf, client } from "./client";
import type { Activity, Assignment, Protocol, Today } from "./types";

interface Planned {
  assignment_id: string;
  activity_key: string;
  planned_local: string;
}

const PLAN_FRESH_MS = 300_000;

/** What the day itself says its activities ask. */
export function activitiesOf(day: Pick<Today, "activities">): (occurrence: Planned) => Activity | undefined {
  const known = new Map(
    day.activities.map((activity) => [`${activity.assignment_id}/${activity.activity_key}`, { ...activity, key: activity.activity_key }]),
  );
  return ({ assignment_id, activity_key }) => known.get(`${assignment_id}/${activity_key}`);
}

/** What the protocols in force say about some occurrences: instructions, what is measured, which questions. */
export function useActivities(occurrences: readonly Planned[]): (occurrence: Planned) => Activity | undefined {
  const assignmentIds = [...new Set(occurrences.map((occurrence) => occurrence.assignment_id))];
  const assignments = useQueries({
    queries: assignmentIds.map((id) => ({
      queryKey: ["assignments", id, "record"],
      queryFn: () => bodyOf<Assignment>(client.GET("/api/v1/assignments/{assignment_id}", { params: { path: { assignment_id: id } } })),
      staleTime: PLAN_FRESH_MS,
    })),
  });
  const byId = new Map(assignments.flatMap(({ data }) => (data ? [[data.id, data] as const] : [])));
  const wanted = new Map<string, { id: string; version: number }>();
  for (const occurrence of occurrences) {
    const assignment = byId.get(occurrence.assignment_id);
    if (assignment === undefined) continue;
    const version = versionInForce(assignment, occurrence.planned_local.slice(0, 10));
    wanted.set(`${assignment.protocol_id}/${version}`, { id: assignment.protocol_id, version });
  }
  const plans = useQueries({
    queries: [...wanted.values()].map(({ id, version }) => ({
      queryKey: ["protocols", id, "version", version],
      queryFn: () => bodyOf<Protocol>(client.GET("/api/v1/protocols/{protocol_id}/versions/{version}", { params: { path: { protocol_id: id, version } } })),
      staleTime: PLAN_FRESH_MS,
    })),
  });
  const protocols = new Map([...wanted.keys()].map((key, index) => [key, plans[index]?.data] as const));
  return (occurrence) => {
    const assignment = byId.get(occurrence.assignment_id);
    if (assignment === undefined) return undefined;
    const plan = protocols.get(`${assignment.protocol_id}/${versionInForce(assignment, occurrence.planned_local.slice(0, 10))}`);
    return plan?.phases.flatMap((phase) => phase.activities ?? []).find((activity) => activity.key === occurrence.activity_key);
  };
}

/** Mirrors care-rules §1.3: the segment in force on a day says the version. */
export function versionInForce(assignment: Pick<Assignment, "version" | "segments">, day: string): number {
  const begun = assignment.segments.filter((segment) => segment.from_on <= day);
  return begun.at(-1)?.version ?? assignment.segments[0]?.version ?? assignment.version;
}
