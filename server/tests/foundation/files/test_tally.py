"""How much the files of an organisation hold together is kept, whatever is done to them."""

import asyncio
from datetime import timedelta
from uuid import uuid4

from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.db.trial import trial
from healthprotocol.foundation.files import FileId, SealedFile, sealed
from healthprotocol.foundation.ids import AccountId
from tests.support.people import Organisation

DAY = timedelta(days=1)


async def made(tx: Transaction, size: int, *, purpose: str = "upload") -> SealedFile:
    file = await sealed.create(
        tx, FileId(uuid4()), purpose=purpose, media_type="text/csv", created_by=AccountId(uuid4()), keep=DAY
    )
    return await sealed.append(tx, file, bytes(size))


async def kept(database: Database, organisation: Organisation) -> int:
    async with database.transaction(organisation.id) as tx:
        counted = await tx.fetchval("select coalesce(sum(size_bytes), 0)::bigint from sealed_file")
        assert await sealed.kept_bytes(tx) == counted
        return counted


class TestKeptBytes:
    async def test_are_those_of_all_files_of_one_organisation(
        self, database: Database, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        assert await kept(database, organisation) == 0

        async with database.transaction(organisation.id) as tx:
            first = await made(tx, 1_000)
            await made(tx, 20, purpose="export")
            await sealed.append(tx, first, bytes(300_000))
        async with database.transaction(other_organisation.id) as tx:
            await made(tx, 7)
        assert await kept(database, organisation) == 301_020
        assert await kept(database, other_organisation) == 7

        async with database.transaction(organisation.id) as tx:
            await tx.execute("update sealed_file set expires_at = $1 where purpose = 'export'", tx.now - DAY)
            assert await sealed.sweep(tx) == 1
        assert await kept(database, organisation) == 301_000
        async with database.transaction(organisation.id) as tx:
            await made(tx, 5)
            await sealed.delete(tx, [first.id])
        assert await kept(database, organisation) == 5
        async with database.transaction(organisation.id) as tx:
            await sealed.forget_all(tx)
        assert (await kept(database, organisation), await kept(database, other_organisation)) == (0, 7)

    async def test_of_files_from_before_the_tally_are_counted_once(
        self, database: Database, organisation: Organisation
    ) -> None:
        async with database.transaction(organisation.id) as tx:
            await made(tx, 400)
            await tx.execute("delete from sealed_file_tally")
        assert await kept(database, organisation) == 400

        async with database.transaction(organisation.id) as tx:
            await made(tx, 11)

        assert await kept(database, organisation) == 411

    async def test_that_nobody_kept_for_a_while_are_counted_anew(
        self, database: Database, organisation: Organisation
    ) -> None:
        async with database.transaction(organisation.id) as tx:
            await made(tx, 400)
            await tx.execute("update sealed_file_tally set size_bytes = 7")

        async with database.transaction(organisation.id) as tx:
            await sealed.count_anew(tx)

        assert await kept(database, organisation) == 400

    async def test_are_everybodys_for_who_asks_behind_what_she_added(
        self, database: Database, organisation: Organisation
    ) -> None:
        async def added() -> int:
            async with database.transaction(organisation.id) as tx:
                await made(tx, 10)
                return await sealed.kept_bytes(tx)

        told = await asyncio.gather(*(added() for _ in range(6)))

        assert sorted(told) == [10, 20, 30, 40, 50, 60]

    async def test_that_are_undone_are_not_counted(self, database: Database, organisation: Organisation) -> None:
        async with database.transaction(organisation.id) as tx:
            await made(tx, 10)
            async with trial(tx):
                await made(tx, 500)
                assert await sealed.kept_bytes(tx) == 510
            assert await sealed.kept_bytes(tx) == 10

        assert await kept(database, organisation) == 10
