"""All files of an organisation share its space: what it sent, the reports of faults, and its exports."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from healthprotocol.care.transfers import service
from healthprotocol.care.transfers.errors import FilesFull
from healthprotocol.care.transfers.schemas import BeginUpload, Received, StartExport
from healthprotocol.care.transfers.service import Keeping
from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs import operations
from tests.care.transfers.files import LIMITS, Ward, csv_of, make_ward
from tests.care.transfers.test_importing import PEOPLE, PERSON_COLUMNS
from tests.support.people import Organisation

MEBIBYTE = 1024 * 1024
CONTEXT = RequestContext(request_id="space")


@pytest.fixture
async def ward(database: Database, organisation: Organisation) -> Ward:
    return await make_ward(database, organisation)


async def kept(ward: Ward) -> int:
    [row] = await ward.rows("select coalesce(sum(size_bytes), 0)::bigint as size from sealed_file")
    return row["size"]


async def mebibytes(count: int, letter: bytes) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield letter * MEBIBYTE


class TestSpace:
    async def test_is_not_passed_by_uploads_that_come_at_once(self, ward: Ward) -> None:
        limits = msgspec.structs.replace(LIMITS, quota_bytes=6 * MEBIBYTE)
        actor = ward.organisation.coordinator

        became = await asyncio.gather(
            *(
                service.receive(ward.database, actor, CONTEXT, mebibytes(4, letter), limits=limits)
                for letter in (b"a", b"b")
            ),
            return_exceptions=True,
        )

        assert sorted(type(one).__name__ for one in became) == ["FilesFull", "Received"]
        assert await kept(ward) == 4 * MEBIBYTE

    async def test_is_not_passed_by_parts_of_announced_uploads(self, ward: Ward) -> None:
        limits = msgspec.structs.replace(LIMITS, quota_bytes=150)
        actor = ward.organisation.coordinator
        async with ward.database.transaction(ward.organisation.id, actor=actor) as tx:
            one, other = [
                await service.begin(tx, actor, BeginUpload(size_bytes=100, name=name), limits=limits) for name in "ab"
            ]

        async def sent(upload: Received, body: bytes) -> int:
            async def stream() -> AsyncIterator[bytes]:
                yield body

            found = await service.go_on(
                ward.database, actor, CONTEXT, upload.file.id, stream(), offset=0, limits=limits
            )
            return found.file.size_bytes

        became = await asyncio.gather(sent(one, b"a" * 100), sent(other, b"b" * 100), return_exceptions=True)

        assert sorted(type(one).__name__ for one in became) == ["FilesFull", "int"]
        assert await kept(ward) == 100

    async def test_is_filled_by_exports_too(self, ward: Ward) -> None:
        actor = ward.organisation.coordinator
        async with ward.database.transaction(ward.organisation.id, actor=actor) as tx:
            operation = await service.submit_export(tx, actor, StartExport(kind="patients"))
        ward.database.attach(Keeping(quota_bytes=300))

        with pytest.raises(FilesFull):
            async with ward.database.transaction(ward.organisation.id) as tx:
                await service.export_batch(tx, await operations.get_for_update(tx, operation.id))

        assert await kept(ward) == 0

    async def test_is_filled_by_reports_of_faults_too(self, ward: Ward) -> None:
        body = csv_of(PERSON_COLUMNS, [{**PEOPLE[0], "birth_date": "soon"}, PEOPLE[1]])
        operation = await ward.begin("patients", body)
        ward.database.attach(Keeping(quota_bytes=len(body) + 50))

        with pytest.raises(FilesFull):
            await ward.batch(operation)
        assert await kept(ward) == len(body)

        ward.database.attach(Keeping(quota_bytes=len(body) + 5_000))
        assert (await ward.driven(operation))["failed"] == 1
        limits = msgspec.structs.replace(LIMITS, quota_bytes=len(body) + 50)
        with pytest.raises(FilesFull):
            await service.receive(
                ward.database, ward.organisation.coordinator, CONTEXT, mebibytes(1, b"a"), limits=limits
            )
