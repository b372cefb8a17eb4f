"""What a worker does stands behind people's requests when connections are short."""

import asyncio
from uuid import UUID

import msgspec
import pytest

from healthprotocol.foundation.db.pool import Pool, Priority
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.ids import OrganisationId
from healthprotocol.foundation.jobs.organisations import organisations
from healthprotocol.foundation.jobs.queue import enqueue
from healthprotocol.foundation.jobs.registry import Job, JobRegistry
from tests.foundation.jobs.workers import PATIENCE_SECONDS, eventually, working
from tests.support.postgresql import Cluster

HERE = OrganisationId(UUID("01890a5d-ac96-774b-bcce-b302099a8057"))
# As many as the pool of the tests has connections: the last one of them is never lent to the background.
SWEEPS = 4


@pytest.fixture
def asked_as(monkeypatch: pytest.MonkeyPatch) -> list[Priority]:
    """Return the classes in which connections are asked for from now on."""
    asked: list[Priority] = []
    acquire = Pool.acquire

    async def seen(pool: Pool, priority: Priority = Priority.INTERACTIVE, **more: object) -> object:
        asked.append(priority)
        return await acquire(pool, priority, **more)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(Pool, "acquire", seen)
    return asked


class TestJobs:
    async def test_wait_when_the_pool_is_full_of_them_and_a_request_passes(
        self, cluster: Cluster, database_name: str, database: Database
    ) -> None:
        holding: list[int] = []
        is_over = asyncio.Event()

        async def sweep(its: Database, job: Job) -> None:
            async with its.transaction(None) as tx:
                await tx.fetchval("select 1")
                holding.append(job.id)
                await is_over.wait()

        async def all_but_one_hold() -> bool:
            return (len(holding), database.pool.figures().waiting) == (SWEEPS - 1, 1)

        # However slow this machine is just now, the pool shall not lend fewer because of it.
        database.pool.limits = msgspec.structs.replace(database.pool.limits, least=SWEEPS)
        registry = JobRegistry()
        registry.add("sweep.floor", sweep)
        async with database.transaction(HERE) as tx:
            for _ in range(SWEEPS):
                await enqueue(tx, "sweep.floor", {})

        async with working(cluster, database_name, database, registry):
            await eventually(all_but_one_hold)
            async with asyncio.timeout(PATIENCE_SECONDS), database.transaction(HERE) as tx:
                answered = await tx.fetchval("select 1")
                still_waits = await all_but_one_hold()
            is_over.set()
            await eventually(lambda: _done(holding))

        assert (answered, still_waits) == (1, True)


class TestInBackground:
    async def test_asks_for_connections_behind_requests(self, database: Database, asked_as: list[Priority]) -> None:
        async with database.in_background().transaction(None) as tx:
            await tx.fetchval("select 1")
        async for _ in organisations(database.in_background()):
            break
        async with database.transaction(None) as tx:
            await tx.fetchval("select 1")

        assert asked_as == [Priority.BACKGROUND, Priority.BACKGROUND, Priority.INTERACTIVE]

    async def test_leaves_to_an_act_what_it_asks_for(self, database: Database, asked_as: list[Priority]) -> None:
        async with database.in_background().transaction(None, priority=Priority.CRITICAL) as tx:
            await tx.fetchval("select 1")

        assert asked_as == [Priority.CRITICAL]


async def _done(holding: list[int]) -> bool:
    return len(holding) == SWEEPS
