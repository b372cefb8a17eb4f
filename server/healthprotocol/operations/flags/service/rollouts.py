"""Roll a flag out by stages, watched: go on, or roll back by itself."""

from datetime import timedelta

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database, Priority, Transaction
from healthprotocol.foundation.errors import Invalid, Violation
from healthprotocol.foundation.flags import guard
from healthprotocol.foundation.flags.evaluation import lacking
from healthprotocol.foundation.flags.exposure import MOST_ROLLOUTS
from healthprotocol.foundation.flags.guard import Watch
from healthprotocol.foundation.flags.model import Stage
from healthprotocol.foundation.ids import INSTALLATION, OrganisationId
from healthprotocol.foundation.jobs.organisations import organisations
from healthprotocol.operations.flags import policy
from healthprotocol.operations.flags.errors import (
    FlagKilled,
    NeverRolledOut,
    RolloutNotRunning,
    RolloutRunning,
    TooManyRollouts,
)
from healthprotocol.operations.flags.model import LONGEST_PAUSE, Course, Rollout, RolloutStatus, Step, Stored
from healthprotocol.operations.flags.repository import flags as repository
from healthprotocol.operations.flags.repository import rollouts
from healthprotocol.operations.flags.rules import advancing, changing
from healthprotocol.operations.flags.service.deciding import GUARD, keep
from healthprotocol.operations.flags.service.ending import end
from healthprotocol.operations.flags.service.looking import require_flag

LOOK_EVERY = timedelta(seconds=0.9)
# Of one organisation: all of them share what every process can watch, and leave some of it to the installation, whose
# operators must be able to begin a rollout whatever organisations do.
MOST_OWN = 5
KEPT_FOR_THE_INSTALLATION = 10
# What the guard did not take, because its rollout ended meanwhile.
_LEFT_OVER = timedelta(hours=1)

PAUSED_TOO_LONG = "paused_too_long"
_REASONS = {
    guard.Why.ERRORS: "The treated fail more often than is usual.",
    guard.Why.LATENCY: "The treated wait longer than the control.",
    guard.Why.MISSING_METRICS: "No process reports how requests end.",
    guard.Why.HANGING: "Treated requests begin and do not end.",
}


async def start_rollout(tx: Transaction, actor: Actor | None, key: str, course: Course, *, reason: str) -> Rollout:
    """
    Begin to give a variant to more and more accounts of the transaction's organisation; as the installation, of all.

    Raises FlagUnknown, Forbidden, FlagKilled, RolloutRunning, TooManyRollouts, Invalid.
    """
    policy.require_write(tx, actor)
    flag = require_flag(tx, key)
    advancing.require_good_stages(course.stages)
    if course.variant not in flag.variants:
        raise Invalid(violations=[Violation("/variant", "unknown", lacking(flag))])
    await rollouts.lock_begin(tx, key)
    running = await rollouts.running(tx, key)
    before = await repository.stored_for_change(tx, key)
    installation = (await repository.all_stored(tx))[0].get(key, Stored(key=key))
    if before.state.is_killed or installation.state.is_killed:
        raise FlagKilled
    if running is not None:
        raise RolloutRunning
    advancing.require_a_change(before, installation, flag.default, course.variant)
    await _require_room(tx)
    rollout = _begun(tx, key, course, reason=reason)
    await rollouts.insert(tx, rollout)
    await rollouts.add_step(tx, rollout, "started", advancing.evidence(rollout))
    state = changing.at_stage(before.state, _stage(rollout))
    await keep(tx, before, state, act="rollout_started", reason=reason, actor=actor)
    return rollout


async def pause_rollout(tx: Transaction, actor: Actor | None, key: str, *, reason: str) -> Rollout:
    """
    Have a rollout rest in its stage, still watched, for `LONGEST_PAUSE`: then its guard stops it.

    To pause what rests does nothing, and does not begin the time anew. Raises as `stop_rollout`.
    """
    policy.require_write(tx, actor)
    rollout = await _running(tx, key)
    if rollout.paused_at is None:
        rollout.paused_at = tx.now
        await _turn(tx, actor, rollout, "paused", reason=reason)
    return rollout


async def resume_rollout(tx: Transaction, actor: Actor | None, key: str, *, reason: str) -> Rollout:
    """Have a paused rollout go on; one that goes on does so. Raises as `stop_rollout`."""
    policy.require_write(tx, actor)
    rollout = await _running(tx, key)
    if rollout.paused_at is not None:
        rollout.paused_at = None
        await _turn(tx, actor, rollout, "resumed", reason=reason)
    return rollout


async def stop_rollout(tx: Transaction, actor: Actor | None, key: str, *, reason: str) -> Rollout:
    """
    End a rollout where it is: nobody is treated any more, and nothing is killed.

    Raises FlagUnknown, Forbidden, RolloutNotRunning.
    """
    policy.require_write(tx, actor)
    rollout = await _running(tx, key)
    before = await repository.stored_for_change(tx, key)
    await end(tx, rollout, RolloutStatus.STOPPED, "stopped")
    state = changing.at_stage(before.state, None)
    await keep(tx, before, state, act="rollout_stopped", reason=reason, actor=actor)
    return rollout


async def roll_back(tx: Transaction, actor: Actor | None, key: str, *, reason: str) -> Rollout:
    """End a rollout as its guard would: the flag is killed, also for whom a rule names. Raises as `stop_rollout`."""
    policy.require_write(tx, actor)
    rollout = await _running(tx, key)
    before = await repository.stored_for_change(tx, key)
    await end(tx, rollout, RolloutStatus.ROLLED_BACK, "rolled_back")
    await keep(tx, before, changing.killed(before.state), act="rolled_back", reason=reason, actor=actor)
    return rollout


async def get_rollout(tx: Transaction, actor: Actor | None, key: str) -> tuple[Rollout, list[Step]]:
    """Return the last rollout of a flag with its decisions. Raises FlagUnknown, NeverRolledOut."""
    if actor is not None:
        policy.require_read(actor)
    require_flag(tx, key)
    rollout = (await rollouts.latest(tx, [key])).get(key)
    if rollout is None:
        raise NeverRolledOut
    return rollout, await rollouts.steps(tx, rollout.id)


async def watch_rollouts(database: Database, tenant: OrganisationId = INSTALLATION) -> int:
    """
    Look at every running rollout of a tenant not looked at for a second: go on, wait, or roll back. Returns how many.

    Every process does this; who finds a rollout locked or just looked at leaves it to the other. Raises Unavailable.
    """
    # What takes a bad change back must not wait behind the requests that the change made slow.
    async with database.transaction(tenant, priority=Priority.CRITICAL) as tx:
        due = await rollouts.due(tx, after=LOOK_EVERY)
        for rollout in due:
            await _look(tx, rollout)
    return len(due)


async def forget_left_over(database: Database) -> None:
    """Delete reports that no guard will take any more, of the installation and of each organisation."""
    async with database.transaction(INSTALLATION) as tx:
        await rollouts.forget_outcomes(tx, older_than=_LEFT_OVER)
    async for organisation_id in organisations(database):
        async with database.transaction(organisation_id) as tx:
            await rollouts.forget_outcomes(tx, older_than=_LEFT_OVER)


def _begun(tx: Transaction, key: str, course: Course, *, reason: str) -> Rollout:
    return Rollout(
        id=tx.new_id(),
        key=key,
        variant=course.variant,
        stages=course.stages,
        stage=0,
        status=RolloutStatus.RUNNING,
        why=None,
        reason=reason,
        plan=course.plan,
        watch=Watch.begin(tx.now),
        started_at=tx.now,
        stage_began_at=tx.now,
        ended_at=None,
        revision=1,
        is_own=tx.tenant != INSTALLATION,
    )


async def _require_room(tx: Transaction) -> None:
    """Return when one more rollout can be watched, and hold its place to the end. Raises TooManyRollouts."""
    await rollouts.lock_places(tx)
    running = await rollouts.running_everywhere(tx)
    of_all = sum(map(len, running.values()))
    if tx.tenant == INSTALLATION:
        is_full = of_all >= MOST_ROLLOUTS
    else:
        of_organisations = of_all - len(running.get(INSTALLATION, ()))
        is_full = (
            of_all >= MOST_ROLLOUTS
            or of_organisations >= MOST_ROLLOUTS - KEPT_FOR_THE_INSTALLATION
            or len(running.get(tx.tenant, ())) >= MOST_OWN
        )
    if is_full:
        raise TooManyRollouts


async def _running(tx: Transaction, key: str) -> Rollout:
    require_flag(tx, key)
    rollout = await rollouts.running(tx, key)
    if rollout is None:
        raise RolloutNotRunning
    return rollout


async def _turn(tx: Transaction, actor: Actor | None, rollout: Rollout, act: str, *, reason: str) -> None:
    """Keep that a rollout rests or goes on. Accounts are given what they were, and yet it is a version: who, why."""
    await rollouts.save(tx, rollout)
    await rollouts.add_step(tx, rollout, act, advancing.evidence(rollout))
    before = await repository.stored_for_change(tx, rollout.key)
    await keep(tx, before, before.state, act=f"rollout_{act}", reason=reason, actor=actor)


async def _look(tx: Transaction, rollout: Rollout) -> None:
    treated, control, heard = await rollouts.take_outcomes(tx, rollout.id)
    guard.look(rollout.plan, rollout.watch, treated, control, heard=heard, at=tx.now)
    why = guard.trouble(rollout.plan, rollout.watch, at=tx.now)
    if why is not None:
        await _roll_back(tx, rollout, why)
    elif advancing.is_forgotten(rollout, tx.now):
        await _end_forgotten(tx, rollout)
    elif not advancing.is_due(rollout, tx.now):
        await rollouts.save(tx, rollout)
    elif rollout.stage + 1 < len(rollout.stages):
        await _advance(tx, rollout)
    else:
        await _complete(tx, rollout)


async def _roll_back(tx: Transaction, rollout: Rollout, why: guard.Why) -> None:
    """Kill the flag: also for whom a rule names, for the guard knows only that the path behind it is bad."""
    rollout.why = why
    before = await repository.stored_for_change(tx, rollout.key)
    await end(tx, rollout, RolloutStatus.ROLLED_BACK, "rolled_back")
    state = changing.killed(before.state)
    await keep(tx, before, state, act="rolled_back", reason=_REASONS[why], changed_as=GUARD)


async def _end_forgotten(tx: Transaction, rollout: Rollout) -> None:
    """Give its place free, and treat nobody any more. The flag is not killed: nothing was found against it."""
    rollout.why = PAUSED_TOO_LONG
    before = await repository.stored_for_change(tx, rollout.key)
    await end(tx, rollout, RolloutStatus.STOPPED, "pause_ended")
    reason = f"It was paused for {LONGEST_PAUSE.days} days, and nobody had it go on."
    await keep(
        tx, before, changing.at_stage(before.state, None), act="rollout_stopped", reason=reason, changed_as=GUARD
    )


async def _advance(tx: Transaction, rollout: Rollout) -> None:
    evidence = advancing.evidence(rollout)
    rollout.stage += 1
    rollout.stage_began_at = tx.now
    guard.next_stage(rollout.watch)
    before = await repository.stored_for_change(tx, rollout.key)
    await rollouts.save(tx, rollout)
    await rollouts.add_step(tx, rollout, "advanced", {**evidence, "to_percentage": rollout.percentage})
    state = changing.at_stage(before.state, _stage(rollout))
    reason = f"{rollout.percentage:g} per cent: the stage before was held, and nothing spoke against it."
    await keep(tx, before, state, act="rollout_advanced", reason=reason, changed_as=GUARD)


async def _complete(tx: Transaction, rollout: Rollout) -> None:
    before = await repository.stored_for_change(tx, rollout.key)
    await end(tx, rollout, RolloutStatus.COMPLETED, "completed")
    state = changing.rolled_out(before.state, rollout.variant)
    reason = "All stages were held, and nothing spoke against it."
    await keep(tx, before, state, act="rollout_completed", reason=reason, changed_as=GUARD)


def _stage(rollout: Rollout) -> Stage:
    return Stage(id=rollout.id, variant=rollout.variant, percentage=rollout.percentage)
