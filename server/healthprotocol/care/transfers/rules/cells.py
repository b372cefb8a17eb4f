"""
Cells into what a line says, and back: what was written comes back the same.

An empty cell says nothing. What cannot be read as its column wants stays a text: the shape's own check names it.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from healthprotocol.care.transfers.model import Noun
from healthprotocol.care.transfers.rules.columns import CellKind, kind_of, names_of
from healthprotocol.foundation.tabular.writing import unescaped

_INTEGER = re.compile(r"[+-]?\d{1,15}")
_NUMBER = re.compile(r"[+-]?\d{1,30}([.]\d{1,30})?([eE][+-]?\d{1,3})?")
# People leave the seconds out, and then often write a space between day and time.
_TIME = re.compile(r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?!:)")
_VALUE = ("code", "value", "unit")
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def read_cells(
    noun: Noun, columns: tuple[str, ...], cells: Sequence[str], *, decimal_comma: bool = False
) -> dict[str, object]:
    """
    Return what the cells of a line say by column, without those that are empty or of a report.

    `decimal_comma` is for files whose delimiter is a semicolon: their numbers may be written 37,5.
    """
    said: dict[str, object] = {}
    for (name, kind), cell in zip(_kinds(noun, columns), cells, strict=False):
        if not cell or kind is None:
            continue
        if kind == "text":
            said[name] = unescaped(cell) if cell[0] == "'" else cell
            continue
        value = _value(kind, cell, decimal_comma=decimal_comma)
        if value is not None:
            said[name] = value
    return said


def composed(noun: Noun, said: Mapping[str, object]) -> dict[str, object]:
    """Return what a line says in the shape of its noun: columns of one value, or of one identifier, become its list."""
    if noun == "patients" and ("identifier_system" in said or "identifier_value" in said):
        system, value = said.get("identifier_system"), said.get("identifier_value")
        rest = {name: value for name, value in said.items() if name not in {"identifier_system", "identifier_value"}}
        if system is None and value is None:
            return {"identifiers": None, **rest}
        pair = {"system": "" if system is None else system, "value": "" if value is None else value}
        return {**rest, "identifiers": [pair, *_list(said.get("identifiers"))]}
    if noun == "entries" and ("value" in said or "code" in said):
        rest = dict(said)
        one = {name: rest.pop(name) for name in _VALUE if name in rest}
        rest["values"] = [one, *_list(rest.get("values"))]
        return rest
    return dict(said)


def column_of(noun: Noun, pointer: str, said: Mapping[str, object]) -> str:
    """Return the column that a fault is about, from its pointer into the composed shape; empty for the whole line."""
    parts = pointer.split("/")[1:]
    if not parts:
        return ""
    if parts[0] == "identifiers" and "identifiers" not in said and len(parts) > 2:  # noqa: PLR2004 - list, place, member
        return f"identifier_{parts[2]}"
    if parts[0] == "values" and "values" not in said:
        return parts[2] if len(parts) > 2 else "value"  # noqa: PLR2004 - the same
    return parts[0] if parts[0] in names_of(noun) else ""


def written(noun: Noun, said: Mapping[str, Any]) -> list[str | int | float | bool | None]:
    """Return the cells of a line of CSV, in the order of the columns."""
    return [_cell(kind_of(noun, name), said.get(name)) for name in names_of(noun)]


@lru_cache(maxsize=64)
def _kinds(noun: Noun, columns: tuple[str, ...]) -> tuple[tuple[str, CellKind | None], ...]:
    return tuple((name, kind_of(noun, name)) for name in columns)


def _value(kind: CellKind, cell: str, *, decimal_comma: bool) -> object:
    text = cell.strip()
    if kind == "integer":
        return int(text) if _INTEGER.fullmatch(text) else (text or None)
    if kind == "number":
        number = text.replace(",", ".", 1) if decimal_comma else text
        return float(number) if _NUMBER.fullmatch(number) else (text or None)
    if kind == "time":
        return text if text[16:17] == ":" else _TIME.sub(r"\1T\2:00", text) or None
    if kind == "boolean":
        return _BOOLEANS.get(text.lower(), text or None)
    return _json(kind, unescaped(cell))


def _json(kind: CellKind, text: str) -> object:
    if kind == "text_or_json" and not text.lstrip().startswith("{"):
        return text
    if "\\u0000" in text:
        # PostgreSQL takes no such character: as a text it does not fit, and its column is told.
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _cell(kind: CellKind | None, value: Any) -> str | int | float | bool | None:
    if value is None or value == []:
        return None
    if kind in {"json", "text_or_json"} and not isinstance(value, str):
        return msgspec.json.encode(value).decode()
    return value if isinstance(value, str | int | float | bool) else str(value)


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else ([] if value is None else [value])
