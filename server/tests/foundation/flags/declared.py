"""Flags for tests."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from healthprotocol.foundation.flags.declaration import About, boolean, number, string
from healthprotocol.foundation.flags.evaluation import compile_flag
from healthprotocol.foundation.flags.model import Caller, Decision, Flag, State

ABOUT: About = {"owner": "platform", "description": "For tests.", "created_on": date(2026, 11, 22)}
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DELTA, ESTUARY = UUID(int=1), UUID(int=2)

FASTER = boolean("lists.faster", **ABOUT)
OLDER = boolean("lists.older", **ABOUT)
COLOUR = string("page.colour", {"red": "#f00", "blue": "#00f", "none": ""}, default="blue", off="none", **ABOUT)
LIMIT = number("lists.limit", {"low": 10, "high": 100.5}, default="low", off="low", **ABOUT)


def account(number_of: int, organisation: UUID = DELTA, role: str = "editor") -> Caller:
    return Caller(organisation, UUID(int=10_000 + number_of), role)


def decide(flag: Flag[Any], state: State, caller: Caller, *, own: State | None = None, at: datetime = NOON) -> Decision:
    return compile_flag(flag, state, own)(caller, at)
