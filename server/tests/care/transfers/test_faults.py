"""A line tells all that stands against it at once, and its report whom it discloses."""

from typing import Any

import msgspec
import pytest

from healthprotocol.care.transfers import service
from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.db.transaction import Database
from tests.care.transfers.files import ENTRY_COLUMNS, TEMPERATURE, Ward, csv_of, make_ward
from tests.care.transfers.test_importing import PEOPLE, PERSON_COLUMNS
from tests.support.people import Organisation


@pytest.fixture
async def ward(database: Database, organisation: Organisation) -> Ward:
    return await make_ward(database, organisation)


async def faults(ward: Ward, noun: Any, lines: list[dict[str, Any]], **more: Any) -> list[tuple[int, str]]:
    body = b"\n".join(msgspec.json.encode(line) for line in lines)
    result = await ward.bring(noun, body, **more)
    assert result["created"] == 0
    return sorted((one["line"], one["field"]) for one in result["faults"])


class TestFaultsOfALine:
    async def test_of_a_patient_are_those_of_its_shape_and_of_what_it_says(self, ward: Ward) -> None:
        line = {"given_name": "<b>", "family_name": 7, "birth_date": "soon", "email": "at", "time_zone": "Mars"}

        found = await faults(ward, "patients", [line])

        assert found == [(1, "birth_date"), (1, "email"), (1, "family_name"), (1, "given_name"), (1, "time_zone")]

    async def test_of_a_plan_are_those_of_everything_that_it_names(self, ward: Ward) -> None:
        far = {"protocol_title": "Heart at home", "starts_on": "2001-01-01", "patient_client_id": "nobody"}
        both = {"protocol_title": "Nothing", "starts_on": "2026-01-01", "patient_client_id": "nobody"}
        shape = {**far, "version": "newest", "time_zone": 5}

        found = await faults(ward, "assignments", [far, both, shape])

        assert found == [
            (1, "patient_client_id"), (1, "starts_on"),
            (2, "patient_client_id"), (2, "protocol_title"),
            (3, "patient_client_id"), (3, "starts_on"), (3, "time_zone"), (3, "version"),
        ]  # fmt: skip

    async def test_of_an_entry_are_those_of_its_shape_and_of_its_values(self, ward: Ward) -> None:
        [line] = ward.entries(1)
        value = {"code": TEMPERATURE, "value": 99, "unit": "Cel"}
        line["planned_local"] += ":00"

        found = await faults(ward, "entries", [{**line, **value, "client_id": "none", "slot": "second"}])

        assert found == [(1, "client_id"), (1, "slot"), (1, "value")]
        assert await ward.count("entry") == 0

    async def test_of_an_entry_say_nothing_of_a_place_that_is_not_known(self, ward: Ward) -> None:
        [line] = ward.entries(1)

        found = await faults(ward, "entries", [{**line, "planned_local": "yesterday", "assignment_id": 5}])

        assert found == [(1, "assignment_id"), (1, "planned_local")]

    async def test_that_are_found_together_do_not_stop_the_lines_around_them(self, ward: Ward) -> None:
        lines = [dict(one) for one in ward.entries(30)]
        for number in range(0, 30, 3):
            lines[number] |= {"value": 99, "slot": "second"}

        result = await ward.bring("entries", csv_of([*ENTRY_COLUMNS, "slot"], lines))

        assert (result["created"], result["failed"]) == (20, 10)
        assert {one["field"] for one in result["faults"]} == {"slot", "value"}


async def read_subjects(ward: Ward, action: str) -> set[Any]:
    events = await ward.rows("select subject_ids from audit_event where action = $1", action)
    return {subject_id for event in events for subject_id in event["subject_ids"]}


class TestReport:
    async def test_of_entries_names_those_whose_plans_stand_in_it(self, ward: Ward) -> None:
        lines = [dict(one) for one in ward.entries(3)]
        lines[0]["value"] = "warm"
        lines[1]["planned_local"] = "2020-01-01T08:00"
        operation = await ward.begin("entries", csv_of(ENTRY_COLUMNS, lines))
        await ward.driven(operation)

        await ward.report(operation)

        assert await read_subjects(ward, "import.read_report") == set(ward.patient_ids[:2])

    async def test_of_patients_names_those_whom_an_id_or_a_number_names(self, ward: Ward) -> None:
        await ward.bring("patients", csv_of(PERSON_COLUMNS, PEOPLE))
        keys = await ward.rows("select row_id from import_key")
        lines = [
            {"client_id": "a-2", "given_name": "Bea"},
            {"given_name": "Ada", "identifier_system": "urn:mrn", "identifier_value": "00-01"},
            {"client_id": str(ward.patient_ids[0]), "given_name": ""},
            {"client_id": "somebody", "given_name": "Cleo"},
        ]
        operation = await ward.begin("patients", b"\n".join(msgspec.json.encode(line) for line in lines))
        assert (await ward.driven(operation))["failed"] == 4

        await ward.report(operation)

        assert await read_subjects(ward, "import.read_report") == {
            *(one["row_id"] for one in keys),
            ward.patient_ids[0],
        }

    async def test_of_plans_names_their_patients(self, ward: Ward) -> None:
        lines = [
            {"patient_id": str(ward.patient_ids[0]), "protocol_title": "Nothing", "starts_on": "2026-01-01"},
            {"patient_id": str(ward.protocol_id), "protocol_title": "Nothing", "starts_on": "2026-01-01"},
            {"client_id": str(ward.plans[1].id), "starts_on": 7},
        ]
        operation = await ward.begin("assignments", b"\n".join(msgspec.json.encode(line) for line in lines))
        await ward.driven(operation)

        await ward.report(operation)

        assert await read_subjects(ward, "import.read_report") == set(ward.patient_ids[:2])

    async def test_of_somebody_elses_patients_names_nobody(
        self, ward: Ward, database: Database, other_organisation: Organisation
    ) -> None:
        other = await make_ward(database, other_organisation, patients=1)
        operation = await other.begin("patients", csv_of(["client_id"], [{"client_id": str(ward.patient_ids[0])}]))
        await other.driven(operation)

        await other.report(operation)

        assert await read_subjects(other, "import.read_report") == set()

    async def test_of_a_line_with_a_cell_too_many_names_its_patient(self, ward: Ward) -> None:
        body = f"client_id,given_name\r\n{ward.patient_ids[0]},Ada,7\r\n".encode()
        operation = await ward.begin("patients", body)
        await ward.driven(operation)

        await ward.report(operation)

        assert await read_subjects(ward, "import.read_report") == {ward.patient_ids[0]}

    async def test_is_named_in_a_preview_too(self, ward: Ward) -> None:
        lines = [{**one, "value": "warm"} for one in ward.entries(1)]
        upload = await ward.upload(csv_of(ENTRY_COLUMNS, lines))
        actor = ward.organisation.coordinator

        async with ward.database.transaction(
            ward.organisation.id, actor=actor, context=RequestContext(request_id="preview")
        ) as tx:
            await service.preview(tx, actor, upload.file.id, "entries")

        assert await read_subjects(ward, "import.preview") == {ward.patient_ids[0]}
