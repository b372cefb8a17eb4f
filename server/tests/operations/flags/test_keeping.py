"""What a process knows of flags while others decide, and while the database is away."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from healthprotocol.foundation.config.live import LiveChanges
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import Unavailable
from healthprotocol.foundation.flags.exposure import Exposures
from healthprotocol.foundation.flags.model import Arm, Caller, Decision
from healthprotocol.foundation.ids import INSTALLATION
from healthprotocol.operations.flags import service
from healthprotocol.operations.flags.errors import FlagKilled, RolloutRunning
from healthprotocol.operations.flags.model import Change, Course, RolloutStage, RolloutStatus
from healthprotocol.operations.flags.service import Keeper, rollouts
from tests.operations.flags.conftest import FASTER, REGISTRY, not_looked_at_for
from tests.support.people import Organisation
from tests.support.postgresql import Cluster, open_database
from tests.support.timing import best_of, until

STAGES = (RolloutStage(percentage=50, hold_seconds=60), RolloutStage(percentage=100, hold_seconds=60))
COURSE = Course(variant="on", stages=STAGES)


@asynccontextmanager
async def node(cluster: Cluster, name: str, *, listens: bool = True) -> AsyncIterator[Keeper]:
    """Another process, as far as flags go."""
    database = await open_database(cluster, name)
    changes = LiveChanges(database, listens=listens)
    keeper = Keeper(database, REGISTRY, changes)
    try:
        await keeper.tables.start()
        yield keeper
    finally:
        await changes.close()
        await database.close()


def gives(keeper: Keeper, organisation: Organisation) -> Decision:
    caller = Caller(organisation.id, organisation.admin.account_id, "admin")
    return keeper.flags.decide(FASTER, caller, keeper.database.clock())


async def decide(database: Database, asked: Change) -> None:
    async with database.transaction(INSTALLATION) as tx:
        await service.change(tx, None, FASTER.key, asked, reason="We try it.")


class TestAKill:
    @pytest.mark.parametrize("listens", [True, False])
    async def test_is_known_within_a_second_also_when_the_message_is_lost(
        self, cluster: Cluster, database_name: str, keeper: Keeper, organisation: Organisation, listens: bool
    ) -> None:
        await decide(keeper.database, Change(default="on"))
        async with node(cluster, database_name, listens=listens) as other:
            await other.tables.load(organisation.id)

            async def seconds(_attempt: int) -> float:
                await until(lambda: bool(gives(other, organisation).value))
                async with keeper.database.transaction(INSTALLATION) as tx:
                    await service.kill(tx, None, FASTER.key, reason="It fails.")
                began = time.monotonic()
                await until(lambda: not gives(other, organisation).value)
                known_after = time.monotonic() - began
                async with keeper.database.transaction(INSTALLATION) as tx:
                    await service.revive(tx, None, FASTER.key, reason="It is mended.")
                return known_after

            assert await best_of(20, seconds, enough=1.0) < 1.0


class TestAProcess:
    async def test_knows_the_declared_value_before_it_knows_anything(
        self, keeper: Keeper, organisation: Organisation
    ) -> None:
        assert gives(keeper, organisation).value is False

    async def test_keeps_what_it_knew_when_the_database_is_away(
        self, cluster: Cluster, database_name: str, keeper: Keeper, organisation: Organisation
    ) -> None:
        await decide(keeper.database, Change(default="on"))
        async with node(cluster, database_name) as other:
            await other.tables.load(organisation.id)
            await other.database.pool.close()
            await other.tables.load(organisation.id)

            assert gives(other, organisation).value is True

    async def test_counts_on_what_it_could_not_report(
        self, cluster: Cluster, database_name: str, organisation: Organisation
    ) -> None:
        async with node(cluster, database_name) as other:
            gives(other, organisation)
            await other.database.pool.close()

            with pytest.raises(Unavailable):
                await other.report(with_counts=True)

            assert other.flags.take_counts() == {FASTER.key: 1}


class TestARollout:
    async def test_is_begun_once_and_not_of_a_killed_flag(self, keeper: Keeper) -> None:
        async with keeper.database.transaction(INSTALLATION) as tx:
            await service.start_rollout(tx, None, FASTER.key, COURSE, reason="We try it.")

        with pytest.raises(RolloutRunning):
            async with keeper.database.transaction(INSTALLATION) as tx:
                await service.start_rollout(tx, None, FASTER.key, COURSE, reason="Again.")
        async with keeper.database.transaction(INSTALLATION) as tx:
            await service.kill(tx, None, FASTER.key, reason="It fails.")
        with pytest.raises(FlagKilled):
            async with keeper.database.transaction(INSTALLATION) as tx:
                await service.start_rollout(tx, None, FASTER.key, COURSE, reason="Again.")

    async def test_is_looked_at_by_one_of_many(self, keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
        async with keeper.database.transaction(INSTALLATION) as tx:
            await service.start_rollout(tx, None, FASTER.key, COURSE, reason="We try it.")
        monkeypatch.setattr(rollouts, "LOOK_EVERY", timedelta(hours=1))
        await not_looked_at_for(keeper, INSTALLATION, timedelta(hours=2))

        looked = await asyncio.gather(*[service.watch_rollouts(keeper.database) for _ in range(4)])

        assert sum(looked) == 1

    async def test_is_told_what_each_process_saw_and_that_nothing_was_seen(
        self, keeper: Keeper, organisation: Organisation
    ) -> None:
        async with keeper.database.transaction(INSTALLATION) as tx:
            await service.start_rollout(tx, None, FASTER.key, COURSE, reason="We try it.")
        await keeper.tables.load(organisation.id)
        await until(lambda: gives(keeper, organisation).arm is not None)
        exposures = Exposures()
        caller = Caller(organisation.id, organisation.admin.account_id, "admin")
        arm = keeper.flags.decide(FASTER, caller, keeper.database.clock(), exposures).arm
        exposures.ended(is_error=True, seconds=0.01)
        await keeper.report(with_counts=False)
        await keeper.report(with_counts=False)
        await not_looked_at_for(keeper, INSTALLATION, timedelta(seconds=1))

        await service.watch_rollouts(keeper.database)

        async with keeper.database.transaction(INSTALLATION) as tx:
            rollout, _ = await service.get_rollout(tx, None, FASTER.key)
            left = await tx.fetchval("select count(*) from flag_outcome")
        side = rollout.watch.treated if arm is Arm.TREATED else rollout.watch.control
        assert (side.requests, side.errors, left) == (1, 1, 0)
        assert rollout.watch.heard_at > rollout.started_at

    async def test_that_is_stopped_treats_nobody_and_kills_nothing(
        self, keeper: Keeper, organisation: Organisation
    ) -> None:
        async with keeper.database.transaction(INSTALLATION) as tx:
            await service.start_rollout(tx, None, FASTER.key, COURSE, reason="We try it.")
        async with keeper.database.transaction(INSTALLATION) as tx:
            stopped = await service.stop_rollout(tx, None, FASTER.key, reason="Not now.")
            seen = await service.get(tx, None, FASTER.key)

        assert stopped.status is RolloutStatus.STOPPED
        assert (seen.installation.state.rollout, seen.installation.state.is_killed) == (None, False)
