"""What may be chosen while the platform runs: pure values, declared by whoever reads them, collected by assembly."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

import msgspec

V = TypeVar("V", int, float, bool, str)

Scope = Literal["installation", "organisation"]
Kind = Literal["integer", "number", "boolean", "text"]

_NAME = re.compile(r"[a-z][a-z_]{0,29}(\.[a-z][a-z_]{0,39}){1,2}")
LONGEST_TITLE = 60
_KINDS: dict[type, Kind] = {bool: "boolean", int: "integer", float: "number", str: "text"}
LONGEST_TEXT = 200


class Setting(msgspec.Struct, Generic[V], frozen=True, kw_only=True):
    """
    One choice: `name` is noun and what is chosen, `session.idle_minutes`, and ends in its unit.

    `title` is what people read over it, without the unit, such as "Signed out when idle for"; `group` is what it stands
    under together with others like it. Both say nothing that only a programmer knows.
    `least` and `most` are inclusive; None is no limit. `scope` organisation: the installation chooses for all, and each
    organisation may choose otherwise for itself; installation: only an operator chooses. A sensitive value is shown to
    nobody. `default` holds until somebody chooses; start-up settings may give another one.
    """

    name: str
    title: str
    group: str
    default: V
    description: str
    unit: str = ""
    least: float | None = None
    most: float | None = None
    choices: tuple[V, ...] = ()
    scope: Scope = "organisation"
    is_sensitive: bool = False

    @property
    def kind(self) -> Kind:
        """The type of its values."""
        return _KINDS[type(self.default)]

    def fault(self, value: object) -> str | None:
        """Return what is wrong with a value, in words that do not quote it; None when it may be chosen."""
        expected = (int, float) if self.kind == "number" else type(self.default)
        if not isinstance(value, expected) or (isinstance(value, bool) and self.kind != "boolean"):
            return f"It must be of type {self.kind}."
        if self.choices and value not in self.choices:
            return f"It must be one of {', '.join(map(str, self.choices))}."
        if isinstance(value, str):
            return None if len(value) <= LONGEST_TEXT else f"It may have at most {LONGEST_TEXT} characters."
        if self.least is not None and not value >= self.least:
            return f"It must be at least {self.least}."
        if self.most is not None and not value <= self.most:
            return f"It must be at most {self.most}."
        return None


class Variation(msgspec.Struct, frozen=True, kw_only=True):
    """
    Another value for some time or for some accounts.

    It holds from `starts_at` on and before `ends_at` (None: no bound), for `percent` of the accounts, from 0 to 100:
    the same ones for as long as it stands, and those as well when it grows. None is everybody, and what runs without
    an account.
    """

    value: Any
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    percent: float | None = None

    def fault(self) -> tuple[str, str] | None:
        """Return the member that cannot be and why; None when all can."""
        for name in ("starts_at", "ends_at"):
            instant: datetime | None = getattr(self, name)
            if instant is not None and instant.tzinfo is None:
                return name, "Give the instant with its offset, such as Z."
        if self.starts_at and self.ends_at and self.starts_at >= self.ends_at:
            return "ends_at", "It must lie after starts_at."
        if self.percent is not None and not 0 <= self.percent <= 100:  # noqa: PLR2004 - percent
            return "percent", "It must be from 0 to 100."
        return None

    def is_over(self, now: datetime) -> bool:
        """Return whether its time is over: it never holds again."""
        return self.ends_at is not None and now >= self.ends_at

    def holds(self, *, now: datetime, place: float | None) -> bool:
        """Return whether it holds now for the account at `place` (0 to below 100), None for what has no account."""
        if self.starts_at is not None and now < self.starts_at:
            return False
        if self.is_over(now):
            return False
        if self.percent is None:
            return True
        return place is not None and place < self.percent


def require_registry(settings: Sequence["Setting[Any]"]) -> dict[str, "Setting[Any]"]:
    """Return the settings by name. Raises ValueError for a bad name, a double, a bad default, and missing words."""
    found: dict[str, Setting[Any]] = {}
    titles: set[str] = set()
    for one in settings:
        if not _NAME.fullmatch(one.name) or one.name in found:
            raise ValueError(f"{one.name} is no name for a setting, or two have it")
        if (fault := one.fault(one.default)) is not None:
            raise ValueError(f"the default of {one.name}: {fault}")
        if not (one.title.strip() and one.group.strip() and one.description.strip()) or len(one.title) > LONGEST_TITLE:
            raise ValueError(f"{one.name} needs a group, a description, and a title of at most {LONGEST_TITLE} letters")
        if one.title in titles:
            raise ValueError(f"{one.title} is the title of two settings")
        titles.add(one.title)
        found[one.name] = one
    return found
