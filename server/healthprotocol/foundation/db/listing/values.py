"""Read the values of a filter: each is checked here, so that PostgreSQL never sees one that it would refuse."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from uuid import UUID

from .fields import Field, Kind

LARGEST = 2**63 - 1
SMALLEST = -(2**63)

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")

Value = str | int | bool | UUID | date | datetime

EXPECTED = {
    Kind.TEXT: "a text without control characters",
    Kind.UUID: "an id such as 01890a5d-ac96-774b-bcce-b302099a8057",
    Kind.DATE: "a date that exists, such as 2026-03-07",
    Kind.TIMESTAMP: "an instant with its offset, in quotes, such as 2026-03-07T13:00:00Z",
    Kind.INTEGER: "a whole number of at most 64 bits",
    Kind.BOOLEAN: "true or false",
    Kind.TAGS: "a text without control characters",
}


def expectation(field: Field) -> str:
    """Say in words what `field` takes."""
    if field.kind is Kind.CHOICE:
        return "one of " + ", ".join(field.values)
    return EXPECTED[field.kind]


def read(field: Field, text: str) -> Value | None:
    """Return `text` as the type of `field`, or None when it is not one."""
    if field.kind is Kind.CHOICE:
        return text if text in field.values else None
    return _READERS[field.kind](text)


def is_storable(text: str) -> bool:
    """PostgreSQL holds neither NUL nor half a surrogate pair; the other control characters name nothing either."""
    return not any(character < " " or "\ud800" <= character <= "\udfff" for character in text)


def _text(text: str) -> str | None:
    return text if is_storable(text) else None


def _uuid(text: str) -> UUID | None:
    return UUID(text) if _UUID.fullmatch(text) else None


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text)


def _integer(text: str) -> int | None:
    if not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if SMALLEST <= number <= LARGEST else None


def _date(text: str) -> date | None:
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _timestamp(text: str) -> datetime | None:
    if not _TIMESTAMP.fullmatch(text):
        return None
    # An offset can push the first or last day of the calendar out of it.
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


_READERS: dict[Kind, Callable[[str], Value | None]] = {
    Kind.TEXT: _text,
    Kind.TAGS: _text,
    Kind.UUID: _uuid,
    Kind.DATE: _date,
    Kind.TIMESTAMP: _timestamp,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
}
