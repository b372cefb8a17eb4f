"""The pool before a real PostgreSQL: what it grants, who holds a connection, what a loan may not leave behind."""

import asyncio
from collections.abc import Callable
from time import monotonic

import asyncpg
import pytest
from structlog.testing import capture_logs

from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.db.pool import Pool, PoolLimits, Priority
from healthprotocol.foundation.db.pool.control import Rule, rule_of
from healthprotocol.foundation.db.pool.opening import Granted, share_of
from healthprotocol.foundation.db.pool.postgresql import STATEMENTS, Server, make_pool, open_pool
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import Unavailable
from healthprotocol.foundation.telemetry import metrics
from tests.foundation.db.test_lost_server import end_connections
from tests.support.postgresql import Cluster
from tests.support.timing import until


def hurried(pool: Pool) -> Callable[[float], None]:
    """Return what makes the pool believe that so many seconds have passed."""
    ahead = 0.0

    def passed(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    pool.clock = lambda: monotonic() + ahead
    return passed


class TestTheRule:
    def test_is_that_of_all_who_share_the_server_whatever_else_is_chosen(self) -> None:
        server = Server(url="postgresql://river@localhost/none", processes=4)

        pool = make_pool(server, size=8, statement_timeout_seconds=5, limits=PoolLimits(leak_told=1))

        assert pool.limits.rule == rule_of(4) != Rule()
        assert (pool.limits.leak_told, pool.limits.most) == (1, 8)

    def test_is_ones_own_where_one_brings_it(self) -> None:
        own = Rule(harmless=3)

        pool = make_pool(
            "postgresql://river@localhost/none", size=8, statement_timeout_seconds=5, limits=PoolLimits(rule=own)
        )

        assert pool.limits.rule == own


class TestTheShare:
    @pytest.mark.parametrize(
        ("granted", "processes", "share"),
        [
            (Granted(most=100, reserved=3, role_limit=-1, database_limit=-1), 3, 28),
            (Granted(most=100, reserved=3, role_limit=40, database_limit=-1), 3, 11),
            (Granted(most=100, reserved=3, role_limit=40, database_limit=20), 3, 4),
            (Granted(most=20, reserved=3, role_limit=-1, database_limit=-1), 64, 2),
        ],
    )
    def test_is_what_is_left_for_each_process(self, granted: Granted, processes: int, share: int) -> None:
        assert share_of(granted, processes=processes) == share

    async def test_is_asked_of_postgresql_and_bounds_the_pool(self, cluster: Cluster, database_name: str) -> None:
        server = Server(url=cluster.app_url(database_name), processes=4)
        pool = await open_pool(server, size=500, statement_timeout_seconds=5)

        # 100 of which 3 are reserved and 5 kept; 2 of each process are not its pool's, and 1 is for critical work.
        assert pool.figures().bound == (100 - 3 - 5) // 4 - 2 - 1
        await pool.close()

    async def test_a_role_that_may_have_few_is_lent_few_and_everybody_is_served(
        self, cluster: Cluster, database_name: str
    ) -> None:
        admin = await asyncpg.connect(cluster.admin_url(database_name))
        await admin.execute("create role few login password 'few' connection limit 3")
        port = cluster.admin_url(database_name).rpartition("port=")[2]
        url = f"postgresql://few:few@127.0.0.1:{port}/{database_name}"
        limits = PoolLimits(shed_after=60.0)
        pool = await open_pool(url, size=20, statement_timeout_seconds=5, limits=limits)

        async def use() -> None:
            lease = await pool.acquire(wait_seconds=30)
            await lease.connection.execute("select pg_sleep(0.02)")
            pool.release(lease, is_clean=True)

        with capture_logs():
            await asyncio.gather(*(use() for _ in range(60)))

        assert pool.figures().open <= 3
        # Two and one for critical work; one less for a while when the server was slow to close a retired one.
        assert pool.figures().bound in {1, 2}
        await pool.close()
        await admin.execute("drop role few")
        await admin.close()


class TestALeak:
    async def test_is_told_with_who_and_where_and_ended_at_last(self, cluster: Cluster, database_name: str) -> None:
        pool = await open_pool(cluster.app_url(database_name), size=2, statement_timeout_seconds=5)
        passed = hurried(pool)

        async def forget() -> None:
            await pool.acquire(request_id="01J-river")
            await asyncio.sleep(3600)

        with capture_logs() as logs:
            task = asyncio.create_task(forget(), name="forgetful")
            await until(lambda: bool(pool._watch._seen))
            passed(pool.limits.leak_told)
            await until(lambda: bool(pool.figures().holdings))
            told = pool.figures().holdings
            passed(pool.limits.leak_reclaimed)
            await until(lambda: not pool.lent)

        assert [(one.task, one.request_id, one.priority) for one in told] == [("forgetful", "01J-river", "interactive")]
        assert "pool/test_postgresql.py:" in told[0].places[0]
        assert "pool/test_postgresql.py:" in str(told[0].now_at)
        assert [line["event"] for line in logs] == ["pool.leak_suspected", "pool.leak_reclaimed"]
        assert pool.figures().counts["leaks_reclaimed"] == 1
        task.cancel()
        await pool.close()

    async def test_of_a_task_that_is_over_is_ended_soon(self, cluster: Cluster, database_name: str) -> None:
        limits = PoolLimits(leak_told=60.0, leak_reclaimed=600.0)
        pool = await open_pool(cluster.app_url(database_name), size=1, statement_timeout_seconds=5, limits=limits)

        async def forget() -> None:
            await pool.acquire()

        with capture_logs():
            await asyncio.create_task(forget())
            lease = await pool.acquire(wait_seconds=60)

        pool.release(lease, is_clean=True)
        await pool.close()

    async def test_is_none_while_statements_come(self, cluster: Cluster, database_name: str) -> None:
        pool = await open_pool(cluster.app_url(database_name), size=1, statement_timeout_seconds=5)
        passed = hurried(pool)

        lease = await pool.acquire()
        for _ in range(4):
            await lease.connection.execute("select 1")
            swept_at = pool._swept_at
            await until(lambda before=swept_at: pool._swept_at > before)
            passed(pool.limits.leak_told / 3)

        assert pool.clock() - lease.since > pool.limits.leak_told
        assert pool.figures().counts["leaks_told"] == 0
        pool.release(lease, is_clean=True)
        await pool.close()

    async def test_whose_borrower_comes_back_is_told_that_it_is_too_late(self, database: Database) -> None:
        async def act() -> None:
            async with database.transaction(None, context=RequestContext(request_id="r")) as tx:
                for lease in list(database.pool._lent):
                    database.pool.reclaim(lease)
                await tx.fetchval("select 1")

        with pytest.raises(Unavailable):
            await act()
        assert database.pool.lent == 0


class TestALoan:
    async def test_is_over_with_its_block(self, database: Database) -> None:
        async with database.transaction(None) as tx:
            pass

        with pytest.raises(asyncpg.InterfaceError, match="over"):
            await tx.fetchval("select 1")

    async def test_that_is_cancelled_while_it_rolls_back_leaves_a_clean_connection(
        self, cluster: Cluster, database_name: str
    ) -> None:
        pool = await open_pool(cluster.app_url(database_name), size=1, statement_timeout_seconds=5)

        for _ in range(10):
            lease = await pool.acquire()
            await lease.connection.execute("begin; set local app.organisation = 'x'")
            sleeping = asyncio.create_task(lease.connection.execute("select pg_sleep(5)"))
            await asyncio.sleep(0.02)
            sleeping.cancel()
            pool.release(lease, is_clean=False)

            again = await pool.acquire(wait_seconds=60)
            assert not again.connection.is_in_transaction()
            assert not await again.connection.fetchval("select current_setting('app.organisation', true)")
            pool.release(again, is_clean=True)
        await pool.close()

    async def test_is_made_on_another_connection_when_the_first_died_unseen(
        self, cluster: Cluster, database_name: str, database: Database
    ) -> None:
        async def use() -> int:
            async with database.transaction(None) as tx:
                await asyncio.sleep(0.02)
                return await tx.fetchval("select 1")

        for _ in range(5):
            await asyncio.gather(*(use() for _ in range(4)))
            await end_connections(cluster, database_name)
            assert await asyncio.gather(*(use() for _ in range(4))) == [1, 1, 1, 1]

    async def test_keeps_no_more_prepared_statements_than_are_allowed(
        self, cluster: Cluster, database_name: str
    ) -> None:
        pool = await open_pool(cluster.app_url(database_name), size=1, statement_timeout_seconds=5)
        lease = await pool.acquire()

        for number in range(STATEMENTS + 20):
            await lease.connection.fetchval(f"select {number} + $1::int", 1)

        assert await lease.connection.fetchval("select count(*) from pg_prepared_statements") <= STATEMENTS + 1
        pool.release(lease, is_clean=True)
        await pool.close()


class TestFigures:
    async def test_are_told_as_metrics(self, cluster: Cluster, database_name: str) -> None:
        pool = await open_pool(cluster.app_url(database_name), size=3, statement_timeout_seconds=5)
        lease = await pool.acquire(Priority.BACKGROUND)

        metrics.pool_seen(pool.figures())
        page = metrics.render().decode()

        assert 'hp_pool_connections{state="lent"} 1.0' in page
        assert 'hp_pool_limit{which="most"} 3.0' in page
        assert 'hp_pool_events_total{event="opened"}' in page
        pool.release(lease, is_clean=True)
        await pool.close()
