"""Epochs in PostgreSQL: they change with a commit and never without, and their writers do not wait for one another."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

import pytest

from healthprotocol.foundation.cache import changes, tag
from healthprotocol.foundation.cache.changes import Teller
from healthprotocol.foundation.cache.epochs import see
from healthprotocol.foundation.db.transaction import Database, Transaction
from tests.foundation.cache.kept import NAME, TAGS, Loads, rename
from tests.foundation.jobs.workers import eventually
from tests.support.people import Organisation
from tests.support.postgresql import Cluster, open_database

ONE, OTHER = tag("noun", UUID(int=1)), tag("noun", UUID(int=2))


async def epoch(database: Database, organisation: Organisation, of: str = ONE) -> int:
    async with database.transaction(None) as tx:
        return (await see(tx, [(organisation.id, of)])).epochs[organisation.id, of]


async def change(database: Database, organisation: Organisation, *of: str) -> None:
    async with database.transaction(organisation.id) as tx:
        tx.invalidate(*of)


async def slots(tx: Transaction, of: str = ONE) -> int:
    return await tx.fetchval("select count(*) from cache_epoch where tag = $1", of)


class TestEpoch:
    async def test_changes_with_every_commit(self, database: Database, organisation: Organisation) -> None:
        found = [await epoch(database, organisation)]
        for _ in range(3):
            await change(database, organisation, ONE)
            found.append(await epoch(database, organisation))

        assert found == sorted(set(found))

    async def test_stays_when_the_change_is_rolled_back(self, database: Database, organisation: Organisation) -> None:
        async def change_and_fail() -> None:
            async with database.transaction(organisation.id) as tx:
                tx.invalidate(ONE)
                raise InterruptedError

        before = await epoch(database, organisation)
        with pytest.raises(InterruptedError):
            await change_and_fail()

        assert await epoch(database, organisation) == before

    async def test_of_another_tag_or_organisation_stays(
        self, database: Database, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        before = [await epoch(database, organisation, OTHER), await epoch(database, other_organisation)]

        await change(database, organisation, ONE)

        assert [await epoch(database, organisation, OTHER), await epoch(database, other_organisation)] == before

    async def test_does_not_come_back_after_a_sweep(self, database: Database, organisation: Organisation) -> None:
        seen: list[int] = []
        for _ in range(3):
            await change(database, organisation, ONE)
            seen.append(await epoch(database, organisation))
            async with database.transaction(organisation.id) as tx:
                await tx.execute("update cache_epoch set bumped_at = $1", tx.now - timedelta(days=3))
                await changes.sweep(tx)
                assert await slots(tx) == 0

        assert len(set(seen)) == 3

    async def test_that_is_young_is_not_swept(self, database: Database, organisation: Organisation) -> None:
        await change(database, organisation, ONE)

        async with database.transaction(organisation.id) as tx:
            await changes.sweep(tx)
            assert await slots(tx) == 1


class TestWriters:
    @pytest.fixture
    async def busy(self, cluster: Cluster, database_name: str) -> Database:
        return await open_database(cluster, database_name, size=12)

    async def test_of_one_tag_do_not_wait_for_each_other(self, busy: Database, organisation: Organisation) -> None:
        """Ten transactions hold the tag's epoch at the same time, and an eleventh goes through meanwhile."""
        async with AsyncExitStack() as held:
            for _ in range(10):
                tx = await held.enter_async_context(busy.transaction(organisation.id))
                await changes.bump(tx, [ONE])
            # Who waited for one of them would wait for ever, which PostgreSQL ends after the statement's time.
            await change(busy, organisation, ONE)

        async with busy.transaction(organisation.id) as tx:
            assert await slots(tx) == 11
        await busy.close()

    async def test_that_take_the_same_tags_in_another_order_do_not_deadlock(
        self, busy: Database, organisation: Organisation
    ) -> None:
        await change(busy, organisation, ONE, OTHER)

        async def write(*of: str) -> None:
            for _ in range(20):
                async with busy.transaction(organisation.id) as tx:
                    for one in of:
                        await changes.bump(tx, [one])
                        await asyncio.sleep(0)

        await asyncio.gather(write(ONE, OTHER), write(OTHER, ONE), write(ONE, OTHER), write(OTHER, ONE))

        async with busy.transaction(organisation.id) as tx:
            # One for each writer, and by chance a few more: who looks just before another's commit sees no free one.
            assert 1 <= await slots(tx) <= 12
        await busy.close()

    async def test_one_after_another_use_the_same_slot(self, busy: Database, organisation: Organisation) -> None:
        for _ in range(10):
            await change(busy, organisation, ONE)

        async with busy.transaction(organisation.id) as tx:
            assert await slots(tx) == 1
        await busy.close()

    async def test_hold_no_lock_that_another_notifier_waits_for(
        self, busy: Database, organisation: Organisation
    ) -> None:
        """What is told is told after the commit, by another transaction."""
        async with busy.transaction(organisation.id) as tx:
            tx.invalidate(ONE)
            await tx.run_before_commit()
            locks = await tx.fetchval(
                "select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'object' and granted"
            )

        assert locks == 0
        await busy.close()


class TestWords:
    async def test_reach_another_process(
        self, cluster: Cluster, database_name: str, database: Database, organisation: Organisation
    ) -> None:
        words: list[str] = []
        await database.listener.subscribe(changes.CHANNEL, heard=words.append, lost=lambda: None)
        other = await open_database(cluster, database_name)

        await rename(other, organisation, "Delta Hospital")

        async def has_heard() -> bool:
            return bool(words)

        await eventually(has_heard)
        await other.close()
        assert database.cache._teller.understood(words[0]) == [(organisation.id, TAGS[0])]
        assert other.cache._teller.understood(words[0]) == []

    @pytest.mark.parametrize("payload", ["x\nnot an id and a tag", "{}\n\n"])
    async def test_of_a_later_version_make_everything_doubtful(
        self, database: Database, organisation: Organisation, payload: str
    ) -> None:
        database.cache.book.bound_seconds = 3600.0
        async with database.transaction(organisation.id) as tx:
            await tx.cache.get(NAME, "it", Loads(), tags=TAGS)
        name = (organisation.id, TAGS[0])
        before = database.cache.book.agrees({name: 0})

        database.cache._heard(payload)

        assert (before, database.cache.book.agrees({name: 0})) == (True, None)

    async def test_that_cannot_be_said_are_dropped_and_counted(self, organisation: Organisation) -> None:
        class Away:
            def transaction(self, organisation_id: object) -> object:
                from healthprotocol.foundation.errors import Unavailable  # noqa: PLC0415

                raise Unavailable(retry_after_seconds=1)

        teller = Teller(Away())  # pyright: ignore[reportArgumentType]
        teller.tell([(organisation.id, ONE)])
        await teller.close()

        assert teller._waiting == {}
