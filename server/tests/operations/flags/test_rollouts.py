"""A gradual rollout of one organisation, by its admin: hers alone, watched, and hers to take back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from healthprotocol.foundation.flags.exposure import Exposures
from healthprotocol.foundation.flags.model import Arm, Caller
from healthprotocol.foundation.ids import INSTALLATION, AccountId, OrganisationId
from healthprotocol.operations.flags import service
from healthprotocol.operations.flags.errors import FlagKilled, TooManyRollouts
from healthprotocol.operations.flags.model import LONGEST_PAUSE, Change, Course, Rollout, RolloutStage, RolloutStatus
from healthprotocol.operations.flags.repository import flags
from healthprotocol.operations.flags.repository import rollouts as repository
from healthprotocol.operations.flags.service import Keeper
from healthprotocol.operations.flags.service import rollouts as service_of_rollouts
from tests.operations.flags.conftest import COLOUR, FASTER, OLDER, not_looked_at_for
from tests.support.door import Door, opened
from tests.support.people import Organisation
from tests.support.timing import PATIENCE_SECONDS, until

ROLLOUT = f"/flags/{FASTER.key}/rollout"
STAGES = [{"percentage": 50, "hold_seconds": 60}, {"percentage": 100, "hold_seconds": 60}]
START = {"variant": "on", "stages": STAGES, "reason": "We try it."}
A_SECOND = timedelta(seconds=1)
BECAUSE = {"reason": "Not on a Friday."}
HALF = Course(
    variant="on",
    stages=(RolloutStage(percentage=50, hold_seconds=60), RolloutStage(percentage=100, hold_seconds=60)),
)


@pytest.fixture
async def door(keeper: Keeper, organisation: Organisation, other_organisation: Organisation) -> AsyncIterator[Door]:
    people = {
        "admin": organisation.admin,
        "clinician": organisation.clinician,
        "stranger": other_organisation.admin,
    }
    async with opened(keeper.database, people) as door:
        yield door


async def begun(keeper: Keeper, organisation: Organisation, course: Course = HALF) -> None:
    """Have an organisation roll a flag out, and this process know it."""
    async with keeper.database.transaction(organisation.id) as tx:
        await service.start_rollout(tx, organisation.admin, FASTER.key, course, reason="We try it.")
    await known(keeper, organisation)


async def known(keeper: Keeper, organisation: Organisation) -> None:
    """Wait until this process knows that a rollout runs."""
    await keeper.tables.load(organisation.id)
    await until(lambda: gives(keeper, organisation.id, organisation.admin.account_id)[0] is not None)


def gives(keeper: Keeper, organisation_id: OrganisationId, account_id: AccountId) -> tuple[Arm | None, Any]:
    caller = Caller(organisation_id, account_id, "clinician")
    decision = keeper.flags.decide(FASTER, caller, keeper.database.clock())
    return decision.arm, decision.value


async def requests_end(keeper: Keeper, organisation: Organisation, *, fails: Arm, of: int = 400) -> None:
    """Have many accounts ask, and those of one side fail."""
    for _ in range(of):
        exposures = Exposures()
        caller = Caller(organisation.id, AccountId(uuid4()), "clinician")
        arm = keeper.flags.decide(FASTER, caller, keeper.database.clock(), exposures).arm
        exposures.ended(is_error=arm is fails, seconds=0.01)
    await keeper.report(with_counts=False)


async def status_of(door: Door) -> str:
    return (await door.ask("admin", "GET", ROLLOUT)).json()["rollout"]["status"]


class TestStart:
    async def test_is_refused_to_nobody_and_the_wrong_role(self, door: Door) -> None:
        for path in (ROLLOUT, *(f"{ROLLOUT}/{act}" for act in ("pause", "resume", "stop", "rollback"))):
            body = START if path == ROLLOUT else BECAUSE
            answers = [await door.ask(who, "POST", path, body) for who in (None, "clinician")]

            assert [one.status_code for one in answers] == [401, 403]

    async def test_treats_a_share_of_the_own_accounts_and_nobody_elsewhere(
        self, door: Door, keeper: Keeper, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        started = await door.ask("admin", "POST", ROLLOUT, START)
        await known(keeper, organisation)
        await keeper.tables.load(other_organisation.id)
        accounts = [AccountId(uuid4()) for _ in range(400)]

        here = [gives(keeper, organisation.id, one) for one in accounts]
        elsewhere = {gives(keeper, other_organisation.id, one) for one in accounts}

        rollout = started.json()["rollout"]
        assert (started.status_code, started.headers["location"]) == (201, f"/api/v1{ROLLOUT}")
        assert (rollout["status"], rollout["percentage"], rollout["is_own"]) == ("running", 50.0, True)
        assert set(here) == {(Arm.TREATED, True), (Arm.CONTROL, False)}
        assert 150 < here.count((Arm.TREATED, True)) < 250
        assert elsewhere == {(None, False)}

    async def test_is_seen_by_the_own_organisation_alone(self, door: Door) -> None:
        await door.ask("admin", "POST", ROLLOUT, START)

        own = (await door.ask("admin", "GET", f"/flags/{FASTER.key}")).json()
        elsewhere = await door.ask("stranger", "GET", ROLLOUT)

        assert (own["own"]["state"]["rollout_percentage"], own["rollout"]["is_own"]) == (50.0, True)
        assert elsewhere.status_code == 404

    async def test_sent_twice_begins_once(self, door: Door) -> None:
        answers = [await door.ask("admin", "POST", ROLLOUT, START, idempotency_key="rollout-1") for _ in range(2)]

        assert [one.status_code for one in answers] == [201, 201]
        assert answers[0].json()["rollout"]["id"] == answers[1].json()["rollout"]["id"]

    @pytest.mark.parametrize(
        ("wrong", "pointer"),
        [
            ({"variant": "half"}, "/variant"),
            ({"variant": "off"}, "/variant"),
            ({"stages": [{"percentage": 50, "hold_seconds": 60}]}, "/stages"),
            ({"stages": [STAGES[1], STAGES[0]]}, "/stages/1/percentage"),
            ({"stages": [{"percentage": 0, "hold_seconds": 60}]}, "/stages/0/percentage"),
            ({"stages": [{"percentage": 100, "hold_seconds": 9e9}]}, "/stages/0/hold_seconds"),
            ({"reason": ""}, "/reason"),
        ],
    )
    async def test_names_the_field_that_cannot_be(self, door: Door, wrong: dict[str, Any], pointer: str) -> None:
        answer = await door.ask("admin", "POST", ROLLOUT, {**START, **wrong})

        assert answer.status_code == 422
        assert pointer in [one["pointer"] for one in answer.json()["errors"]]

    async def test_of_a_flag_that_is_killed_for_all_is_refused(
        self, keeper: Keeper, organisation: Organisation
    ) -> None:
        async with keeper.database.transaction(INSTALLATION) as tx:
            await service.kill(tx, None, FASTER.key, reason="It fails.")

        with pytest.raises(FlagKilled):
            async with keeper.database.transaction(organisation.id) as tx:
                await service.start_rollout(tx, organisation.admin, FASTER.key, HALF, reason="Again.")

    async def test_runs_so_many_at_once(
        self, keeper: Keeper, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service_of_rollouts, "MOST_OWN", 1)
        await begun(keeper, organisation)

        with pytest.raises(TooManyRollouts):
            async with keeper.database.transaction(organisation.id) as tx:
                await service.start_rollout(tx, organisation.admin, OLDER.key, HALF, reason="One more.")

    async def test_is_in_the_audit_log(self, door: Door, keeper: Keeper, organisation: Organisation) -> None:
        await door.ask("admin", "POST", ROLLOUT, START)
        await door.ask("admin", "POST", f"{ROLLOUT}/stop", BECAUSE)

        async with keeper.database.transaction(organisation.id) as tx:
            rows = await tx.fetch("select action, actor_id from audit_event where action like 'flag.%' order by id")
        assert [(row["action"], row["actor_id"]) for row in rows] == [
            ("flag.rollout_started", organisation.admin.account_id),
            ("flag.rollout_stopped", organisation.admin.account_id),
        ]


class TestTheGuard:
    async def test_kills_the_flag_of_the_organisation_whose_treated_fail(
        self, keeper: Keeper, organisation: Organisation, door: Door
    ) -> None:
        await begun(keeper, organisation)
        await requests_end(keeper, organisation, fails=Arm.TREATED)
        await not_looked_at_for(keeper, organisation.id, A_SECOND)

        looked = await service.watch_rollouts(keeper.database, organisation.id)

        found = (await door.ask("admin", "GET", ROLLOUT)).json()
        flag = (await door.ask("admin", "GET", f"/flags/{FASTER.key}")).json()
        assert looked == 1
        assert (found["rollout"]["status"], found["rollout"]["why"]) == ("rolled_back", "errors")
        assert (flag["own"]["state"]["is_killed"], flag["installation"]["state"]["is_killed"]) == (True, False)

    async def test_lets_an_admin_revive_and_begin_again(
        self, keeper: Keeper, organisation: Organisation, door: Door
    ) -> None:
        await begun(keeper, organisation)
        await door.ask("admin", "POST", f"{ROLLOUT}/rollback", BECAUSE)
        early = await door.ask("admin", "POST", ROLLOUT, START)
        revived = await door.ask("admin", "POST", f"/flags/{FASTER.key}/revive", BECAUSE)

        again = await door.ask("admin", "POST", ROLLOUT, START)

        assert (early.status_code, revived.json()["own"]["state"]["is_killed"]) == (409, False)
        assert again.json()["rollout"]["status"] == "running"

    async def test_takes_a_rollout_back_that_nobody_reports_of(
        self, keeper: Keeper, organisation: Organisation
    ) -> None:
        plan = msgspec.structs.replace(HALF.plan, missing_after_seconds=0.5)
        await begun(keeper, organisation, msgspec.structs.replace(HALF, plan=plan))
        await asyncio.sleep(1)

        await service.watch_rollouts(keeper.database, organisation.id)

        async with keeper.database.transaction(organisation.id) as tx:
            rollout, _ = await service.get_rollout(tx, None, FASTER.key)
        assert (rollout.status, rollout.why) == (RolloutStatus.ROLLED_BACK, "missing_metrics")

    async def test_looks_after_it_by_itself(self, keeper: Keeper, organisation: Organisation, door: Door) -> None:
        plan = msgspec.structs.replace(HALF.plan, least_requests=0)
        stages = (RolloutStage(percentage=50, hold_seconds=1), RolloutStage(percentage=100, hold_seconds=1))
        await keeper.start()
        await begun(keeper, organisation, Course(variant="on", stages=stages, plan=plan))

        async with asyncio.timeout(PATIENCE_SECONDS):
            while await status_of(door) == "running":  # noqa: ASYNC110 - we ask a server
                await asyncio.sleep(0.2)

        flag = (await door.ask("admin", "GET", f"/flags/{FASTER.key}")).json()
        await keeper.close()
        assert flag["rollout"]["status"] == "completed"
        assert (flag["own"]["state"]["default"], flag["installation"]["revision"]) == ("on", 0)


class TestTurns:
    async def test_pause_rests_in_the_stage_and_resume_goes_on(
        self, keeper: Keeper, organisation: Organisation, door: Door
    ) -> None:
        plan = msgspec.structs.replace(HALF.plan, least_requests=0)
        stages = (RolloutStage(percentage=50, hold_seconds=0.1), RolloutStage(percentage=100, hold_seconds=60))
        await begun(keeper, organisation, Course(variant="on", stages=stages, plan=plan))
        percentages: list[float] = []
        for act in ("pause", "resume"):
            await door.ask("admin", "POST", f"{ROLLOUT}/{act}", BECAUSE)
            await keeper.report(with_counts=False)
            await not_looked_at_for(keeper, organisation.id, A_SECOND)
            # The stage's time is up, however quick this machine is.
            await asyncio.sleep(2 * stages[0].hold_seconds)
            await service.watch_rollouts(keeper.database, organisation.id)
            percentages.append((await door.ask("admin", "GET", ROLLOUT)).json()["rollout"]["percentage"])

        steps = [one["act"] for one in (await door.ask("admin", "GET", ROLLOUT)).json()["steps"]]
        assert percentages == [50, 100]
        assert steps == ["started", "paused", "resumed", "advanced"]

    async def test_stop_treats_nobody_and_kills_nothing(
        self, keeper: Keeper, organisation: Organisation, door: Door
    ) -> None:
        await begun(keeper, organisation)

        stopped = await door.ask("admin", "POST", f"{ROLLOUT}/stop", BECAUSE)

        flag = (await door.ask("admin", "GET", f"/flags/{FASTER.key}")).json()
        assert stopped.json()["rollout"]["status"] == "stopped"
        assert (flag["own"]["state"]["rollout_percentage"], flag["own"]["state"]["is_killed"]) == (None, False)

    async def test_of_what_does_not_run_or_is_an_operator_s_are_refused(self, keeper: Keeper, door: Door) -> None:
        nothing = await door.ask("admin", "POST", f"{ROLLOUT}/stop", BECAUSE)
        async with keeper.database.transaction(INSTALLATION) as tx:
            await service.start_rollout(tx, None, FASTER.key, HALF, reason="Release 1.4.")
        shown = await door.ask("admin", "GET", ROLLOUT)
        foreign = await door.ask("admin", "POST", f"{ROLLOUT}/stop", BECAUSE)

        assert (nothing.status_code, foreign.status_code) == (409, 409)
        assert shown.json()["rollout"]["is_own"] is False


class TestAForgottenPause:
    async def test_is_ended_by_the_guard_kills_nothing_and_gives_the_place_free(
        self, keeper: Keeper, organisation: Organisation, door: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service_of_rollouts, "MOST_OWN", 1)
        await begun(keeper, organisation)
        paused = (await door.ask("admin", "POST", f"{ROLLOUT}/pause", BECAUSE)).json()["rollout"]

        before = await looked_after(keeper, organisation, LONGEST_PAUSE - timedelta(minutes=1))
        after = await looked_after(keeper, organisation, LONGEST_PAUSE + timedelta(minutes=1))

        assert paused["paused_until"] is not None
        assert (before.status, before.why) == (RolloutStatus.RUNNING, None)
        assert (after.status, after.why) == (RolloutStatus.STOPPED, service_of_rollouts.PAUSED_TOO_LONG)
        async with keeper.database.transaction(organisation.id) as tx:
            seen = await service.get(tx, organisation.admin, FASTER.key)
            audited = await tx.fetchval("select count(*) from audit_event where action = 'flag.rollout_stopped'")
            _, steps = await service.get_rollout(tx, None, FASTER.key)
            again = await service.start_rollout(tx, organisation.admin, OLDER.key, HALF, reason="The next.")
        assert (seen.own.state.rollout, seen.own.state.is_killed, audited) == (None, False, 1)
        assert (steps[-1].act, again.status) == ("pause_ended", RolloutStatus.RUNNING)

    async def test_begins_anew_for_what_was_resumed_in_between(
        self, keeper: Keeper, organisation: Organisation, door: Door
    ) -> None:
        await begun(keeper, organisation)
        for act in ("pause", "resume", "pause"):
            await door.ask("admin", "POST", f"{ROLLOUT}/{act}", BECAUSE)
        first = (await door.ask("admin", "POST", f"{ROLLOUT}/pause", BECAUSE)).json()["rollout"]["paused_until"]
        again = (await door.ask("admin", "POST", f"{ROLLOUT}/pause", BECAUSE)).json()["rollout"]["paused_until"]
        resumed = (await door.ask("admin", "POST", f"{ROLLOUT}/resume", BECAUSE)).json()["rollout"]["paused_until"]

        assert (first == again, resumed) == (True, None)


async def looked_after(keeper: Keeper, organisation: Organisation, later: timedelta) -> Rollout:
    """Have the guard look at a rollout of which it heard, as if so much time had gone by."""
    now, clock = keeper.database.clock() + later, keeper.database.clock
    keeper.database.clock = lambda: now
    await keeper.report(with_counts=False)
    await service.watch_rollouts(keeper.database, organisation.id)
    async with keeper.database.transaction(organisation.id) as tx:
        rollout, _ = await service.get_rollout(tx, None, FASTER.key)
    keeper.database.clock = clock
    return rollout


class TestAtTheSameTime:
    async def test_a_kill_and_the_guard_never_wait_for_each_other(
        self, keeper: Keeper, organisation: Organisation
    ) -> None:
        await begun(keeper, organisation)

        async def kill() -> None:
            async with keeper.database.transaction(organisation.id) as tx:
                await service.kill(tx, organisation.admin, FASTER.key, reason="It fails.")

        async with keeper.database.transaction(organisation.id) as guard:
            # What the guard holds while it looks; and then it decides about the flag.
            assert len(await repository.due(guard, after=timedelta(0))) == 1
            killing = asyncio.create_task(kill())
            await asyncio.sleep(0.3)
            await flags.stored_for_change(guard, FASTER.key)
        await killing

        async with keeper.database.transaction(organisation.id) as tx:
            rollout, steps = await service.get_rollout(tx, None, FASTER.key)
        assert (rollout.status, steps[-1].act) == (RolloutStatus.STOPPED, "killed")


class TestTheControl:
    async def test_has_what_it_had_without_a_rollout(self, keeper: Keeper, organisation: Organisation) -> None:
        async with keeper.database.transaction(INSTALLATION) as tx:
            await service.change(tx, None, COLOUR.key, Change(default="red"), reason="Red for all.")
        course = msgspec.structs.replace(HALF, variant="none")
        async with keeper.database.transaction(organisation.id) as tx:
            await service.start_rollout(tx, organisation.admin, COLOUR.key, course, reason="We try it.")
        await keeper.tables.load(organisation.id)

        given = {
            (decision.arm, decision.variant)
            for decision in (
                keeper.flags.decide(COLOUR, Caller(organisation.id, uuid4(), "clinician"), keeper.database.clock())
                for _ in range(100)
            )
        }
        nobody = keeper.flags.decide(COLOUR, Caller(organisation.id), keeper.database.clock())

        assert given == {(Arm.TREATED, "none"), (Arm.CONTROL, "red")}
        assert (nobody.arm, nobody.variant) == (None, "red")
