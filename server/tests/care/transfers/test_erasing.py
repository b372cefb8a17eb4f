"""An erased patient is in no file afterwards: none that lies there, none that is being written or brought in."""

from collections.abc import AsyncIterator

import pytest

from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.transfers import service
from healthprotocol.care.transfers.errors import EndedEarly
from healthprotocol.care.transfers.schemas import StartExport
from healthprotocol.care.transfers.service import exporting
from healthprotocol.care.transfers.service.nouns import SIZES, Size
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.files import FileUnknown
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.operations import Operation
from healthprotocol.trust.accounts.errors import AskerGone
from tests.care.transfers.files import Ward, csv_of, make_ward
from tests.care.transfers.test_importing import PEOPLE, PERSON_COLUMNS
from tests.support.people import Organisation


@pytest.fixture
async def ward(database: Database, organisation: Organisation) -> Ward:
    return await make_ward(database, organisation)


async def erase(ward: Ward, patient_id: PatientId) -> None:
    admin = ward.organisation.admin
    async with ward.database.transaction(ward.organisation.id, actor=admin) as tx:
        await patients.erase(tx, admin, patient_id, reason="asked to")


async def next_pages(ward: Ward, operation: Operation) -> Operation:
    async with ward.database.transaction(ward.organisation.id) as tx:
        held = await operations.get_for_update(tx, operation.id)
        if held.is_over:
            return held
        batch = await service.export_batch(tx, held)
        moved = await operations.advance(
            tx, held, done=held.done + batch.count, cursor=batch.cursor, result=batch.result
        )
        return moved if batch.cursor else await operations.finish(tx, moved)


class TestAccount:
    async def test_that_is_disabled_ends_what_it_asked_for(self, ward: Ward) -> None:
        actor = ward.organisation.coordinator
        file = await ward.upload(csv_of(PERSON_COLUMNS, PEOPLE))
        brought = await ward.begin_with("patients", file.file.id)
        async with ward.database.transaction(ward.organisation.id, actor=actor) as tx:
            written = await service.submit_export(tx, actor, StartExport(kind="patients"))
        await ward.rows("update account set status = 'disabled' where id = $1 returning 1", actor.account_id)

        with pytest.raises(AskerGone):
            await ward.batch(brought)
        with pytest.raises(AskerGone):
            await next_pages(ward, written)


class TestErasing:
    async def test_ends_an_export_under_way_and_deletes_what_it_wrote(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(exporting, "PAGE", 1)
        monkeypatch.setattr(exporting, "_PAGES_A_BATCH", 2)
        actor = ward.organisation.coordinator
        async with ward.database.transaction(ward.organisation.id, actor=actor) as tx:
            operation = await service.submit_export(tx, actor, StartExport(kind="patients"))
        operation = await next_pages(ward, operation)
        assert not operation.is_over
        assert await ward.count("sealed_file_chunk") == 2

        await erase(ward, ward.patient_ids[0])
        operation = await next_pages(ward, operation)

        assert (operation.status, (operation.problem or {})["type"]) == ("failed", "ended-by-erasure")
        assert await ward.count("sealed_file_chunk") == 0
        async with ward.database.transaction(ward.organisation.id, actor=actor) as tx:
            with pytest.raises(EndedEarly):
                await service.open_export(tx, actor, operation.id, begin=0)

    async def test_ends_an_import_under_way_before_a_line_of_its_file_enrols_her_again(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(SIZES, "patients", Size(1, 1))
        file = await ward.upload(csv_of(PERSON_COLUMNS, [PEOPLE[0], PEOPLE[1], {**PEOPLE[0], "client_id": "a-3"}]))
        operation = await ward.batch(await ward.begin_with("patients", file.file.id))
        [key] = await ward.rows("select row_id from import_key")

        await erase(ward, key["row_id"])
        ended = await ward.of(str(operation.id))

        assert (ended.status, (ended.problem or {})["type"]) == ("failed", "ended-by-erasure")
        assert await ward.count("sealed_file") == 0
        assert await ward.count("import_key") == 0

    async def test_ends_an_import_whose_file_went_although_nobody_said_so(self, ward: Ward) -> None:
        operation = await ward.begin("patients", csv_of(PERSON_COLUMNS, PEOPLE))
        await ward.rows("delete from sealed_file returning 1")

        with pytest.raises(FileUnknown):
            await ward.batch(operation)

    async def test_lets_an_upload_that_arrives_end_with_a_problem(self, ward: Ward) -> None:
        async def arriving() -> AsyncIterator[bytes]:
            yield csv_of(PERSON_COLUMNS, PEOPLE) + b"," * 3_000_000
            await erase(ward, ward.patient_ids[0])
            yield b"," * 3_000_000

        with pytest.raises(FileUnknown):
            await ward.upload(arriving())

        assert await ward.count("sealed_file") == 0
