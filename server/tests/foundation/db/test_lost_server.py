"""A server that goes away in the middle is told as 503, and a fault of ours is not."""

import asyncio

import asyncpg
import pytest

from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import Unavailable
from tests.support.postgresql import Cluster
from tests.support.timing import PATIENCE_SECONDS

RUNNING = """
select exists (
  select from pg_stat_activity
  where datname = $1 and pid <> pg_backend_pid() and state = 'active' and query ilike $2
)
"""


async def end_connections(cluster: Cluster, name: str) -> None:
    connection = await asyncpg.connect(cluster.admin_url(name))
    await connection.fetch(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()", name
    )
    await connection.close()


async def until_runs(cluster: Cluster, name: str, statement: str) -> None:
    """Wait until PostgreSQL is in the middle of a statement that begins so. Raises TimeoutError."""
    connection = await asyncpg.connect(cluster.admin_url(name))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await connection.fetchval(RUNNING, name, f"{statement}%"):  # noqa: ASYNC110 - we ask a server
            await asyncio.sleep(0.01)
    await connection.close()


class TestLostServer:
    async def test_between_two_statements(self, cluster: Cluster, database_name: str, database: Database) -> None:
        async def act() -> None:
            async with database.transaction(None) as tx:
                await end_connections(cluster, database_name)
                await tx.fetchval("select 1")

        with pytest.raises(Unavailable):
            await act()

    async def test_during_a_statement(self, cluster: Cluster, database_name: str, database: Database) -> None:
        async def ending() -> None:
            await until_runs(cluster, database_name, "select pg_sleep")
            await end_connections(cluster, database_name)

        async def waiting() -> None:
            async with database.transaction(None) as tx:
                await tx.fetchval("select pg_sleep(15)")

        with pytest.raises(Unavailable):
            await asyncio.gather(waiting(), ending())

    async def test_before_the_commit(self, cluster: Cluster, database_name: str, database: Database) -> None:
        async def act() -> None:
            async with database.transaction(None) as tx:
                await tx.fetchval("select 1")
                await end_connections(cluster, database_name)
                await asyncio.sleep(0.05)

        with pytest.raises(Unavailable):
            await act()

    async def test_the_next_transaction_finds_another_connection(
        self, cluster: Cluster, database_name: str, database: Database
    ) -> None:
        for _ in range(5):
            await end_connections(cluster, database_name)
            await asyncio.sleep(0.05)
            async with database.transaction(None) as tx:
                assert await tx.fetchval("select 1") == 1

    async def test_a_fault_of_ours_stays_one(self, database: Database) -> None:
        with pytest.raises(asyncpg.InterfaceError):
            async with database.transaction(None) as tx:
                await tx.fetchval("select $1::int", 1, 2)
