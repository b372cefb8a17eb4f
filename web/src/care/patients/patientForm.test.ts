import { describe, expect, it } from "vitest";
import { faultsByField, missingFields, NUMBER_SYSTEM, toDraft, toInput } from "./patientForm";

const weser = {
  id: "1", given_name: "Anna", family_name: "Weser", birth_date: "1960-04-01", sex: "female" as const, email: null, phone: null, time_zone: "Europe/Berlin", address: null, language: null,
  identifiers: [{ system: "urn:mrn", value: "40017" }, { system: "urn:other", value: "x" }], status: "active" as const, created_at: "", updated_at: "",
};

describe("the patient form", () => {
  it("keeps what it does not show", () => {
    const input = toInput(toDraft(weser, "UTC"));

    expect(input.identifiers).toEqual(weser.identifiers);
    expect(input.email).toBeNull();
  });

  it("changes the number inside its own system", () => {
    const draft = { ...toDraft(weser, "UTC"), number: "40018" };

    expect(toInput(draft).identifiers?.[0]).toEqual({ system: "urn:mrn", value: "40018" });
  });

  it("gives a new patient's number our system, and none for no number", () => {
    expect(toInput({ ...toDraft(null, "UTC"), number: " 7 " }).identifiers).toEqual([{ system: NUMBER_SYSTEM, value: "7" }]);
    expect(toInput(toDraft(null, "UTC")).identifiers).toEqual([]);
  });

  it("names what is missing", () => {
    expect(Object.keys(missingFields(toDraft(null, "UTC")))).toEqual(["given_name", "family_name", "birth_date"]);
  });

  it("puts the server's faults at their fields", () => {
    expect(faultsByField([{ pointer: "/identifiers/0/value", detail: "It is taken." }, { pointer: "/birth_date", detail: "It is in the future." }])).toEqual({ identifiers: "It is taken.", birth_date: "It is in the future." });
  });
});
