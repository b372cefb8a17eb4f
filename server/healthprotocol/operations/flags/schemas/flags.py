"""Flags, what is decided about them, and what they give."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from healthprotocol.foundation.flags.model import Decision, Rule, State, StickyBy
from healthprotocol.operations.flags.model import Seen, Stale, Stored, Version
from healthprotocol.operations.flags.schemas.asked import RequirementIn
from healthprotocol.operations.flags.schemas.rollouts import RolloutOut, rollout

Value = bool | str | float


class RuleOut(msgspec.Struct, frozen=True, kw_only=True):
    """A rule. Names of other organisations and their accounts are not shown: `hidden` is how many there are."""

    variant: str
    roles: list[str]
    organisations: list[UUID]
    accounts: list[UUID]
    hidden: int
    percentage: float | None
    sticky_by: StickyBy
    from_at: datetime | None
    until_at: datetime | None


class StateOut(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided. `rollout_percentage` is there while a gradual rollout runs."""

    is_killed: bool
    default: str | None
    rules: list[RuleOut]
    requires: list[RequirementIn]
    rollout_percentage: float | None


class DecidedOut(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided, since when, by whom and why. Revision 0: nothing was; `changed_by` null: an operator."""

    state: StateOut
    reason: str
    changed_by: UUID | None
    changed_at: datetime | None
    revision: int


class EffectiveOut(msgspec.Struct, frozen=True, kw_only=True):
    """What the flag gives you now, and which part of what is decided made it so. `rule` counts from 0."""

    variant: str
    value: Value
    reason: str
    cause: str
    rule: int | None
    is_own: bool


class MarkOut(msgspec.Struct, frozen=True, kw_only=True):
    """Why a flag should be looked at."""

    mark: str
    text: str


class FlagOut(msgspec.Struct, frozen=True, kw_only=True):
    """
    A flag: as the code declares it, as it is decided for all organisations and for yours, what it gives you.

    `ends_on` null: a switch that is meant to stay. `off` is what a kill gives. `rollout` is the latest one.
    """

    key: str
    kind: str
    description: str
    owner: str
    created_on: date
    ends_on: date | None
    variants: dict[str, Value]
    declared_default: str
    off: str
    installation: DecidedOut
    own: DecidedOut
    effective: EffectiveOut
    asked: int
    last_asked_at: datetime | None
    stale: list[MarkOut]
    rollout: RolloutOut | None
    revision: int


class FlagsOut(msgspec.Struct, frozen=True, kw_only=True):
    """All flags, by key."""

    items: list[FlagOut]


class EvaluatedOut(msgspec.Struct, frozen=True, kw_only=True):
    """The values of the flags that clients may see, by key."""

    values: dict[str, Value]


class VersionOut(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `changed_as` is the role of who did it, `operator` (at the command line) or a rollout's `guard`."""

    revision: int
    act: str
    reason: str
    changed_by: UUID | None
    changed_as: str
    changed_at: datetime
    is_own: bool
    before: StateOut
    after: StateOut


class HistoryOut(msgspec.Struct, frozen=True, kw_only=True):
    """The latest 100 changes, newest first."""

    items: list[VersionOut]


class StaleOut(msgspec.Struct, frozen=True, kw_only=True):
    """A flag that should be looked at. `owner` null: the code no longer has it."""

    key: str
    owner: str | None
    marks: list[MarkOut]


class StaleFlagsOut(msgspec.Struct, frozen=True, kw_only=True):
    """The flags that should be looked at."""

    items: list[StaleOut]


def flag(seen: Seen, tenant: UUID) -> FlagOut:
    """Return the outside of a flag for one organisation."""
    declared = seen.flag
    return FlagOut(
        key=declared.key,
        kind=declared.kind,
        description=declared.description,
        owner=declared.owner,
        created_on=declared.created_on,
        ends_on=declared.ends_on,
        variants=dict(declared.variants),
        declared_default=declared.default,
        off=declared.off,
        installation=_decided(seen.installation, tenant, is_own=False),
        own=_decided(seen.own, tenant, is_own=True),
        effective=_effective(seen.decision),
        asked=seen.use.asked if seen.use else 0,
        last_asked_at=seen.use.last_at if seen.use else None,
        stale=_marks(seen.marks),
        rollout=rollout(seen.rollout) if seen.rollout else None,
        revision=seen.revision,
    )


def flags(seen: list[Seen], tenant: UUID) -> FlagsOut:
    """Return the outside of all flags."""
    return FlagsOut(items=[flag(one, tenant) for one in seen])


def history(versions: list[Version], tenant: UUID) -> HistoryOut:
    """Return the outside of changes."""
    return HistoryOut(
        items=[
            VersionOut(
                revision=one.revision,
                act=one.act,
                reason=one.reason,
                # Who of another organisation, or of the operators, decided for all is not told.
                changed_by=one.changed_by if one.is_own else None,
                changed_as=one.changed_as,
                changed_at=one.changed_at,
                is_own=one.is_own,
                before=_state(one.before, tenant, is_own=one.is_own),
                after=_state(one.after, tenant, is_own=one.is_own),
            )
            for one in versions
        ]
    )


def stale(found: list[Stale]) -> StaleFlagsOut:
    """Return the outside of flags that should be looked at."""
    return StaleFlagsOut(items=[StaleOut(key=one.key, owner=one.owner, marks=_marks(one.marks)) for one in found])


def _decided(stored: Stored, tenant: UUID, *, is_own: bool) -> DecidedOut:
    return DecidedOut(
        state=_state(stored.state, tenant, is_own=is_own),
        reason=stored.reason,
        changed_by=stored.changed_by if is_own else None,
        changed_at=stored.changed_at,
        revision=stored.revision,
    )


def _state(state: State, tenant: UUID, *, is_own: bool) -> StateOut:
    return StateOut(
        is_killed=state.is_killed,
        default=state.default,
        rules=[_rule(one, tenant, is_own=is_own) for one in state.rules],
        requires=[RequirementIn(key=one.key, variants=list(one.variants)) for one in state.requires],
        rollout_percentage=state.rollout.percentage if state.rollout else None,
    )


def _rule(rule: Rule, tenant: UUID, *, is_own: bool) -> RuleOut:
    organisations = [one for one in rule.organisations if one == tenant]
    accounts = list(rule.accounts) if is_own else []
    shown = len(organisations) + len(accounts)
    return RuleOut(
        variant=rule.variant,
        roles=list(rule.roles),
        organisations=organisations,
        accounts=accounts,
        hidden=len(rule.organisations) + len(rule.accounts) - shown,
        percentage=rule.percentage,
        sticky_by=rule.sticky_by,
        from_at=rule.from_at,
        until_at=rule.until_at,
    )


def _effective(decision: Decision) -> EffectiveOut:
    return EffectiveOut(
        variant=decision.variant,
        value=decision.value,
        reason=decision.reason,
        cause=decision.cause,
        rule=decision.rule,
        is_own=decision.own,
    )


def _marks(marks: dict[Any, str]) -> list[MarkOut]:
    return [MarkOut(mark=mark, text=text) for mark, text in marks.items()]
