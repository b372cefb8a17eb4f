"""The trail of reads, when connections are short and the server goes away."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from healthprotocol.api.paging import ListQuery
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import Unavailable
from healthprotocol.trust.audit import repository, service
from healthprotocol.trust.audit.model import StoredEvent
from tests.foundation.db.test_lost_server import end_connections
from tests.support.people import Organisation
from tests.support.postgresql import PATIENCE_SECONDS, Cluster, open_database


@pytest.fixture
async def narrow(cluster: Cluster, database_name: str, database: Database) -> AsyncIterator[Database]:
    """A process with one connection, and a trail."""
    narrow = await open_database(cluster, database_name, size=1)
    narrow.attach(service.ReadTrail(narrow))
    yield narrow
    await narrow.close()


async def read(database: Database, organisation: Organisation, *, begun: asyncio.Event | None = None) -> int:
    async with database.transaction(organisation.id, is_read=True) as tx:
        if begun is not None:
            begun.set()
            await asyncio.sleep(0.1)
        await service.record_ahead(tx, organisation.clinician, "patient.read")
        return await tx.fetchval("select 1")


async def recorded(database: Database, organisation: Organisation) -> int:
    async with database.transaction(organisation.id) as tx:
        events = (await service.list_events(tx, organisation.auditor, ListQuery(page_size=200))).items
    return sum(event.action == "patient.read" for event in events)


class TestOneConnection:
    async def test_serves_many_reads_and_all_their_events(self, narrow: Database, organisation: Organisation) -> None:
        async with asyncio.timeout(4 * PATIENCE_SECONDS):
            answers = await asyncio.gather(*(read(narrow, organisation) for _ in range(40)))

        assert answers == [1] * 40
        assert await recorded(narrow, organisation) == 40

    async def test_answers_who_has_read_before_the_next_one_begins(
        self, narrow: Database, organisation: Organisation
    ) -> None:
        begun, answered = asyncio.Event(), asyncio.Event()

        async def waits_behind() -> None:
            async with narrow.transaction(organisation.id):
                # Longer than anybody waits for a connection.
                await asyncio.wait_for(answered.wait(), 2 * PATIENCE_SECONDS)

        async with asyncio.timeout(4 * PATIENCE_SECONDS):
            first = asyncio.create_task(read(narrow, organisation, begun=begun))
            first.add_done_callback(lambda _: answered.set())
            await begun.wait()
            behind = asyncio.create_task(waits_behind())
            assert await first == 1
            await behind


class TestServerAway:
    async def test_between_the_read_and_its_event_nobody_is_answered(
        self,
        cluster: Cluster,
        database_name: str,
        database: Database,
        organisation: Organisation,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        database.attach(service.ReadTrail(database))
        insert = repository.insert
        has_ended = False

        async def ended(tx: Transaction, events: Sequence[StoredEvent]) -> None:
            nonlocal has_ended
            await insert(tx, events)
            if not has_ended:
                has_ended = True
                await end_connections(cluster, database_name)
                await asyncio.sleep(0.05)

        monkeypatch.setattr(repository, "insert", ended)
        ends: list[Any] = await asyncio.gather(
            *(read(database, organisation) for _ in range(3)), return_exceptions=True
        )
        answered = [end for end in ends if end == 1]

        assert any(isinstance(end, Unavailable) for end in ends)
        assert all(end == 1 or isinstance(end, Unavailable) for end in ends)
        assert await recorded(database, organisation) >= len(answered)
