"""What was decided about a feature flag, in words for who looks at it in a terminal."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from healthprotocol.foundation.flags.model import Rule, State


def state_in_words(state: "State") -> str:
    """Return what a state says, in one line; `as declared` where nothing is decided."""
    said = ["killed"] if state.is_killed else []
    said += [rule_in_words(rule) for rule in state.rules]
    if state.default is not None:
        said.append(f"{'else ' if state.rules else ''}{state.default}")
    if state.requires:
        said.append(f"requires {', '.join(one.key for one in state.requires)}")
    if state.rollout is not None:
        said.append(f"{state.rollout.variant} rolled out to {state.rollout.percentage:g} %")
    return "; ".join(said) or "as declared"


def rule_in_words(rule: "Rule") -> str:
    """Return who is given what, such as `off for the role admin, 10 % of accounts, until 2030-01-01 00:00 UTC`."""
    from healthprotocol.foundation.flags.model import StickyBy

    who = [
        _named(rule.organisations, "the organisation"),
        _named(rule.roles, "the role"),
        _named(rule.accounts, "the account"),
    ]
    if rule.percentage is not None:
        of = "organisations" if rule.sticky_by is StickyBy.ORGANISATION else "accounts"
        who.append(f"{rule.percentage:g} % of {of}")
    if rule.from_at is not None:
        who.append(f"from {_instant(rule.from_at)}")
    if rule.until_at is not None:
        who.append(f"until {_instant(rule.until_at)}")
    return f"{rule.variant} for " + (", ".join(part for part in who if part) or "everybody")


def _named(members: tuple[object, ...], kind: str) -> str:
    return f"{kind} {' or '.join(str(member) for member in members)}" if members else ""


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
