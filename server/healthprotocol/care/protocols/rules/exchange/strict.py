"""A value made into a model struct strictly: every fault with its pointer, all at once, and never the value itself."""

import re
from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar, cast

from msgspec import inspect

from healthprotocol.care.protocols.rules.exchange.documents import Json, escape_pointer
from healthprotocol.foundation.errors import Violation

T = TypeVar("T")

MAX_VIOLATIONS = 100
_NOTHING: object = object()
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?")


def convert(value: Json, kind: type[T]) -> tuple[T | None, list[Violation]]:
    """
    Return `value` as the struct `kind` and no violations, or None and its violations (at most 100).

    Differs from msgspec's own conversion in that it goes on after the first fault, and takes 08:00 for 08:00:00.
    """
    violations: list[Violation] = []
    converted = _convert(value, _type_of(kind), "", violations)
    if violations:
        return None, violations[:MAX_VIOLATIONS]
    return cast("T", converted), []


def fields(kind: type[Any]) -> dict[str, inspect.Type]:
    """Return a struct's fields by the names they have in JSON."""
    described = cast("inspect.StructType", _type_of(kind))
    return {field.encode_name: field.type for field in described.fields}


def unwrapped(kind: inspect.Type) -> inspect.Type:
    """Return a type without the None that it may also be."""
    if isinstance(kind, inspect.UnionType):
        inner = [member for member in kind.types if not isinstance(member, inspect.NoneType)]
        return unwrapped(inner[0])
    return kind


@cache
def _type_of(kind: type[Any]) -> inspect.Type:
    return inspect.type_info(kind)


def _convert(value: Json, kind: inspect.Type, pointer: str, violations: list[Violation]) -> object:
    if value is None and isinstance(kind, inspect.UnionType):
        return None
    inner = unwrapped(kind)
    if isinstance(inner, inspect.StructType):
        return _convert_object(value, inner, pointer, violations)
    if isinstance(inner, inspect.VarTupleType):
        return _convert_list(value, inner, pointer, violations)
    check = next(check for described, check in _CHECKS if isinstance(inner, described))
    return check(value, inner, pointer, violations)


def _convert_object(value: Json, kind: inspect.StructType, pointer: str, violations: list[Violation]) -> object:
    if not isinstance(value, dict):
        return _fault(violations, pointer, "wrong_type", "It must be an object.")
    known = {field.encode_name: field for field in kind.fields}
    for name in value:
        if name not in known:
            _fault(violations, f"{pointer}/{_shown(name)}", "unknown_field", "This field is not known here.")
    members: dict[str, object] = {}
    for name, field in known.items():
        if name in value:
            members[field.name] = _convert(value[name], field.type, f"{pointer}/{name}", violations)
        elif field.required:
            _fault(violations, f"{pointer}/{name}", "required", "This field is required.")
    return _NOTHING if violations else kind.cls(**members)


def _convert_list(value: Json, kind: inspect.VarTupleType, pointer: str, violations: list[Violation]) -> object:
    if not isinstance(value, list):
        return _fault(violations, pointer, "wrong_type", "It must be a list.")
    if kind.max_length is not None and len(value) > kind.max_length:
        return _fault(violations, pointer, "too_many", f"It must have at most {kind.max_length} items.")
    items: list[object] = []
    for index, item in enumerate(value):
        if len(violations) >= MAX_VIOLATIONS:
            break
        items.append(_convert(item, kind.item_type, f"{pointer}/{index}", violations))
    return tuple(items)


def _text(value: Json, kind: Any, pointer: str, violations: list[Violation]) -> object:
    if not isinstance(value, str):
        return _fault(violations, pointer, "wrong_type", "It must be a text.")
    if kind.min_length is not None and len(value) < kind.min_length:
        return _fault(violations, pointer, "too_short", f"It must have at least {kind.min_length} characters.")
    if kind.max_length is not None and len(value) > kind.max_length:
        return _fault(violations, pointer, "too_long", f"It must have at most {kind.max_length} characters.")
    if kind.pattern is not None and not re.search(kind.pattern, value):
        return _fault(violations, pointer, "pattern", "It does not match the required pattern.")
    return value


def _integer(value: Json, kind: Any, pointer: str, violations: list[Violation]) -> object:
    whole = isinstance(value, int) or (isinstance(value, Decimal) and abs(value) < 10**15 and value == int(value))
    if isinstance(value, bool) or not whole:
        return _fault(violations, pointer, "wrong_type", "It must be a whole number.")
    return _in_range(int(cast("int | Decimal", value)), kind, pointer, violations)


def _number(value: Json, kind: Any, pointer: str, violations: list[Violation]) -> object:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not abs(value) < Decimal("1e300"):
        return _fault(violations, pointer, "wrong_type", "It must be a number.")
    return _in_range(float(value), kind, pointer, violations)


def _in_range(value: float, kind: Any, pointer: str, violations: list[Violation]) -> object:
    if kind.ge is not None and value < kind.ge:
        return _fault(violations, pointer, "too_small", f"It must be at least {kind.ge}.")
    if kind.le is not None and value > kind.le:
        return _fault(violations, pointer, "too_large", f"It must be at most {kind.le}.")
    return value


def _boolean(value: Json, _: Any, pointer: str, violations: list[Violation]) -> object:
    return value if isinstance(value, bool) else _fault(violations, pointer, "wrong_type", "It must be true or false.")


def _literal(value: Json, kind: Any, pointer: str, violations: list[Violation]) -> object:
    if isinstance(value, str) and value in kind.values:
        return value
    return _fault(violations, pointer, "not_allowed", f"It must be one of: {', '.join(map(str, kind.values))}.")


def _time(value: Json, _: Any, pointer: str, violations: list[Violation]) -> object:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return _fault(violations, pointer, "format", "It must be a local time such as 08:00.")
    return time.fromisoformat(value)


def _date(value: Json, _: Any, pointer: str, violations: list[Violation]) -> object:
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            return date.fromisoformat(value)
    except ValueError:
        return _fault(violations, pointer, "format", "This date does not exist.")
    return _fault(violations, pointer, "format", "It must be a date such as 2026-03-01.")


_CHECKS: tuple[tuple[type[inspect.Type], Callable[[Json, Any, str, list[Violation]], object]], ...] = (
    (inspect.StrType, _text),
    (inspect.BoolType, _boolean),
    (inspect.IntType, _integer),
    (inspect.FloatType, _number),
    (inspect.LiteralType, _literal),
    (inspect.TimeType, _time),
    (inspect.DateType, _date),
)


def _fault(violations: list[Violation], pointer: str, code: str, detail: str) -> object:
    violations.append(Violation(pointer, code, detail))
    return _NOTHING


def _shown(name: str) -> str:
    """Return a member's name where it looks like a name; what was sent in its place is not repeated."""
    return escape_pointer(name) if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}", name) else "?"
