"""
Compile what was decided into one function a flag, so that asking costs a few comparisons and makes no object.

The order: killed (anywhere) · what it requires · the organisation's own rules, its running rollout, its choice · the
installation's rules · its running rollout · its choice · the declaration.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from healthprotocol.foundation.flags.bucketing import bound, point, salt_of
from healthprotocol.foundation.flags.declaration import Registry
from healthprotocol.foundation.flags.graph import cycle
from healthprotocol.foundation.flags.model import (
    Arm,
    Caller,
    Cause,
    Decision,
    Flag,
    Reason,
    Rule,
    Stage,
    State,
    StickyBy,
)

Evaluate = Callable[[Caller, datetime], Decision]
_Condition = Callable[[Caller, datetime], bool]
# None goes on to what stands behind.
_Step = Callable[[Caller, datetime], Decision | None]

NOTHING_DECIDED = State()


class Table(NamedTuple):
    """The compiled flags of one organisation, and the keys that could not be compiled."""

    flags: Mapping[str, Evaluate]
    broken: tuple[str, ...] = ()


def compile_table(
    registry: Registry, installation: Mapping[str, State], own: Mapping[str, State] | None = None
) -> Table:
    """
    Compile every declared flag for an organisation with its `own` states.

    What names a variant or flag that the code no longer has, or requires itself, answers with `off` and is `broken`;
    states of flags that are not declared are left alone.
    """
    own = own or {}
    states = {flag.key: (installation.get(flag.key, NOTHING_DECIDED), own.get(flag.key)) for flag in registry}
    needs = {
        key: [one.key for one in (*shared.requires, *(mine.requires if mine else ()))]
        for key, (shared, mine) in states.items()
    }
    compiled: dict[str, Evaluate] = {}
    broken: list[str] = []
    for flag in _required_first(registry, needs):
        shared, mine = states[flag.key]
        sound = {key: evaluate for key, evaluate in compiled.items() if key not in broken}
        if _is_broken(flag, shared, mine, sound):
            broken.append(flag.key)
        compiled[flag.key] = compile_flag(flag, shared, mine, sound)
    return Table(compiled, tuple(broken))


def compile_flag(
    flag: Flag[Any], shared: State, own: State | None = None, others: Mapping[str, Evaluate] | None = None
) -> Evaluate:
    """Compile one flag; `others` are those that it may require. With faults, or without one of those, it is off."""
    if _is_broken(flag, shared, own, others or {}):
        return _always(_decide(flag, flag.off, Reason.ERROR, Cause.BROKEN))
    if shared.is_killed or (own is not None and own.is_killed):
        is_own = not shared.is_killed
        return _always(_decide(flag, flag.off, Reason.DISABLED, Cause.KILLED, own=is_own))
    steps: list[_Step] = []
    lying = _lying(flag)
    requires = (*shared.requires, *(own.requires if own else ()))
    if requires:
        needed = [((others or {})[one.key], frozenset(one.variants)) for one in requires]
        steps.append(_requiring(needed, _decide(flag, flag.off, Reason.DISABLED, Cause.REQUIREMENT)))
    if own is not None:
        steps += [_rule(flag, rule, number, own=True, lying=lying) for number, rule in enumerate(own.rules)]
    behind, last = _behind(flag, shared, own, lying)
    if own is not None and own.rollout is not None:
        steps.append(_own_rollout(flag, own.rollout, _in_order(behind, last), lying))
    if steps and last.cause is Cause.CHOSEN and not last.own:
        last = msgspec.structs.replace(last, reason=Reason.DEFAULT)
    return _in_order([*steps, *behind], last)


def _behind(
    flag: Flag[Any], shared: State, own: State | None, lying: Callable[[Caller], int]
) -> tuple[list[_Step], Decision]:
    """Return what stands behind an organisation's own rules: its choice, else all that is decided for everybody."""
    if own is not None and own.default is not None:
        return [], _decide(flag, own.default, Reason.STATIC, Cause.CHOSEN, own=True)
    steps = [_rule(flag, rule, number, own=False, lying=lying) for number, rule in enumerate(shared.rules)]
    name = flag.default if shared.default is None else shared.default
    cause = Cause.DECLARED if shared.default is None else Cause.CHOSEN
    if shared.rollout is not None:
        steps.append(_rollout(flag, shared.rollout, name, lying))
    reason = Reason.DEFAULT if steps or cause is Cause.DECLARED else Reason.STATIC
    return steps, _decide(flag, name, reason, cause)


def lacking(flag: Flag[Any]) -> str:
    """Return what is said of a variant that the flag does not have."""
    return f"The flag has no such variant; there are {', '.join(flag.variants)}."


def faults(flag: Flag[Any], state: State | None) -> list[tuple[str, str]]:
    """Return what of a state cannot be: JSON pointers into it, each with what is wrong."""
    if state is None:
        return []
    named = [("/default", state.default)] if state.default is not None else []
    named += [(f"/rules/{number}/variant", rule.variant) for number, rule in enumerate(state.rules)]
    if state.rollout is not None:
        named.append(("/rollout/variant", state.rollout.variant))
    found = [(pointer, lacking(flag)) for pointer, name in named if name not in flag.variants]
    for number, rule in enumerate(state.rules):
        if rule.percentage is not None and not 0 <= rule.percentage <= 100:  # noqa: PLR2004 - a percentage
            found.append((f"/rules/{number}/percentage", "A percentage is 0 to 100."))
        if rule.from_at is not None and rule.until_at is not None and rule.until_at <= rule.from_at:
            found.append((f"/rules/{number}/until_at", "It must end after it begins."))
    return found


def _is_broken(flag: Flag[Any], shared: State, own: State | None, others: Mapping[str, Evaluate]) -> bool:
    requires = (*shared.requires, *(own.requires if own else ()))
    return bool(any(one.key not in others for one in requires) or faults(flag, shared) or faults(flag, own))


def _required_first(registry: Registry, needs: Mapping[str, Iterable[str]]) -> list[Flag[Any]]:
    """Return the flags so that each stands behind those it requires; those on a cycle come last, in any order."""
    ordered: list[Flag[Any]] = []
    waiting, placed = list(registry), set[str]()
    while waiting:
        ready = [flag for flag in waiting if all(key in placed for key in needs[flag.key])]
        if not ready:
            break
        ordered += ready
        placed |= {flag.key for flag in ready}
        waiting = [flag for flag in waiting if flag.key not in placed]
    # Who requires what is not declared is broken for itself; only a true cycle, or a broken one behind it, is left.
    return ordered + waiting


def _in_order(steps: list[_Step], last: Decision) -> Evaluate:
    if not steps:
        return _always(last)
    if len(steps) == 1:
        only = steps[0]
        return lambda caller, at: only(caller, at) or last

    def evaluate(caller: Caller, at: datetime) -> Decision:
        for step in steps:
            decision = step(caller, at)
            if decision is not None:
                return decision
        return last

    return evaluate


def _always(decision: Decision) -> Evaluate:
    return lambda _caller, _at: decision


def _requiring(needed: list[tuple[Evaluate, frozenset[str]]], otherwise: Decision) -> _Step:
    def step(caller: Caller, at: datetime) -> Decision | None:
        for evaluate, variants in needed:
            if evaluate(caller, at).variant not in variants:
                return otherwise
        return None

    return step


def _rule(flag: Flag[Any], rule: Rule, number: int, *, own: bool, lying: Callable[[Caller], int]) -> _Step:
    reason = Reason.TARGETING_MATCH if rule.percentage is None else Reason.SPLIT
    decision = msgspec.structs.replace(_decide(flag, rule.variant, reason, Cause.RULE, own=own), rule=number)
    conditions = _conditions(flag, rule, lying)
    if not conditions:
        return _always(decision)
    if len(conditions) == 1:
        only = conditions[0]
        return lambda caller, at: decision if only(caller, at) else None

    def step(caller: Caller, at: datetime) -> Decision | None:
        for condition in conditions:
            if not condition(caller, at):
                return None
        return decision

    return step


def _conditions(flag: Flag[Any], rule: Rule, lying: Callable[[Caller], int]) -> list[_Condition]:
    """Return the conditions of a rule, the cheap ones first."""
    conditions: list[_Condition] = []
    if rule.organisations:
        organisations = frozenset(rule.organisations)
        conditions.append(lambda caller, _at: caller.organisation_id in organisations)
    if rule.roles:
        roles = frozenset(rule.roles)
        conditions.append(lambda caller, _at: caller.role in roles)
    if rule.accounts:
        accounts = frozenset(rule.accounts)
        conditions.append(lambda caller, _at: caller.account_id in accounts)
    if rule.from_at is not None:
        from_at = rule.from_at
        conditions.append(lambda _caller, at: at >= from_at)
    if rule.until_at is not None:
        until_at = rule.until_at
        conditions.append(lambda _caller, at: at < until_at)
    if rule.percentage is not None:
        conditions.append(_within(flag, rule.percentage, rule.sticky_by, lying))
    return conditions


def _lying(flag: Flag[Any]) -> Callable[[Caller], int]:
    """Return what finds a caller's point of a flag; the last caller's is remembered, for a request asks often."""
    salt = salt_of(flag.key)
    last: tuple[Caller | None, int] = (None, 0)

    def lying(caller: Caller) -> int:
        nonlocal last
        known, where = last
        if known is caller:
            return where
        where = point(salt, caller.organisation_id, caller.account_id)
        last = (caller, where)
        return where

    return lying


def _within(flag: Flag[Any], percentage: float, sticky_by: StickyBy, lying: Callable[[Caller], int]) -> _Condition:
    salt, limit = salt_of(flag.key), bound(percentage)
    if sticky_by is StickyBy.ORGANISATION:
        return lambda caller, _at: point(salt, caller.organisation_id, None) < limit
    # Who has no account is in no percentage of accounts: nothing would keep her there.
    return lambda caller, _at: caller.account_id is not None and lying(caller) < limit


def _rollout(flag: Flag[Any], stage: Stage, otherwise: str, lying: Callable[[Caller], int]) -> _Step:
    is_within = _within(flag, stage.percentage, StickyBy.ACCOUNT, lying)
    treated = msgspec.structs.replace(
        _decide(flag, stage.variant, Reason.SPLIT, Cause.ROLLOUT), arm=Arm.TREATED, rollout_id=stage.id
    )
    control = msgspec.structs.replace(
        _decide(flag, otherwise, Reason.SPLIT, Cause.ROLLOUT), arm=Arm.CONTROL, rollout_id=stage.id
    )

    def step(caller: Caller, at: datetime) -> Decision | None:
        # Who has no account is on neither side: nothing would keep her there.
        if caller.account_id is None:
            return None
        return treated if is_within(caller, at) else control

    return step


def _own_rollout(flag: Flag[Any], stage: Stage, otherwise: Evaluate, lying: Callable[[Caller], int]) -> _Step:
    """Return an organisation's rollout. Its control has what it had without one, whatever made that so."""
    is_within = _within(flag, stage.percentage, StickyBy.ACCOUNT, lying)
    treated = msgspec.structs.replace(
        _decide(flag, stage.variant, Reason.SPLIT, Cause.ROLLOUT, own=True), arm=Arm.TREATED, rollout_id=stage.id
    )
    # The decisions behind are made when a flag is compiled, and are few: each is marked once.
    controls: dict[int, Decision] = {}

    def step(caller: Caller, at: datetime) -> Decision | None:
        if caller.account_id is None:
            return None
        if is_within(caller, at):
            return treated
        had = otherwise(caller, at)
        marked = controls.get(id(had))
        if marked is None:
            marked = msgspec.structs.replace(had, arm=Arm.CONTROL, rollout_id=stage.id)
            controls[id(had)] = marked
        return marked

    return step


def _decide(flag: Flag[Any], variant: str, reason: Reason, cause: Cause, *, own: bool = False) -> Decision:
    return Decision(key=flag.key, variant=variant, value=flag.variants[variant], reason=reason, cause=cause, own=own)


__all__ = ["NOTHING_DECIDED", "Evaluate", "Table", "compile_flag", "compile_table", "cycle", "faults"]
