"""Read the values of a filter: each is checked here, so that PostgreSQL never sees one that it would refuse."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from .fields import Field, Kind

LARGEST = 2**63 - 1
_FIRST_SURROGATE, _PAST_SURROGATES, _LAST_CODE_POINT = 0xD800, 0xE000, 0x10FFFF
SMALLEST = -(2**63)

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")

# `today - 30d`, `now + 90m`: at most five digits, so that no sum leaves the calendar.
_RELATIVE = re.compile(r"(today|now)(?:\s*([+-])\s*([0-9]{1,5})([smhdw]))?")
_TOO_FAR = re.compile(r"(?:today|now)\s*[+-]\s*[0-9]{6,}[smhdw]")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

Value = str | int | bool | UUID | date | datetime

EXPECTED = {
    Kind.TEXT: "a text without control characters",
    Kind.UUID: "an id such as 01890a5d-ac96-774b-bcce-b302099a8057",
    Kind.DATE: "a date that exists, such as 2026-03-07, or today - 30d",
    Kind.TIMESTAMP: "an instant with its offset, such as 2026-03-07T13:00:00Z, a date (midnight in UTC), or now - 24h",
    Kind.INTEGER: "a whole number of at most 64 bits",
    Kind.BOOLEAN: "true or false",
    Kind.TAGS: "a text without control characters",
    Kind.WORDS: "words without control characters",
}


def expectation(field: Field) -> str:
    """Say in words what `field` takes."""
    if field.kind is Kind.CHOICE:
        return "one of " + ", ".join(field.values)
    return EXPECTED[field.kind] if field.blind is None else field.blind.expected


def needed(field: Field, written: str) -> str:
    """Say in words what `field` takes where `written`, which it does not take, stands."""
    if field.kind in {Kind.DATE, Kind.TIMESTAMP} and _TOO_FAR.search(written):
        return "a smaller number: what is reckoned from the present has at most 5 digits, such as 99999h"
    return expectation(field)


def read(field: Field, text: str) -> Value | None:
    """Return `text` as the type of `field`, or None when it is not one. Of an encrypted field: what is indexed."""
    if field.kind is Kind.CHOICE:
        return _chosen(field, text)
    if field.blind is not None:
        return _indexed(field, text)
    return _READERS[field.kind](text)


def read_relative(field: Field, text: str, now: datetime) -> Value | None:
    """
    Return what `today - 30d` or `now - 24h` means for `field`, or None when it means nothing for it.

    Days are those of UTC; an instant field takes `today` as its first moment.
    """
    found = _RELATIVE.fullmatch(text)
    if found is None or field.kind not in {Kind.DATE, Kind.TIMESTAMP}:
        return None
    word, sign, number, unit = found.groups()
    shift = timedelta(**{_UNITS[unit]: int(number)}) if unit else timedelta()
    if word == "now":
        base = now.astimezone(UTC)
    else:
        base = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    instant = base - shift if sign == "-" else base + shift
    if field.kind is Kind.TIMESTAMP:
        return instant
    # A day has no hours: what moves it by less than a day, or begins in the middle of one, is a mistake.
    return instant.date() if word == "today" and unit in {None, "d", "w"} else None


def after_prefix(prefix: str) -> str:
    """Return the smallest text, by code points, that is above every text that begins with `prefix`; not empty."""
    for place in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[place]) + 1
        if code == _FIRST_SURROGATE:
            code = _PAST_SURROGATES
        if code <= _LAST_CODE_POINT:
            return prefix[:place] + chr(code)
    return chr(_LAST_CODE_POINT) * (len(prefix) + 1)


def is_storable(text: str) -> bool:
    """PostgreSQL holds neither NUL nor half a surrogate pair; the other control characters name nothing either."""
    return not any(character < " " or "\ud800" <= character <= "\udfff" for character in text)


def _chosen(field: Field, text: str) -> Value | None:
    if field.stored is not None:
        return field.stored.get(text)
    return text if text in field.values else None


def _indexed(field: Field, text: str) -> Value | None:
    assert field.blind is not None
    if not is_storable(text):
        return None
    try:
        return field.blind.normalise([text])
    except ValueError:
        return None


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
    if (day := _date(text)) is not None:
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
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
    Kind.WORDS: _text,
    Kind.UUID: _uuid,
    Kind.DATE: _date,
    Kind.TIMESTAMP: _timestamp,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
}
