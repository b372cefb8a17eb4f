"""Which flags nobody needs any more: a flag that stays too long is a path through the code that nobody tests."""

from datetime import timedelta
from typing import Any

from healthprotocol.foundation.flags.model import Flag, State
from healthprotocol.operations.flags.model import Mark, Stored, Today, Use


def marks_of(
    flag: Flag[Any], stored: Stored, use: Use | None, today: Today, *, own_revision: int = 0
) -> dict[Mark, str]:
    """
    Return why a declared flag should be looked at, each with a sentence; empty when it is as it should be.

    `own_revision` is that of what the organisation that looks decided itself.

    `use` None is a flag that no process has told the database of yet: it is new.

    A flag without an end is a switch that is meant to stay: it may be settled for ever, but must be asked for.
    """
    found: dict[Mark, str] = {}
    long_ago = today.at - timedelta(days=today.days)
    if flag.ends_on is not None and flag.ends_on < today.on:
        found[Mark.PAST_END] = f"It should have been gone by {flag.ends_on:%Y-%m-%d}."
    if flag.ends_on is not None and stored.changed_at is not None and stored.changed_at < long_ago:
        variant = settled_on(stored.state)
        if variant is not None:
            found[Mark.SETTLED] = (
                f"Everybody has had {variant} since {stored.changed_at:%Y-%m-%d}: keep that path, drop the other."
            )
    if use is not None and (mark := _unused(use, today, is_decided=stored.revision + own_revision > 0)) is not None:
        found[mark[0]] = mark[1]
    return found


def _unused(use: Use, today: Today, *, is_decided: bool) -> tuple[Mark, str] | None:
    """Return the mark of a flag that nobody asks for; None while somebody does, or it is new to this database."""
    if use.last_at is not None:
        is_in_use = use.last_at >= today.at - timedelta(days=today.days)
        return None if is_in_use else (Mark.NOT_ASKED_FOR, f"Nobody has asked for it since {use.last_at:%Y-%m-%d}.")
    if use.known_since > today.at - timedelta(days=today.new_days):
        return None
    since = f"since it came here on {use.known_since:%Y-%m-%d}."
    if is_decided:
        return Mark.NOT_ASKED_FOR, f"Nobody has asked for it {since}"
    return Mark.UNKNOWN_TO_DATABASE, f"Nobody has decided about it or asked for it {since}"


def undeclared(today: Today, stored: Stored) -> dict[Mark, str]:
    """Return the mark of a flag that was decided about and that the code does not have."""
    since = stored.changed_at or today.at
    return {Mark.NOT_DECLARED: f"The code no longer has it; it was last changed on {since:%Y-%m-%d}."}


def settled_on(state: State) -> str | None:
    """Return the variant that everybody is given, None when it depends on who asks or when."""
    if state.is_killed:
        return "its off variant"
    if state.rollout is not None or state.requires:
        return None
    if not state.rules:
        return state.default
    first = state.rules[0]
    is_conditional = first.organisations or first.roles or first.accounts or first.from_at or first.until_at
    is_for_all = first.percentage is None or first.percentage >= 100  # noqa: PLR2004 - per cent
    return first.variant if is_for_all and not is_conditional else None
