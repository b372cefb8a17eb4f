"""Reads on a real streaming replica: never less than the reader wrote, left out when it lags, dies or is promoted."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from healthprotocol.foundation.db import loan, replicas
from healthprotocol.foundation.db.pool.postgresql import make_pool
from healthprotocol.foundation.db.replicas import Replicas
from healthprotocol.foundation.db.transaction import Database, ReplicaFailed
from healthprotocol.trust.audit import service as audit
from tests.support.people import Organisation
from tests.support.postgresql import Cluster
from tests.support.standby import Standby, let_replicas_in, standby_of

RENAME = "update organisation set name = $1"
NAME = "select name from organisation"
IS_REPLICA = "select pg_is_in_recovery()"


@pytest.fixture(scope="module")
def standby(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standby]:
    asyncio.run(let_replicas_in(cluster))
    with standby_of(cluster, tmp_path_factory.mktemp("standby") / "copy") as started:
        yield started


async def attach(database: Database, *urls: str) -> Replicas:
    pools = [make_pool(url, size=4, statement_timeout_seconds=5) for url in urls]
    found = database.replicas = Replicas(database.pool, pools)
    found.start()
    return found


@pytest.fixture
async def following(
    database: Database,
    organisation: Organisation,
    cluster: Cluster,
    database_name: str,
    standby: Standby,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Replicas]:
    assert organisation
    # However long this machine stands still: what is tried here is not how soon a replica is given up.
    monkeypatch.setattr(replicas, "_ANSWER_SECONDS", 60.0)
    found = await attach(database, standby.app_url(cluster, database_name))
    found.longest_lag_seconds = 60.0
    await until(found, "serving")
    yield found
    await standby.run("select pg_wal_replay_resume()")
    await found.close()


async def until(found: Replicas, state: str) -> None:
    for _ in range(1_200):
        if found.seen()[0].state == state:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(found.seen())


async def reads_on_replica(database: Database, organisation: Organisation) -> bool:
    async with database.transaction(organisation.id, actor=organisation.admin, read_only=True) as tx:
        return await tx.fetchval(IS_REPLICA)


async def caught_up(database: Database, organisation: Organisation) -> None:
    for _ in range(1_200):
        if await reads_on_replica(database, organisation):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("no replica ever served")


class TestARead:
    async def test_that_may_is_served_by_the_replica_under_row_security(
        self, database: Database, organisation: Organisation, other_organisation: Organisation, following: Replicas
    ) -> None:
        assert other_organisation
        await caught_up(database, organisation)

        async with database.transaction(organisation.id, actor=organisation.admin, read_only=True) as tx:
            names = [row["name"] for row in await tx.fetch(NAME)]
            is_replica = await tx.fetchval(IS_REPLICA)

        assert is_replica
        assert names == ["Delta Clinic"]
        assert following.seen()[0].state == "serving"

    async def test_that_did_not_ask_for_it_is_the_primarys(
        self, database: Database, organisation: Organisation, following: Replicas
    ) -> None:
        assert following
        async with database.transaction(organisation.id, actor=organisation.admin) as tx:
            assert not await tx.fetchval(IS_REPLICA)

    async def test_leaves_its_trace_on_the_primary_before_the_block_is_over(
        self, database: Database, organisation: Organisation, following: Replicas
    ) -> None:
        assert following
        await caught_up(database, organisation)

        async with database.transaction(organisation.id, actor=organisation.admin, read_only=True) as tx:
            assert await tx.fetchval(IS_REPLICA)
            await audit.record(tx, organisation.admin, "river.read")
        async with database.transaction(organisation.id) as tx:
            found = await tx.fetchval("select count(*) from audit_event where action = 'river.read'")

        assert found == 1

    async def test_whose_trace_cannot_be_written_is_not_answered(
        self, database: Database, organisation: Organisation, following: Replicas
    ) -> None:
        assert following
        await caught_up(database, organisation)

        async def fails() -> None:
            raise asyncpg.LockNotAvailableError

        async def act() -> None:
            async with database.transaction(organisation.id, actor=organisation.admin, read_only=True) as tx:
                tx.before_commit(fails)

        with pytest.raises(Exception, match="Not available"):
            await act()

    async def test_that_writes_after_all_says_that_only_the_primary_can(
        self, database: Database, organisation: Organisation, following: Replicas
    ) -> None:
        assert following
        await caught_up(database, organisation)

        async def act() -> None:
            async with database.transaction(organisation.id, actor=organisation.admin, read_only=True) as tx:
                await tx.execute(RENAME, "Tagus Clinic")

        with pytest.raises(ReplicaFailed):
            await act()


class TestOnesOwnWrites:
    async def test_are_never_missing(self, database: Database, organisation: Organisation, following: Replicas) -> None:
        served = 0
        for number in range(600):
            if number >= 60 and served > 10:
                break
            async with database.transaction(organisation.id, actor=organisation.admin) as tx:
                await tx.execute(RENAME, f"River {number}")
            for _ in range(3):
                async with database.transaction(organisation.id, actor=organisation.admin, read_only=True) as tx:
                    assert await tx.fetchval(NAME) == f"River {number}"
                    served += await tx.fetchval(IS_REPLICA)
                await asyncio.sleep(0.01 * (number % 12))

        assert served > 10
        assert following.seen()[0].state == "serving"

    async def test_are_the_primarys_while_replay_stands_still(
        self, database: Database, organisation: Organisation, following: Replicas, standby: Standby
    ) -> None:
        await caught_up(database, organisation)
        await standby.run("select pg_wal_replay_pause()")

        async with database.transaction(organisation.id, actor=organisation.admin) as tx:
            await tx.execute(RENAME, "Tagus Clinic")
        async with database.transaction(organisation.id, actor=organisation.admin, read_only=True) as tx:
            mine, is_mine_replica = await tx.fetchval(NAME), await tx.fetchval(IS_REPLICA)
        async with database.transaction(organisation.id, actor=organisation.clinician, read_only=True) as tx:
            others = await tx.fetchval(NAME)

        assert (mine, is_mine_replica) == ("Tagus Clinic", False)
        # Within the bound others may still be shown what was: that is what they asked for.
        assert others == "Delta Clinic"
        following.longest_lag_seconds = replicas.LONGEST_LAG_SECONDS
        await until(following, "lagging")
        assert not await reads_on_replica(database, organisation)

    async def test_are_the_primarys_when_nobody_waited_for_the_end_of_the_commit(
        self,
        database: Database,
        organisation: Organisation,
        following: Replicas,
        standby: Standby,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        await caught_up(database, organisation)
        await standby.run("select pg_wal_replay_pause()")
        is_committed, never = asyncio.Event(), asyncio.Event()

        async def position(_connection: object) -> int:
            is_committed.set()
            await never.wait()
            return 0

        async def rename() -> None:
            async with database.transaction(organisation.id, actor=organisation.admin) as tx:
                await tx.execute(RENAME, "Tagus Clinic")

        monkeypatch.setattr(loan, "_position", position)
        renaming = asyncio.create_task(rename())
        await is_committed.wait()
        renaming.cancel()
        await asyncio.wait({renaming})

        assert following.choose(organisation.admin.account_id) is None

    async def test_in_another_process_are_seen_by_the_position_that_travelled(
        self, database: Database, organisation: Organisation, following: Replicas, standby: Standby
    ) -> None:
        await caught_up(database, organisation)
        await standby.run("select pg_wal_replay_pause()")
        async with database.transaction(organisation.id, actor=organisation.admin) as tx:
            await tx.execute(RENAME, "Tagus Clinic")
        position = tx.position
        assert position is not None

        # Another process remembers nothing of this account.
        following._wrote.clear()
        assert following.choose(organisation.admin.account_id) is not None
        assert following.choose(organisation.admin.account_id, after=position) is None


class TestAReplica:
    async def test_that_stops_is_left_out_and_comes_back(
        self,
        database: Database,
        organisation: Organisation,
        following: Replicas,
        standby: Standby,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        await caught_up(database, organisation)
        monkeypatch.setattr(replicas, "_ANSWER_SECONDS", 1.0)
        await asyncio.to_thread(standby.die)
        for _ in range(5):
            try:
                assert not await reads_on_replica(database, organisation)
            except ReplicaFailed:
                await asyncio.sleep(0.3)
        await until(following, "away")
        assert not await reads_on_replica(database, organisation)

        await asyncio.to_thread(standby.restart)
        await until(following, "serving")
        await caught_up(database, organisation)

    async def test_that_lags_is_left_out_and_comes_back(
        self, database: Database, organisation: Organisation, following: Replicas, standby: Standby
    ) -> None:
        following.longest_lag_seconds = replicas.LONGEST_LAG_SECONDS
        await standby.run("select pg_wal_replay_pause()")
        async with database.transaction(organisation.id) as tx:
            await tx.execute(RENAME, "Tagus Clinic")
        await until(following, "lagging")

        await standby.run("select pg_wal_replay_resume()")
        await until(following, "serving")

    async def test_that_was_promoted_is_left_out(
        self, database: Database, organisation: Organisation, cluster: Cluster, database_name: str, tmp_path: Path
    ) -> None:
        await let_replicas_in(cluster)
        with standby_of(cluster, tmp_path / "copy") as other:
            found = await attach(database, other.app_url(cluster, database_name))
            await until(found, "serving")

            await other.run("select pg_promote()")
            await until(found, "promoted")

            assert not await reads_on_replica(database, organisation)
            await found.close()


class TestMemory:
    async def test_is_bounded_and_whoever_is_forgotten_sees_no_less(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(replicas, "MOST_REMEMBERED", 3)
        now = 100.0
        found = Replicas(database.pool, [], clock=lambda: now)
        for number in range(5):
            found.wrote(UUID(int=number), 10 + number)

        assert len(found._wrote) == 3
        assert found._needed(UUID(int=0)) == 11
        assert found._needed(UUID(int=4)) == 14
        assert found._needed(None) == 11
        now += 60
        assert found._needed(UUID(int=4)) == 0
