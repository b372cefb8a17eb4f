"""PostgreSQL dies in the middle of long work: the worker waits for it, goes on, and nothing happens twice."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.ids import AccountId, OrganisationId
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.operations import Operation
from tests.foundation.jobs.filling import registry
from tests.foundation.jobs.workers import eventually, working
from tests.support.postgresql import TEMPLATE, Cluster, open_database, start_cluster

HERE = OrganisationId(UUID("01890a5d-ac96-774b-bcce-b302099a8057"))
SOMEONE = AccountId(UUID("01890a5d-ac96-774b-bcce-b302099a8059"))


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Cluster]:
    """A server of this test alone, because it is killed."""
    started = start_cluster(tmp_path)
    yield started
    started.server.stop()


@pytest.fixture
async def mortal_database(mortal: Cluster) -> AsyncIterator[Database]:
    connection = await asyncpg.connect(mortal.admin_url(TEMPLATE))
    await connection.execute("create table filled (number int primary key)")
    await connection.execute("grant select, insert on filled to hp_app")
    await connection.close()
    opened = await open_database(mortal, TEMPLATE)
    yield opened
    await opened.close()


async def present(database: Database, operation: Operation) -> Operation:
    async with database.transaction(HERE) as tx:
        return await operations.get(tx, operation.id)


class TestKilledDatabase:
    async def test_the_work_is_whole_afterwards(self, mortal: Cluster, mortal_database: Database) -> None:
        async with mortal_database.transaction(HERE) as tx:
            operation = await operations.submit(tx, "fill", created_by=SOMEONE, input={"until": 200}, total=200)

        async with working(mortal, TEMPLATE, mortal_database, registry(0.02)):
            for done in (30, 90):
                await eventually(lambda done=done: _is_past(mortal_database, operation, done))
                assert mortal.server.pid is not None
                os.kill(mortal.server.pid, signal.SIGKILL)
                await asyncio.sleep(0.3)
                await asyncio.to_thread(mortal.server.restart)
            await eventually(lambda: _is_past(mortal_database, operation, 200))
            await eventually(lambda: _is_over(mortal_database, operation))

        after = await present(mortal_database, operation)
        async with mortal_database.transaction(None) as tx:
            numbers = [row["number"] for row in await tx.fetch("select number from filled order by number")]
            dead = await tx.fetchval("select count(*) from pgqueuer.pgqueuer where status = 'failed'")
        assert (after.status, after.done) == ("succeeded", 200)
        assert numbers == list(range(1, 201))
        assert dead == 0


async def _is_over(database: Database, operation: Operation) -> bool:
    return (await present(database, operation)).status != "running"


async def _is_past(database: Database, operation: Operation, done: int) -> bool:
    try:
        return (await present(database, operation)).done >= done
    except Exception:  # noqa: BLE001 - the server is down, which is the point
        return False
