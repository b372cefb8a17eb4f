"""A bad change, rolled out to real server processes: the guard takes it back, and every process hears of it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import UUID

import httpx2
import msgspec
import pytest

from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.flags.guard import Plan
from healthprotocol.foundation.flags.runtime import Flags
from healthprotocol.foundation.ids import INSTALLATION, OrganisationId
from healthprotocol.operations.flags import service
from healthprotocol.operations.flags.model import Course, Rollout, RolloutStage, RolloutStatus, Step
from tests.faults.flagged import FLAG, REGISTRY
from tests.foundation.jobs.workers import process
from tests.support.launched import free_port
from tests.support.people import Organisation
from tests.support.postgresql import Cluster

SERVER = "tests.faults.flagged"
ACCOUNTS = [UUID(int=10_000 + number) for number in range(40)]
REQUESTS_A_SECOND = 40.0
HALF = (RolloutStage(percentage=50, hold_seconds=3_600), RolloutStage(percentage=100, hold_seconds=3_600))
# The figure for 5 % at 20 treated requests a second is 21 s in 99 of 100; then a report, a look, and a busy machine.
LONGEST_SECONDS = 40.0


class Nodes(msgspec.Struct, frozen=True):
    """Two server processes, and people who ask them in turn."""

    database: Database
    organisation: Organisation
    ports: tuple[int, ...]
    http: httpx2.AsyncClient
    children: list[asyncio.subprocess.Process]

    async def ask(self, port: int, account: UUID) -> int | bool:
        """Return what the flag gives an account at a process, the status where it failed."""
        headers = {"x-actor": str(account), "x-organisation": str(self.organisation.id)}
        answer = await self.http.get(f"http://127.0.0.1:{port}/api/v1/tests/flagged", headers=headers)
        return answer.json() if answer.status_code == 200 else answer.status_code

    async def treated_at(self, port: int) -> int:
        """Return how many accounts a process treats, or fails."""
        return sum([await self.ask(port, account) is not False for account in ACCOUNTS])

    async def ask_for(self, seconds: float) -> None:
        """Ask at a bounded rate, as many people at once as are waiting, for so long."""
        loop, waiting = asyncio.get_running_loop(), set[asyncio.Task[int | bool]]()
        began, number = loop.time(), 0
        try:
            while loop.time() - began < seconds:
                port = self.ports[number % len(self.ports)]
                waiting.add(asyncio.create_task(self.ask(port, ACCOUNTS[number % len(ACCOUNTS)])))
                waiting = {task for task in waiting if not task.done()}
                number += 1
                await asyncio.sleep(max(0.0, began + number / REQUESTS_A_SECOND - loop.time()))
        finally:
            await asyncio.gather(*waiting, return_exceptions=True)

    async def start(
        self,
        stages: tuple[RolloutStage, ...] = HALF,
        plan: Plan | None = None,
        *,
        tenant: OrganisationId = INSTALLATION,
    ) -> Rollout:
        async with self.database.transaction(tenant) as tx:
            return await service.start_rollout(
                tx, None, FLAG.key, Course(variant="on", stages=stages, plan=plan or Plan()), reason="We try it."
            )

    async def present(self) -> tuple[Rollout, list[Step]]:
        async with self.database.transaction(self.organisation.id) as tx:
            return await service.get_rollout(tx, None, FLAG.key)

    async def until_over(self, *, most_seconds: float) -> tuple[Rollout, list[Step], float]:
        """Have people ask until the rollout is over; return how long that took."""
        began = time.monotonic()
        asking = asyncio.create_task(self.ask_for(most_seconds))
        try:
            while time.monotonic() - began < most_seconds:
                rollout, steps = await self.present()
                if rollout.status is not RolloutStatus.RUNNING:
                    return rollout, steps, time.monotonic() - began
                await asyncio.sleep(0.1)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        raise AssertionError(f"the rollout goes on after {most_seconds} s")


@pytest.fixture
async def harm(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The share of treated requests that fail, and the seconds by which they are slower."""
    return getattr(request, "param", ("0", "0"))


@pytest.fixture
async def nodes(
    cluster: Cluster, database: Database, database_name: str, organisation: Organisation, harm: tuple[str, str]
) -> AsyncIterator[Nodes]:
    database.flags = Flags(REGISTRY)
    async with AsyncExitStack() as stack:
        ports, children = (free_port(), free_port()), list[asyncio.subprocess.Process]()
        for port in ports:
            arguments = (cluster.app_url(database_name), str(cluster.root_key), str(port), *harm)
            children.append(
                await stack.enter_async_context(process(SERVER, *arguments, stdout=asyncio.subprocess.DEVNULL))
            )
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=10))
        nodes = Nodes(database, organisation, ports, http, children)
        await asyncio.gather(*[_until_serving(nodes, port) for port in ports])
        yield nodes


async def _until_serving(nodes: Nodes, port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await nodes.ask(port, ACCOUNTS[0])
            except httpx2.TransportError:
                await asyncio.sleep(0.1)
            else:
                return


class TestABadChange:
    @pytest.mark.parametrize("harm", [("0.05", "0")], indirect=True)
    async def test_that_fails_is_taken_back_everywhere(self, nodes: Nodes) -> None:
        await nodes.start()

        rollout, steps, seconds = await nodes.until_over(most_seconds=LONGEST_SECONDS)

        assert (rollout.status, rollout.why) == (RolloutStatus.ROLLED_BACK, "errors")
        assert seconds < LONGEST_SECONDS
        evidence = steps[-1].evidence
        assert evidence["error_score"] >= evidence["threshold"]
        assert evidence["treated"]["errors"] > evidence["control"]["errors"]
        await asyncio.sleep(1)
        assert [await nodes.treated_at(port) for port in nodes.ports] == [0, 0]

    @pytest.mark.parametrize("harm", [("0.2", "0")], indirect=True)
    async def test_of_one_organisation_is_taken_back_there_alone(self, nodes: Nodes) -> None:
        await nodes.start(tenant=nodes.organisation.id)

        rollout, steps, _ = await nodes.until_over(most_seconds=LONGEST_SECONDS)

        async with nodes.database.transaction(nodes.organisation.id) as tx:
            seen = await service.get(tx, None, FLAG.key)
        assert (rollout.status, rollout.why, rollout.is_own) == (RolloutStatus.ROLLED_BACK, "errors", True)
        assert steps[-1].evidence["treated"]["errors"] > steps[-1].evidence["control"]["errors"]
        assert (seen.own.state.is_killed, seen.installation.state.is_killed) == (True, False)
        await asyncio.sleep(1)
        assert [await nodes.treated_at(port) for port in nodes.ports] == [0, 0]

    @pytest.mark.parametrize("harm", [("0", "0.4")], indirect=True)
    async def test_that_is_slow_is_taken_back(self, nodes: Nodes) -> None:
        # What is usual is known before the change begins to be: 400 requests of the control.
        await nodes.start()

        rollout, steps, _ = await nodes.until_over(most_seconds=60)

        assert (rollout.status, rollout.why) == (RolloutStatus.ROLLED_BACK, "latency")
        evidence = steps[-1].evidence
        assert evidence["treated"]["slow_share"] > 3 * evidence["control"]["slow_share"]


class TestAGoodChange:
    async def test_goes_through_all_stages_by_itself(self, nodes: Nodes) -> None:
        stages = tuple(RolloutStage(percentage=share, hold_seconds=1) for share in (10, 50, 100))
        await nodes.start(stages, Plan(least_requests=10))

        rollout, steps, _ = await nodes.until_over(most_seconds=60)

        assert rollout.status is RolloutStatus.COMPLETED
        assert [step.act for step in steps] == ["started", "advanced", "advanced", "completed"]
        await asyncio.sleep(1)
        assert [await nodes.treated_at(port) for port in nodes.ports] == [len(ACCOUNTS)] * 2


class TestAKill:
    async def test_is_followed_by_every_process_within_a_second(self, nodes: Nodes) -> None:
        await nodes.start((RolloutStage(percentage=100, hold_seconds=60),))
        await asyncio.sleep(1)
        before = [await nodes.ask(port, ACCOUNTS[0]) for port in nodes.ports]

        async with nodes.database.transaction(INSTALLATION) as tx:
            await service.kill(tx, None, FLAG.key, reason="It fails.")
        killed_at = time.monotonic()
        while any([await nodes.ask(port, ACCOUNTS[0]) for port in nodes.ports]):  # noqa: ASYNC110 - we ask a server
            await asyncio.sleep(0.02)

        assert before == [True, True]
        assert time.monotonic() - killed_at < 1
        assert (await nodes.present())[0].status is RolloutStatus.STOPPED


class TestMissingMetrics:
    async def test_roll_back_at_the_first_look_of_whoever_comes_next(self, nodes: Nodes) -> None:
        await nodes.start(plan=Plan(missing_after_seconds=3))
        await nodes.ask_for(2)
        for child in nodes.children:
            child.kill()
        await asyncio.sleep(4)
        before, _ = await nodes.present()

        await service.watch_rollouts(nodes.database)
        # What the processes reported last was heard now; nothing comes after it.
        await asyncio.sleep(4)
        await service.watch_rollouts(nodes.database)

        after, steps = await nodes.present()
        assert before.status is RolloutStatus.RUNNING
        assert (after.status, after.why) == (RolloutStatus.ROLLED_BACK, "missing_metrics")
        assert steps[-1].evidence["treated"]["requests"] > 0
