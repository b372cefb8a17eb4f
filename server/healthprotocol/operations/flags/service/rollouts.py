"""Roll a flag out by stages, watched: go on, or roll back by itself."""

from datetime import timedelta

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database, Priority, Transaction
from healthprotocol.foundation.errors import Invalid, Violation
from healthprotocol.foundation.flags import guard
from healthprotocol.foundation.flags.guard import Plan, Watch
from healthprotocol.foundation.flags.model import Stage
from healthprotocol.foundation.ids import INSTALLATION
from healthprotocol.operations.flags import policy
from healthprotocol.operations.flags.errors import FlagKilled, NeverRolledOut, RolloutNotRunning, RolloutRunning
from healthprotocol.operations.flags.model import USUAL_STAGES, Rollout, RolloutStage, RolloutStatus, Step
from healthprotocol.operations.flags.repository import flags as repository
from healthprotocol.operations.flags.repository import rollouts
from healthprotocol.operations.flags.rules import advancing, changing
from healthprotocol.operations.flags.service.deciding import GUARD, keep
from healthprotocol.operations.flags.service.ending import end
from healthprotocol.operations.flags.service.looking import require_flag

LOOK_EVERY = timedelta(seconds=0.9)
# What the guard did not take, because its rollout ended meanwhile.
_LEFT_OVER = timedelta(hours=1)

_REASONS = {
    guard.Why.ERRORS: "The treated fail more often than is usual.",
    guard.Why.LATENCY: "The treated wait longer than the control.",
    guard.Why.MISSING_METRICS: "No process reports how requests end.",
    guard.Why.HANGING: "Treated requests begin and do not end.",
}


async def start_rollout(
    tx: Transaction,
    key: str,
    variant: str,
    *,
    stages: tuple[RolloutStage, ...] = USUAL_STAGES,
    plan: Plan | None = None,
    reason: str,
) -> Rollout:
    """
    Begin to give a variant to more and more accounts of all organisations. The transaction is the installation's.

    Raises FlagUnknown, FlagKilled, RolloutRunning, Invalid.
    """
    policy.require_write(tx, None)
    flag = require_flag(tx, key)
    advancing.require_good_stages(stages)
    if variant not in flag.variants:
        raise Invalid(violations=[Violation("/variant", "unknown", "The flag has no such variant.")])
    before = await repository.stored_for_change(tx, key)
    if before.state.is_killed:
        raise FlagKilled
    if await rollouts.running(tx, key) is not None:
        raise RolloutRunning
    rollout = Rollout(
        id=tx.new_id(),
        key=key,
        variant=variant,
        stages=stages,
        stage=0,
        status=RolloutStatus.RUNNING,
        why=None,
        reason=reason,
        plan=plan or Plan(),
        watch=Watch.begin(tx.now),
        started_at=tx.now,
        stage_began_at=tx.now,
        ended_at=None,
        revision=1,
    )
    await rollouts.insert(tx, rollout)
    await rollouts.add_step(tx, rollout, "started", advancing.evidence(rollout))
    await keep(tx, before, changing.at_stage(before.state, _stage(rollout)), act="rollout_started", reason=reason)
    return rollout


async def stop_rollout(tx: Transaction, key: str, *, reason: str) -> Rollout:
    """End a rollout where it is: nobody is treated any more, and nothing is killed. Raises RolloutNotRunning."""
    policy.require_write(tx, None)
    rollout = await rollouts.running(tx, key)
    if rollout is None:
        raise RolloutNotRunning
    before = await repository.stored_for_change(tx, key)
    await end(tx, rollout, RolloutStatus.STOPPED, "stopped")
    await keep(tx, before, changing.at_stage(before.state, None), act="rollout_stopped", reason=reason)
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


async def watch_rollouts(database: Database) -> int:
    """
    Look at every running rollout that nobody looked at for a second: go on, wait, or roll back. Returns how many.

    Every process does this; who finds a rollout locked or just looked at leaves it to the other. Raises Unavailable.
    """
    # What takes a bad change back must not wait behind the requests that the change made slow.
    async with database.transaction(INSTALLATION, priority=Priority.CRITICAL) as tx:
        due = await rollouts.due(tx, after=LOOK_EVERY)
        for rollout in due:
            await _look(tx, rollout)
    return len(due)


async def forget_left_over(database: Database) -> None:
    """Delete reports that no guard will take any more."""
    async with database.transaction(INSTALLATION) as tx:
        await rollouts.forget_outcomes(tx, older_than=_LEFT_OVER)


async def _look(tx: Transaction, rollout: Rollout) -> None:
    treated, control, heard = await rollouts.take_outcomes(tx, rollout.id)
    guard.look(rollout.plan, rollout.watch, treated, control, heard=heard, at=tx.now)
    why = guard.trouble(rollout.plan, rollout.watch, at=tx.now)
    if why is not None:
        await _roll_back(tx, rollout, why)
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
