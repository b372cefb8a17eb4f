"""Decide about a flag: for one's own organisation, or as an operator for all of them."""

import msgspec

from healthprotocol.foundation.config import live
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid, PreconditionFailed, Violation
from healthprotocol.foundation.flags.evaluation import faults
from healthprotocol.foundation.flags.graph import cycle
from healthprotocol.foundation.flags.model import State
from healthprotocol.foundation.ids import INSTALLATION
from healthprotocol.operations.flags import policy
from healthprotocol.operations.flags.errors import RequirementCycle
from healthprotocol.operations.flags.model import Change, Seen, Stored
from healthprotocol.operations.flags.repository import flags as repository
from healthprotocol.operations.flags.repository import rollouts
from healthprotocol.operations.flags.rules import changing
from healthprotocol.operations.flags.service.ending import end_for_kill
from healthprotocol.operations.flags.service.looking import get, require_flag
from healthprotocol.trust.audit import service as audit

GUARD, OPERATOR = "guard", "operator"


async def change(
    tx: Transaction,
    actor: Actor | None,
    key: str,
    asked: Change,
    *,
    reason: str,
    expected_revision: int | None = None,
) -> Seen:
    """
    Change what the transaction's organisation decided about a flag; as the installation, what holds for all.

    Raises FlagUnknown, Forbidden, Invalid, PreconditionFailed, RequirementCycle.
    """
    policy.require_write(tx, actor)
    flag = require_flag(tx, key)
    await _require_revision(tx, key, expected_revision)
    before = await repository.stored_for_change(tx, key)
    after = changing.changed(before.state, asked)
    if found := faults(flag, after):
        raise Invalid(violations=[Violation(pointer, "invalid", text) for pointer, text in found])
    if after.requires != before.state.requires:
        await _require_no_cycle(tx, key, after)

    await keep(tx, before, after, act="set", reason=reason, actor=actor)
    return await get(tx, None, key)


async def kill(tx: Transaction, actor: Actor | None, key: str, *, reason: str) -> Seen:
    """
    Turn a flag off whatever is decided about it, for the transaction's organisation; as the installation, for all.

    To kill what is killed does nothing. Raises FlagUnknown, Forbidden.
    """
    policy.require_write(tx, actor)
    require_flag(tx, key)
    # One that begins in the same moment is ended too.
    await rollouts.lock_begin(tx, key)
    # The rollout's row before the flag's, as the guard locks them: else each could wait for the other.
    rollout = await rollouts.running(tx, key)
    before = await repository.stored_for_change(tx, key)
    if not before.state.is_killed:
        if rollout is not None:
            await end_for_kill(tx, rollout, reason=reason)
        await keep(tx, before, changing.killed(before.state), act="kill", reason=reason, actor=actor)
    return await get(tx, None, key)


async def revive(tx: Transaction, actor: Actor | None, key: str, *, reason: str) -> Seen:
    """Undo a kill of the transaction's organisation; what was decided before holds again. Raises as `kill`."""
    policy.require_write(tx, actor)
    require_flag(tx, key)
    before = await repository.stored_for_change(tx, key)
    if before.state.is_killed:
        await keep(tx, before, changing.revived(before.state), act="revive", reason=reason, actor=actor)
    return await get(tx, None, key)


async def keep(
    tx: Transaction,
    before: Stored,
    state: State,
    *,
    act: str,
    reason: str,
    actor: Actor | None = None,
    changed_as: str = OPERATOR,
) -> None:
    """Write a new state with its version, tell every process, and leave a trace. Raises PreconditionFailed."""
    after = msgspec.structs.replace(
        before,
        state=state,
        reason=reason,
        changed_by=actor.account_id if actor else None,
        changed_at=tx.now,
        revision=before.revision + 1,
    )
    role = actor.role if actor else changed_as
    if not await repository.save(tx, before, after, act=act, changed_as=role):
        raise PreconditionFailed
    await live.changed(tx, tx.tenant)
    if tx.tenant != INSTALLATION:
        # The installation has no log of its own: there the versions, which nobody can alter, are the log.
        detail = {"key": before.key, "act": act, "reason": reason, "revision": after.revision}
        await audit.record(tx, actor, f"flag.{act}", detail=detail)


async def _require_revision(tx: Transaction, key: str, expected: int | None) -> None:
    if expected is None:
        return
    # The tag counts the changes for all organisations too: whoever decides must have seen them.
    if (await get(tx, None, key)).revision != expected:
        raise PreconditionFailed


async def _require_no_cycle(tx: Transaction, key: str, after: State) -> None:
    await repository.lock_requirements(tx)
    _require_met_by_something(tx, after)
    installation, own = await repository.all_stored(tx)
    requires: dict[str, list[str]] = {}
    for stored in (*installation.values(), *own.values()):
        requires.setdefault(stored.key, []).extend(one.key for one in stored.state.requires)
    requires.setdefault(key, []).extend(one.key for one in after.requires)
    if found := cycle(requires):
        raise RequirementCycle(public={"cycle": list(found)})


def _require_met_by_something(tx: Transaction, after: State) -> None:
    """Return when each requirement names a flag, once, and variants of it. Raises Invalid."""
    violations: list[Violation] = []
    seen: set[str] = set()
    for number, one in enumerate(after.requires):
        needed = tx.flags.registry.get(one.key)
        if needed is None:
            violations.append(Violation(f"/requires/{number}/key", "unknown_flag", f"No flag is called {one.key}."))
        elif one.key in seen:
            violations.append(Violation(f"/requires/{number}/key", "double", f"{one.key} is named above already."))
        elif strange := sorted(set(one.variants) - set(needed.variants)):
            text = f"{one.key} has no variant {strange[0]}; it has {', '.join(needed.variants)}."
            violations.append(Violation(f"/requires/{number}/variants", "unknown_variant", text))
        seen.add(one.key)
    if violations:
        raise Invalid(violations=violations)
