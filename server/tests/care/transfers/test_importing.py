"""Files are brought in: whole, half, twice, two at once, tried, and faulty."""

import asyncio
import csv
import io
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from healthprotocol.care.entries.model import EntryId
from healthprotocol.care.entries.service import retract
from healthprotocol.care.transfers.errors import FileUnreadable
from healthprotocol.care.transfers.service import Keeping
from healthprotocol.care.transfers.service.nouns import SIZES, Size
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs import operations
from tests.care.transfers.files import ENTRY_COLUMNS, FEVER, Ward, csv_of, make_ward
from tests.support.people import Organisation, employ

PEOPLE = [
    {
        "client_id": "a-1",
        "given_name": "Ada",
        "family_name": "Elbe",
        "birth_date": "1960-01-01",
        "phone": "+49 30 123456",
        "identifier_system": "urn:mrn",
        "identifier_value": "0001",
        "address": "Am Ufer 1\r\n10115 Berlin",
    },
    {"client_id": "a-2", "given_name": "=Bea", "family_name": "Ems", "birth_date": "1970-02-03", "language": "de"},
]
PERSON_COLUMNS = (
    "client_id",
    "given_name",
    "family_name",
    "birth_date",
    "phone",
    "language",
    "identifier_system",
    "identifier_value",
    "address",
)


@pytest.fixture
async def ward(database: Database, organisation: Organisation) -> Ward:
    return await make_ward(database, organisation)


def rows_of(report: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(report.removeprefix("\ufeff"))))


class TestEntries:
    async def test_come_in_once_however_often_the_file_is_sent(self, ward: Ward) -> None:
        body = csv_of(ENTRY_COLUMNS, ward.entries(50))

        first = await ward.bring("entries", body)
        again = await ward.bring("entries", body)

        assert first["faults"] == []
        assert (first["lines"], first["created"], first["failed"]) == (50, 50, 0)
        assert (again["created"], again["skipped"]) == (0, 50)
        assert await ward.count("entry") == 50

    async def test_that_came_in_half_come_in_whole(self, ward: Ward) -> None:
        await ward.bring("entries", csv_of(ENTRY_COLUMNS, ward.entries(20)))

        whole = await ward.bring("entries", csv_of(ENTRY_COLUMNS, ward.entries(50)))

        assert (whole["created"], whole["skipped"]) == (30, 20)

    async def test_of_two_files_at_once_each_is_kept_once(self, ward: Ward) -> None:
        upload = await ward.upload(csv_of(ENTRY_COLUMNS, ward.entries(50)))
        both = [await ward.begin_with("entries", upload.file.id) for _ in range(2)]

        results = await asyncio.gather(*[ward.driven(one) for one in both])

        assert sum(one["created"] for one in results) == 50
        assert sum(one["skipped"] for one in results) == 50
        assert await ward.count("entry") == 50

    async def test_leave_one_audit_event_that_names_every_row_and_patient(self, ward: Ward) -> None:
        await ward.bring("entries", csv_of(ENTRY_COLUMNS, ward.entries(30)))

        events = await ward.rows("select subject_ids, object_type from audit_event where action = 'entry.import'")

        assert [set(one["subject_ids"]) for one in events] == [set(ward.patient_ids)]

    async def test_have_their_days_counted_and_their_plans_looked_at_again(self, ward: Ward) -> None:
        await ward.rows("update adherence_cover set is_stale = false, recount_from = now()::date returning 1")
        await ward.rows("update alert_watch set is_stale = false returning 1")

        await ward.bring("entries", csv_of(ENTRY_COLUMNS, ward.entries(6)))

        covers = await ward.rows("select recount_from, is_stale from adherence_cover")
        assert {(one["recount_from"], one["is_stale"]) for one in covers} == {(ward.plans[0].starts_on, True)}
        assert all(one["is_stale"] for one in await ward.rows("select is_stale from alert_watch"))

    async def test_out_of_range_lately_raise_an_alert_and_long_ago_do_not(self, ward: Ward) -> None:
        lines = [{**one, "value": 39.5} for one in ward.entries(54)]
        old, late = lines[:3], lines[-3:]

        await ward.bring("entries", csv_of(ENTRY_COLUMNS, old))
        before = await ward.count("alert")
        await ward.bring("entries", csv_of(ENTRY_COLUMNS, late))

        assert (before, await ward.count("alert")) == (0, 3)

    async def test_refused_say_where_and_come_back_to_repair(self, ward: Ward) -> None:
        lines = list(ward.entries(5))
        lines[1]["value"] = "warm"
        lines[2]["planned_local"] = "2020-01-01T08:00"
        lines[3]["value"] = 99
        operation = await ward.begin("entries", csv_of(ENTRY_COLUMNS, lines))

        result = await ward.driven(operation)
        report = rows_of(await ward.report(operation))

        assert (result["created"], result["failed"]) == (2, 3)
        assert [(one["line"], one["field"]) for one in report] == [("3", "value"), ("4", ""), ("5", "value")]
        assert [one["value"] for one in report] == ["warm", "36.7", "99"]
        mended = [{**one, "value": "36.6", "planned_local": lines[number + 1]["planned_local"]} for number, one in
                  enumerate(report)]  # fmt: skip
        mended[1]["planned_local"] = next(ward.entries(1, more=2))["planned_local"]
        again = await ward.bring("entries", csv_of([*ENTRY_COLUMNS, "line", "field", "error"], mended))
        assert (again["created"], again["faults"]) == (3, [])

    async def test_tried_say_the_same_and_write_nothing(self, ward: Ward) -> None:
        lines = list(ward.entries(30))
        lines[7]["outcome"] = "perhaps"
        body = csv_of(ENTRY_COLUMNS, lines)

        tried = await ward.bring("entries", body, dry_run=True)
        there = await ward.count("entry")
        done = await ward.bring("entries", body)

        assert there == 0
        assert {**tried, "dry_run": False} == done

    async def test_correct_and_undo_one_another_in_the_order_of_the_file(self, ward: Ward) -> None:
        one, two, *_ = ward.entries(2)
        right = {
            **one,
            "client_id": str(two["client_id"])[:-1] + "a",
            "value": 36.9,
            "replaces_client_id": one["client_id"],
        }
        undone = {
            **two,
            "client_id": str(two["client_id"])[:-1] + "b",
            "outcome": "retracted",
            "value": None,
            "code": None,
            "unit": None,
            "replaces_client_id": two["client_id"],
        }
        body = csv_of([*ENTRY_COLUMNS, "replaces_client_id"], [one, two, right, undone])

        first = await ward.bring("entries", body)
        again = await ward.bring("entries", body)

        assert (first["created"], first["faults"]) == (4, [])
        assert again["created"] == 0
        outcomes = [row["outcome"] for row in await ward.rows("select outcome from entry order by id")]
        assert sorted(outcomes) == ["completed", "completed", "completed", "retracted"]

    async def test_of_another_organisation_are_not_found(self, ward: Ward, other_organisation: Organisation) -> None:
        await employ(ward.database, other_organisation.coordinator)
        other = msgspec.structs.replace(ward, organisation=other_organisation)

        result = await other.bring("entries", csv_of(ENTRY_COLUMNS, ward.entries(3)))

        assert (result["created"], result["failed"]) == (0, 3)

    async def test_go_on_after_a_cancel_where_they_were(self, ward: Ward) -> None:
        operation = await ward.begin("entries", csv_of(ENTRY_COLUMNS, ward.entries(30)))
        async with ward.database.transaction(ward.organisation.id) as tx:
            await operations.request_cancel(tx, operation.id)

        whole = await ward.bring("entries", csv_of(ENTRY_COLUMNS, ward.entries(40)))

        assert whole["created"] == 40


class TestPatients:
    async def test_come_in_once_by_client_id_and_by_record_number(self, ward: Ward) -> None:
        body = csv_of(PERSON_COLUMNS, PEOPLE)
        renamed = csv_of(PERSON_COLUMNS, [{**PEOPLE[0], "client_id": "b-1"}])

        first = await ward.bring("patients", body)
        again = await ward.bring("patients", body)
        by_number = await ward.bring("patients", renamed)

        assert (first["created"], first["faults"]) == (2, [])
        assert (again["created"], again["skipped"]) == (0, 2)
        assert (by_number["created"], by_number["skipped"]) == (0, 1)

    async def test_here_already_are_updated_when_that_is_wanted(self, ward: Ward) -> None:
        await ward.bring("patients", csv_of(PERSON_COLUMNS, PEOPLE))
        moved = [{**PEOPLE[0], "address": "Am Berg 2"}, PEOPLE[1]]

        result = await ward.bring("patients", csv_of(PERSON_COLUMNS, moved), existing="update")

        assert (result["updated"], result["skipped"], result["faults"]) == (1, 1, [])

    async def test_of_two_files_at_once_each_is_enrolled_once(self, ward: Ward) -> None:
        upload = await ward.upload(csv_of(PERSON_COLUMNS, PEOPLE))
        both = [await ward.begin_with("patients", upload.file.id) for _ in range(2)]

        results = await asyncio.gather(*[ward.driven(one) for one in both])

        assert sorted(one["created"] for one in results) == [0, 2]

    async def test_with_faults_are_named_by_column(self, ward: Ward) -> None:
        bad = [{**PEOPLE[0], "birth_date": "03.02.1970", "phone": "030"}, {**PEOPLE[1], "identifier_value": "7"}]

        result = await ward.bring("patients", csv_of(PERSON_COLUMNS, bad))

        assert {(one["line"], one["field"]) for one in result["faults"]} == {
            (2, "birth_date"),
            (2, "phone"),
            (4, "identifier_system"),
        }

    async def test_are_ndjson_too(self, ward: Ward) -> None:
        body = b"\n".join(msgspec.json.encode(one) for one in PEOPLE) + b"\nnonsense\n"

        result = await ward.bring("patients", body)

        assert (result["created"], result["failed"], result["faults"][0]["line"]) == (2, 1, 3)


class TestAssignments:
    async def test_name_patient_and_protocol_and_come_in_once(self, ward: Ward) -> None:
        await ward.bring("patients", csv_of(PERSON_COLUMNS, PEOPLE))
        day = ward.plans[0].starts_on.isoformat()
        plans: list[dict[str, Any]] = [
            {"client_id": "p-1", "patient_client_id": "a-1", "protocol_title": "Heart at home", "starts_on": day},
            {"client_id": "p-2", "patient_identifier_system": "urn:mrn", "patient_identifier_value": "0001",
             "protocol_id": str(ward.protocol_id), "starts_on": day},
            {"client_id": "p-3", "patient_client_id": "nobody", "protocol_title": "Heart at home", "starts_on": day},
        ]  # fmt: skip
        body = b"\n".join(msgspec.json.encode(one) for one in plans)

        first = await ward.bring("assignments", body)
        again = await ward.bring("assignments", body)

        # The second is of the same patient and protocol: a single assignment would be refused, too.
        assert (first["created"], [one["line"] for one in first["faults"]]) == (1, [2, 3])
        assert (again["created"], again["skipped"], again["failed"]) == (0, 1, 2)
        entry = {"client_id": str(ward.plans[0].id), "assignment_client_id": "p-1", "activity_key": FEVER.key,
                 "outcome": "skipped", "effective_at": f"{day} 09:00Z"}  # fmt: skip
        brought = await ward.bring("entries", csv_of(list(entry), [entry]))
        assert (brought["created"], brought["faults"]) == (1, [])

    async def test_are_found_while_the_entries_of_lines_before_are_written(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(SIZES, "entries", Size(10, 200))
        lines = [
            {**one, "assignment_id": "", "assignment_client_id": f"nobody-{n}" if n % 2 else one["assignment_id"]}
            for n, one in enumerate(ward.entries(60))
        ]

        brought = await ward.bring("entries", csv_of([*ENTRY_COLUMNS, "assignment_client_id"], lines))

        assert (brought["created"], brought["failed"]) == (30, 30)
        assert {one["field"] for one in brought["faults"]} == {"assignment_client_id"}


class TestReport:
    async def test_is_kept_as_long_as_the_installation_says(self, ward: Ward) -> None:
        ward.database.attach(Keeping(timedelta(hours=5)))

        await ward.bring("patients", b"given_name\r\nAda\r\n")

        [file] = await ward.rows("select expires_at - created_at as kept from sealed_file where purpose = 'report'")
        assert file["kept"] == timedelta(hours=5)


class TestHeader:
    async def test_with_an_unknown_column_is_refused_with_the_one_that_may_be_meant(self, ward: Ward) -> None:
        with pytest.raises(FileUnreadable) as refused:
            await ward.begin("patients", b"GivenName,Family Name,born\r\nAda,Elbe,1960-01-01\r\n")

        assert [one.pointer for one in refused.value.violations] == ["/columns/0", "/columns/1", "/columns/2"]
        assert "given_name" in refused.value.violations[0].detail
        assert "born" not in str(refused.value.violations)

    async def test_parted_by_tabs_is_told_as_that(self, ward: Ward) -> None:
        with pytest.raises(FileUnreadable) as refused:
            await ward.begin("patients", b"given_name\tfamily_name\tbirth_date\r\nAda\tElbe\t1960-01-01\r\n")

        assert [one.pointer for one in refused.value.violations] == ["/columns/0"]
        assert "tabs" in refused.value.violations[0].detail


class TestUndone:
    async def test_entries_of_a_file_can_be_undone_one_by_one(self, ward: Ward) -> None:
        await ward.bring("entries", csv_of(ENTRY_COLUMNS, ward.entries(1)))
        [row] = await ward.rows("select id from entry")

        async with ward.database.transaction(ward.organisation.id, actor=ward.organisation.clinician) as tx:
            undone = await retract(tx, ward.organisation.clinician, EntryId(row["id"]))

        assert undone.outcome == "retracted"
