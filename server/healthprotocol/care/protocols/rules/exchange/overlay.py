"""
The lens: a document and two readings of it, before and after an edit, give the edited document.

What both readings agree on stays as it was written; so nothing changes when nothing was edited.
"""

from decimal import Decimal
from typing import cast

import msgspec

from healthprotocol.care.protocols.rules.exchange.documents import Json, copy_json

# The members that name the items of a list across an edit, in order of preference.
_NAMES = ("key", "link_id", "value", "code")


def difference(before: Json, after: Json) -> Json:
    """
    Return what turns `before` into `after` by `merge`.

    Only the members that differ, None for one that is gone, lists and plain values whole. Equal values differ by an
    empty object.
    """
    if not isinstance(before, dict) or not isinstance(after, dict):
        return {} if same(before, after) else after
    changed: dict[str, Json] = {name: None for name in before if name not in after}
    for name, value in after.items():
        if name not in before:
            changed[name] = value
        elif not same(before[name], value):
            both = isinstance(before[name], dict) and isinstance(value, dict)
            changed[name] = difference(before[name], value) if both else value
    return changed


def merge(base: Json, change: Json) -> Json:
    """Return `base` with the members of `change` put over it: objects member by member, None takes a member away."""
    if not isinstance(base, dict) or not isinstance(change, dict):
        return copy_json(change)
    merged = dict(base)
    for name, value in change.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = merge(merged[name], value)
        else:
            merged[name] = copy_json(value)
    return merged


def rewrite(document: Json, before: Json, after: Json) -> Json:
    """
    Return `document` with the parts rewritten on which its reading `before` and the wanted reading `after` differ.

    For documents whose shape is that of the reading. Members keep their place and their way of writing (1.0, an
    explicit default); list items are followed by their key where they have one, by position otherwise.
    """
    if same(before, after):
        return document
    if isinstance(document, dict) and isinstance(before, dict) and isinstance(after, dict):
        return _rewrite_object(document, before, after)
    if isinstance(document, list) and isinstance(before, list) and isinstance(after, list):
        return _rewrite_list(document, before, after)
    return copy_json(after)


def same(one: Json, other: Json) -> bool:
    """Whether two values mean the same: numbers by value, true and false not as numbers, members in any order."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def json_of(value: msgspec.Struct) -> Json:
    """Return a struct of the model as JSON, its defaults left out."""
    return plain(msgspec.to_builtins(value))


def plain(value: object) -> Json:
    """Return what msgspec made of a struct as JSON: whole floats as integers, others by their shortest text."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else Decimal(repr(value))
    if isinstance(value, dict):
        members = {name: plain(member) for name, member in cast("dict[str, object]", value).items()}
        # msgspec leaves a default out only when it is the very same object; an empty schedule is the default.
        if members.get("schedule") == {}:
            del members["schedule"]
        return members
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("list[object]", value)]
    return cast("Json", value)


def _rewrite_object(document: dict[str, Json], before: dict[str, Json], after: dict[str, Json]) -> Json:
    written: dict[str, Json] = {}
    for name, value in document.items():
        if name in after:
            known = name in before
            written[name] = rewrite(value, before[name], after[name]) if known else copy_json(after[name])
        elif name not in before:
            # A default written out, or what the reading does not know.
            written[name] = value
    for name, value in after.items():
        if name not in document:
            written[name] = copy_json(value)
    return written


def _rewrite_list(document: list[Json], before: list[Json], after: list[Json]) -> Json:
    if len(document) != len(before):
        return copy_json(after)
    name = _naming_member(before, after)
    if name is None:
        return [
            rewrite(document[index], before[index], value) if index < len(before) else copy_json(value)
            for index, value in enumerate(after)
        ]
    at = {cast("dict[str, Json]", item)[name]: index for index, item in enumerate(before)}
    written: list[Json] = []
    for value in after:
        index = at.get(cast("dict[str, Json]", value)[name])
        written.append(copy_json(value) if index is None else rewrite(document[index], before[index], value))
    return written


def _naming_member(before: list[Json], after: list[Json]) -> str | None:
    """Return the member that tells the items of both lists apart, or None."""
    for name in _NAMES:
        if all(_are_named(items, name) for items in (before, after)):
            return name
    return None


def _are_named(items: list[Json], name: str) -> bool:
    names = [item.get(name) if isinstance(item, dict) else None for item in items]
    return all(isinstance(each, str) for each in names) and len(set(map(str, names))) == len(names)
