"""Patients are updated from a file: by what its lines say, and by nothing that they do not."""

from typing import Any

import msgspec
import pytest

from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import Identifier, Patient
from healthprotocol.foundation.db.transaction import Database
from tests.care.transfers.files import Ward, csv_of, make_ward
from tests.care.transfers.test_importing import PEOPLE, PERSON_COLUMNS
from tests.support.people import Organisation

ADA = PEOPLE[0]
NAMED = {name: ADA[name] for name in ("client_id", "given_name", "family_name", "birth_date")}


@pytest.fixture
async def ward(database: Database, organisation: Organisation) -> Ward:
    one = await make_ward(database, organisation, patients=1)
    await one.bring("patients", csv_of(PERSON_COLUMNS, [ADA]))
    return one


async def ada(ward: Ward) -> Patient:
    [key] = await ward.rows("select row_id from import_key")
    actor = ward.organisation.coordinator
    async with ward.database.transaction(ward.organisation.id, actor=actor) as tx:
        return await patients.get(tx, actor, key["row_id"])


async def archive(ward: Ward) -> None:
    patient, actor = await ada(ward), ward.organisation.coordinator
    async with ward.database.transaction(ward.organisation.id, actor=actor) as tx:
        await patients.archive(tx, actor, patient.id, expected_revision=None)


async def update(ward: Ward, line: dict[str, Any]) -> dict[str, Any]:
    return await ward.bring("patients", csv_of(list(line), [line]), existing="update")


class TestUpdate:
    async def test_keeps_what_the_file_has_no_column_or_an_empty_cell_for(self, ward: Ward) -> None:
        before = await ada(ward)

        result = await update(ward, {**NAMED, "email": "ada@weser.example", "phone": None})
        after = await ada(ward)

        assert result["updated"] == 1
        assert after.demographics == msgspec.structs.replace(before.demographics, email="ada@weser.example")
        assert before.demographics.phone is not None

    async def test_leaves_the_archived_archived(self, ward: Ward) -> None:
        await archive(ward)

        same = await update(ward, NAMED)
        other = await update(ward, {**NAMED, "email": "ada@weser.example"})

        assert (same["skipped"], other["failed"], other["faults"][0]["code"]) == (1, 1, "patient_is_archived")
        assert (await ada(ward)).status == "archived"

    async def test_brings_back_whom_it_calls_active(self, ward: Ward) -> None:
        await archive(ward)

        result = await update(ward, {**NAMED, "status": "active"})

        assert (result["updated"], (await ada(ward)).status) == (1, "active")

    async def test_makes_nobody_else_of_her_whose_number_was_mistyped(self, ward: Ward) -> None:
        before = await ada(ward)
        other = {
            "given_name": "Lena", "family_name": "Saale", "birth_date": "1933-01-01",
            "identifier_system": "urn:mrn", "identifier_value": "0001",
        }  # fmt: skip

        refused = [await update(ward, {"client_id": key, **other}) for key in (None, "unknown")]
        assert (await ada(ward)).demographics == before.demographics
        married = await update(ward, {**other, "given_name": ADA["given_name"]})

        assert [(one["failed"], one["faults"][0]["code"]) for one in refused] == [(1, "of_another")] * 2
        assert married["updated"] == 1

    async def test_empties_what_is_null(self, ward: Ward) -> None:
        line = msgspec.json.encode({**NAMED, "phone": None, "identifier_system": None, "identifier_value": None})

        result = await ward.bring("patients", line, existing="update")
        after = (await ada(ward)).demographics

        assert result["faults"] == []
        assert (after.phone, after.identifiers) == (None, ())
        assert after.address is not None

    async def test_of_one_record_number_keeps_those_of_other_systems(self, ward: Ward) -> None:
        await update(ward, {**NAMED, "identifier_system": "urn:other", "identifier_value": "7"})
        await update(ward, {**NAMED, "identifier_system": "urn:mrn", "identifier_value": "0002"})

        found = (await ada(ward)).demographics.identifiers

        assert set(found) == {
            Identifier(system="urn:other", value="7"),
            Identifier(system="urn:mrn", value="0002"),
        }

    async def test_that_fails_is_recorded_of_her_when_the_report_is_read(self, ward: Ward) -> None:
        await archive(ward)
        line = {**NAMED, "email": "ada@weser.example"}
        operation = await ward.begin("patients", csv_of(list(line), [line]), existing="update")
        await ward.driven(operation)

        await ward.report(operation)
        events = await ward.rows("select subject_ids from audit_event where action = 'import.read_report'")

        assert [one["subject_ids"] for one in events if one["subject_ids"]] == [[(await ada(ward)).id]]
