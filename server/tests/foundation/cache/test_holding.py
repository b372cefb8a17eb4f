"""Who holds a connection waits for nobody who may be waiting for that connection."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from healthprotocol.foundation.cache import CacheOptions
from healthprotocol.foundation.db.transaction import Database, Transaction
from tests.foundation.cache.kept import NAME, TAGS, Loads, Name, read
from tests.support.people import Organisation
from tests.support.postgresql import Cluster, open_database

# The waits that must not be take an hour here.
HOUR_SECONDS = 3600.0
PATIENCE_SECONDS = 60


@pytest.fixture
async def narrow(cluster: Cluster, database_name: str) -> AsyncIterator[Database]:
    """A process with a single connection."""
    node = await open_database(cluster, database_name, size=1, cache=CacheOptions(bound_seconds=HOUR_SECONDS))
    yield node
    await node.close()


class TestHolderOfTheOnlyConnection:
    async def test_does_not_wait_for_a_load_that_waits_for_it(
        self, narrow: Database, organisation: Organisation
    ) -> None:
        load, cache = Loads(), narrow.cache.of(organisation.id)

        async with narrow.transaction(organisation.id) as tx:
            leader = asyncio.create_task(cache.get(NAME, "it", load, tags=TAGS))
            await asyncio.sleep(0.05)
            async with asyncio.timeout(PATIENCE_SECONDS):
                found = await tx.cache.get(NAME, "it", load, tags=TAGS)

        assert (found, await leader) == (Name("Delta Clinic"), Name("Delta Clinic"))

    async def test_does_not_wait_for_a_question_that_waits_for_it(
        self, narrow: Database, organisation: Organisation
    ) -> None:
        load = Loads()
        for _ in range(2):
            await read(narrow, organisation, load)

        async with narrow.transaction(organisation.id) as tx:
            # The epochs are not believed any more, and who asks for them behind the requests is queued.
            narrow.cache.book.lost()
            checking = asyncio.create_task(narrow.cache._check(narrow.cache.book.in_use()))
            await asyncio.sleep(0.05)
            assert narrow.cache.book._check is not None
            async with asyncio.timeout(PATIENCE_SECONDS):
                await tx.cache.get(NAME, "it", load, tags=TAGS)
        await checking

        assert load.count == 1


class TestHoldersOfAllConnections:
    async def test_load_once_together_and_so_do_those_without(
        self, cluster: Cluster, database_name: str, organisation: Organisation
    ) -> None:
        node = await open_database(cluster, database_name, size=3)
        cache, held = node.cache.of(organisation.id), asyncio.Barrier(4)
        calls = 0

        async def load(tx: Transaction) -> Name:
            nonlocal calls
            calls += 1
            await asyncio.sleep(0.05)
            return Name("it")

        async def hold() -> None:
            async with node.transaction(organisation.id) as tx:
                await held.wait()
                await asyncio.sleep(0.05)
                await tx.cache.get(NAME, "it", load, tags=TAGS)

        holders = [asyncio.create_task(hold()) for _ in range(3)]
        await held.wait()
        queued = [asyncio.create_task(cache.get(NAME, "it", load, tags=TAGS)) for _ in range(5)]
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*holders)
        found = await asyncio.gather(*queued)
        await node.close()

        assert set(found) == {Name("it")}
        assert calls == 2

    async def test_are_waited_for_by_those_without(self, database: Database, organisation: Organisation) -> None:
        begun = asyncio.Event()
        calls = 0

        async def slow(tx: Transaction) -> Name:
            nonlocal calls
            calls += 1
            begun.set()
            await asyncio.sleep(0.1)
            return Name("it")

        async with database.transaction(organisation.id) as tx:
            holder = asyncio.create_task(tx.cache.get(NAME, "it", slow, tags=TAGS))
            await begun.wait()
            found = await database.cache.of(organisation.id).get(NAME, "it", slow, tags=TAGS)
            await holder

        assert (found, calls) == (Name("it"), 1)
