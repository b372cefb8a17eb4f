import { addDays } from "@/format/dates";
import { bodyOf, client, given, ifMatch } from "./client";
import type { Adherence, AdherenceRow, MeasurementPoint, Page, Patient, PatientInput, PatientRow, Today } from "./types";
import { type Act, type Fetched, useAct, useDataFetching } from "./useDataFetching";

/** A few patients for a chooser. */
export function usePatientMatches(q: string, enabled: boolean): Fetched<Page<PatientRow>> {
  return useDataFetching(["patients", "matches", q], (signal) => bodyOf(client.GET("/api/v1/patients", { params: { query: given({ q, page_size: 8 }) }, signal })), {
    enabled,
    keepsPrevious: true,
  });
}

export const usePatient = (id: string, enabled = true): Fetched<Patient> =>
  useDataFetching(["patients", id, "record"], (signal) => bodyOf(client.GET("/api/v1/patients/{patient_id}", { params: { path: { patient_id: id } }, signal })), { enabled });

export const useToday = (patientId: string, date: string | undefined): Fetched<Today> =>
  useDataFetching(todayKey(patientId, date), (signal) => bodyOf(client.GET("/api/v1/patients/{patient_id}/today", { params: { path: { patient_id: patientId }, query: { date } }, signal })), {
    keepsPrevious: false,
  });

export const todayKey = (patientId: string, date: string | undefined) => ["patients", patientId, "today", date ?? ""] as const;

export const usePatientAdherence = (id: string, span: { from: string; to: string }): Fetched<Adherence> =>
  useDataFetching(["patients", id, "adherence", span], (signal) => bodyOf(client.GET("/api/v1/patients/{patient_id}/adherence", { params: { path: { patient_id: id }, query: span }, signal })), {
    keepsPrevious: true,
  });

export const useMeasurements = (id: string, span: { from: string; to: string }): Fetched<MeasurementPoint[]> =>
  useDataFetching(
    ["patients", id, "measurements", span],
    async (signal) => (await bodyOf(client.GET("/api/v1/patients/{patient_id}/measurements", { params: { path: { patient_id: id }, query: span }, signal }))).items,
    { keepsPrevious: true },
  );

export function useAdherenceRows(query: { group_by: "patient" | "protocol" | "assignment"; page_size: number; days?: number; today: string }, enabled = true): Fetched<Page<AdherenceRow>> {
  const { today, days = 28, ...rest } = query;
  return useDataFetching(
    ["adherence", query],
    (signal) => bodyOf(client.GET("/api/v1/adherence", { params: { query: { ...rest, order_by: "ratio", from: addDays(today, -days), to: today } }, signal })),
    { enabled },
  );
}

export function useSavePatient(id: string | null): Act<PatientInput & { time_zone: string }, Patient> {
  return useAct(
    (input: PatientInput & { time_zone: string }) =>
      id === null
        ? bodyOf(client.POST("/api/v1/patients", { body: input }))
        : bodyOf(client.PATCH("/api/v1/patients/{patient_id}", { params: { path: { patient_id: id }, header: ifMatch(`/api/v1/patients/${id}`) }, body: input })),
    [["patients"]],
  );
}

export function useArchivePatient(id: string): Act<void, unknown> {
  return useAct(() => bodyOf(client.DELETE("/api/v1/patients/{patient_id}", { params: { path: { patient_id: id } }, headers: ifMatch(`/api/v1/patients/${id}`) })), [["patients"]]);
}
