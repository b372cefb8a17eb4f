"""What goes out comes in again the same, page by page, and each patient in it is recorded."""

import csv
import io
from typing import Any

import pytest

from healthprotocol.care.transfers import service
from healthprotocol.care.transfers.model import ExportPlan, FileFormat, Noun
from healthprotocol.care.transfers.schemas import StartExport
from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import BadRequest
from healthprotocol.foundation.jobs import operations
from tests.care.assignments.plans import content_of, published
from tests.care.transfers.files import ENTRY_COLUMNS, FEVER, Ward, csv_of, make_ward
from tests.care.transfers.test_importing import PEOPLE, PERSON_COLUMNS
from tests.support.people import Organisation, employ

CONTEXT = RequestContext(request_id="export")


@pytest.fixture
async def ward(database: Database, organisation: Organisation) -> Ward:
    return await make_ward(database, organisation)


async def exported(ward: Ward, noun: Noun, to_format: FileFormat = "csv", filter_: str = "") -> bytes:
    plan = ExportPlan(noun=noun, format=to_format, filter=filter_, role="coordinator")
    parts = service.stream(ward.database, ward.organisation.coordinator, CONTEXT, plan)
    return b"".join([part async for part in parts])


async def filled(ward: Ward) -> None:
    """Bring in people, and entries of which one is corrected and one undone."""
    await ward.bring("patients", csv_of(PERSON_COLUMNS, PEOPLE))
    one, two, *others = ward.entries(250)
    again = {"replaces_client_id": one["client_id"], "client_id": str(one["client_id"])[:-1] + "a", "value": 36.9}
    undone = {
        **two,
        "client_id": str(two["client_id"])[:-1] + "b",
        "outcome": "retracted",
        "value": None,
        "code": None,
        "unit": None,
        "replaces_client_id": two["client_id"],
    }
    lines = [{**one, "note": '=1+1, "quoted"\nand more'}, two, {**one, **again}, undone, *others]
    result = await ward.bring("entries", csv_of([*ENTRY_COLUMNS, "replaces_client_id"], lines))
    assert result["faults"] == []


def rows_of(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def without(rows: list[dict[str, str]], *names: str) -> list[dict[str, str]]:
    return [{name: value for name, value in row.items() if name not in names} for row in rows]


class TestRoundTrip:
    @pytest.mark.parametrize("to_format", ["csv", "ndjson"])
    async def test_into_an_empty_organisation_gives_the_same(
        self, ward: Ward, other_organisation: Organisation, to_format: FileFormat
    ) -> None:
        await filled(ward)
        protocol_id = await published(ward.database, other_organisation, content_of(FEVER))
        await employ(ward.database, other_organisation.coordinator)
        empty = Ward(ward.database, other_organisation, protocol_id, (), ())
        nouns: tuple[Noun, ...] = ("patients", "assignments", "entries")

        for noun in nouns:
            body = await exported(ward, noun, to_format)
            result = await empty.bring(noun, body)
            again = await empty.bring(noun, body)
            assert result["faults"] == []
            assert (again["created"], again["failed"]) == (0, 0), noun

        ids = ("client_id", "patient_client_id", "assignment_client_id", "protocol_id", "replaces_client_id")
        for noun in nouns:
            ours, theirs = rows_of(await exported(ward, noun)), rows_of(await exported(empty, noun))
            key = sorted(map(str, without(ours, *ids)))
            assert sorted(map(str, without(theirs, *ids))) == key
            assert len(ours) > 2

    async def test_into_the_same_organisation_changes_nothing(self, ward: Ward) -> None:
        await filled(ward)
        before = await ward.count("entry"), await ward.count("patient"), await ward.count("assignment")
        nouns: tuple[Noun, ...] = ("patients", "assignments", "entries")

        results = [await ward.bring(noun, await exported(ward, noun), existing="update") for noun in nouns]

        assert [(one["created"], one["updated"], one["faults"]) for one in results] == [(0, 0, [])] * 3
        assert (await ward.count("entry"), await ward.count("patient"), await ward.count("assignment")) == before


class TestExport:
    async def test_keeps_a_spreadsheet_from_running_what_it_shows(self, ward: Ward) -> None:
        await filled(ward)

        text = (await exported(ward, "patients")).decode()

        assert "'=Bea" in text
        assert "'+49" in text

    async def test_records_every_patient_in_it_before_it_is_sent(self, ward: Ward) -> None:
        await filled(ward)
        parts = service.stream(
            ward.database,
            ward.organisation.coordinator,
            CONTEXT,
            ExportPlan(noun="entries", format="csv", filter="", role="coordinator"),
        )

        await anext(parts)
        events = await ward.rows("select subject_ids from audit_event where action = 'entry.export'")
        await parts.aclose()

        assert [set(one["subject_ids"]) for one in events] == [set(ward.patient_ids)]

    async def test_holds_no_connection_while_nobody_reads(self, ward: Ward) -> None:
        await filled(ward)
        plan = ExportPlan(noun="entries", format="ndjson", filter="", role="coordinator")
        waiting = [service.stream(ward.database, ward.organisation.coordinator, CONTEXT, plan) for _ in range(8)]

        for one in waiting:
            await anext(one)

        # The pool has four: were one held by each, this would find none.
        assert await ward.count("patient") == 5
        for one in waiting:
            await one.aclose()

    async def test_filters_as_the_list_does(self, ward: Ward) -> None:
        await filled(ward)

        some = rows_of(await exported(ward, "entries", filter_=f'patient_id = "{ward.patient_ids[0]}"'))

        assert 0 < len(some) < 100
        with pytest.raises(BadRequest):
            await exported(ward, "patients", filter_='family_name = "Elbe"')

    async def test_as_a_job_is_kept_sealed_and_read_from_any_byte(self, ward: Ward) -> None:
        await filled(ward)
        actor = ward.organisation.coordinator
        async with ward.database.transaction(ward.organisation.id, actor=actor) as tx:
            operation = await service.submit_export(tx, actor, StartExport(kind="entries"))

        while not operation.is_over:
            async with ward.database.transaction(ward.organisation.id) as tx:
                held = await operations.get_for_update(tx, operation.id)
                batch = await service.export_batch(tx, held)
                operation = await operations.advance(
                    tx, held, done=held.done + batch.count, cursor=batch.cursor, result=batch.result
                )
                operation = operation if batch.cursor else await operations.finish(tx, operation)

        whole = await exported(ward, "entries")
        assert await self._file(ward, operation.id, begin=0) == whole
        assert await self._file(ward, operation.id, begin=1_000) == whole[1_000:]
        stored = await ward.rows("select content_ct from sealed_file_chunk where file_id = $1", operation.id)
        assert stored
        assert not any(b"fever" in one["content_ct"] for one in stored)
        downloads = await ward.rows("select subject_ids from audit_event where action = 'export.download'")
        named = [set(one["subject_ids"]) for one in downloads if one["subject_ids"]]
        assert named == [set(ward.patient_ids)] * 2

    @staticmethod
    async def _file(ward: Ward, operation_id: Any, *, begin: int) -> bytes:
        actor = ward.organisation.coordinator
        async with ward.database.transaction(ward.organisation.id, actor=actor) as tx:
            _, file = await service.open_export(tx, actor, operation_id, begin=begin)
        parts = service.content_of(ward.database, actor, CONTEXT, file, begin=begin)
        return b"".join([part async for part in parts])
