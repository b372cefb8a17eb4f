"""How many rollouts run at once is held to, whoever starts them together."""

import asyncio
from collections.abc import Sequence

import pytest

from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import Problem, Unavailable
from healthprotocol.foundation.flags.exposure import Outcome
from healthprotocol.foundation.ids import INSTALLATION, OrganisationId
from healthprotocol.operations.flags import service
from healthprotocol.operations.flags.errors import RolloutRunning, TooManyRollouts
from healthprotocol.operations.flags.model import Course, Rollout, RolloutStatus
from healthprotocol.operations.flags.repository import rollouts as repository
from healthprotocol.operations.flags.service import Keeper, keeping
from healthprotocol.operations.flags.service import rollouts as service_of_rollouts
from tests.operations.flags.conftest import COLOUR, FASTER
from tests.support.people import Organisation


async def begun(keeper: Keeper, organisation: Organisation, key: str, variant: str, begins: asyncio.Barrier) -> Rollout:
    async with keeper.database.transaction(organisation.id) as tx:
        await tx.fetchval("select 1")
        await begins.wait()
        return await service.start_rollout(tx, organisation.admin, key, Course(variant=variant), reason="We try it.")


class TestStartTogether:
    async def test_of_one_flag_begins_once_and_the_other_is_told(
        self, keeper: Keeper, organisation: Organisation
    ) -> None:
        begins = asyncio.Barrier(2)

        ends = await asyncio.gather(
            *(begun(keeper, organisation, FASTER.key, "on", begins) for _ in range(2)), return_exceptions=True
        )

        assert [type(one) for one in ends if not isinstance(one, Rollout)] == [RolloutRunning]

    async def test_takes_no_more_places_than_there_are(
        self, keeper: Keeper, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service_of_rollouts, "MOST_OWN", 1)
        begins = asyncio.Barrier(2)

        ends = await asyncio.gather(
            begun(keeper, organisation, FASTER.key, "on", begins),
            begun(keeper, organisation, COLOUR.key, "red", begins),
            return_exceptions=True,
        )

        assert [type(one) for one in ends if isinstance(one, Problem)] == [TooManyRollouts]


class TestKill:
    async def test_ends_a_rollout_that_begins_in_the_same_moment(
        self, keeper: Keeper, organisation: Organisation
    ) -> None:
        async def kill() -> None:
            async with keeper.database.transaction(organisation.id) as tx:
                await service.kill(tx, organisation.admin, FASTER.key, reason="It fails.")

        async with keeper.database.transaction(organisation.id) as tx:
            await service.start_rollout(tx, organisation.admin, FASTER.key, Course(variant="on"), reason="We try it.")
            killing = asyncio.create_task(kill())
            _, waiting = await asyncio.wait([killing], timeout=0.3)
        await killing

        async with keeper.database.transaction(organisation.id) as tx:
            rollout, _ = await service.get_rollout(tx, organisation.admin, FASTER.key)
        assert (waiting, rollout.status) == ({killing}, RolloutStatus.STOPPED)


class TestPlaces:
    async def test_of_organisations_leave_some_to_the_installation(
        self,
        keeper: Keeper,
        organisation: Organisation,
        other_organisation: Organisation,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(service_of_rollouts, "MOST_ROLLOUTS", 2)
        monkeypatch.setattr(service_of_rollouts, "KEPT_FOR_THE_INSTALLATION", 1)
        course = Course(variant="on")

        async with keeper.database.transaction(organisation.id) as tx:
            await service.start_rollout(tx, organisation.admin, FASTER.key, course, reason="We try it.")
        with pytest.raises(TooManyRollouts):
            async with keeper.database.transaction(other_organisation.id) as tx:
                await service.start_rollout(tx, other_organisation.admin, FASTER.key, course, reason="We try it.")
        async with keeper.database.transaction(INSTALLATION) as tx:
            rollout = await service.start_rollout(tx, None, FASTER.key, course, reason="We try it.")

        assert not rollout.is_own


class TestNeighbours:
    async def test_are_reported_and_watched_whatever_becomes_of_one(
        self,
        keeper: Keeper,
        organisation: Organisation,
        other_organisation: Organisation,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        both = (organisation, other_organisation)
        for one in both:
            async with keeper.database.transaction(one.id) as tx:
                await service.start_rollout(tx, one.admin, FASTER.key, Course(variant="on"), reason="We try it.")
        add, watch = repository.add_outcomes, keeping.watch_rollouts
        reported: list[OrganisationId] = []
        watched: list[OrganisationId] = []

        async def added(tx: Transaction, node: int, outcomes: Sequence[Outcome]) -> None:
            reported.append(tx.tenant)
            if len(reported) == 1:
                raise ValueError("its row is broken")
            await add(tx, node, outcomes)

        async def looked(database: Database, tenant: OrganisationId) -> int:
            watched.append(tenant)
            if len(watched) == 1:
                raise Unavailable(retry_after_seconds=1)
            return await watch(database, tenant)

        monkeypatch.setattr(repository, "add_outcomes", added)
        monkeypatch.setattr(keeping, "watch_rollouts", looked)
        with pytest.raises(Unavailable):
            await keeper.report_and_watch(with_counts=False)

        assert set(reported) == set(watched) == {one.id for one in both}
