"""
References between the requests of a batch: `${name/pointer}` is a place in the answer to the request `name`.

In a path a reference may be a part; in a body it is a whole text, and only when an earlier request has that name: any
other text of that form is just a text. What begins with `$` and a name but is written otherwise, as `$name.id`, is
nobody's reference: `misspelt_in_path` and `misspelt_in_body` find it before it goes out as it stands.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from healthprotocol.foundation.errors import PayloadTooLarge

_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z0-9_-]{1,64})(?P<pointer>(?:/[A-Za-z0-9_.~-]{1,64}){1,8})\}")
# `$name`, `$name.id`, `${name}`, `${name.id}`, `$name/id`: close to a reference, and none.
_NEARLY = re.compile(r"\$\{?(?P<name>[A-Za-z0-9_-]{1,64})(?![A-Za-z0-9_-])")
_NEARLY_WHOLE = re.compile(_NEARLY.pattern + r"(?:[./\[][A-Za-z0-9_./~\[\]-]{0,200})?\}?")
# An id, a key, a page token: nothing that names a resource is longer.
_LONGEST_IN_PATH = 4_000


class NoSuchPlace(Exception):
    """An answer has nothing to put in where a reference points. `reference` is its text, as sent."""

    def __init__(self, reference: str) -> None:
        super().__init__(reference)
        self.reference = reference


def names_in_path(path: str) -> set[str]:
    """Return the names that the references in a path give."""
    return {match["name"] for match in _REFERENCE.finditer(path)}


def names_in_body(body: Any, known: Collection[str]) -> set[str]:
    """Return those of the `known` names that references in a JSON value give."""
    return {match["name"] for text in _texts(body) if (match := _REFERENCE.fullmatch(text)) and match["name"] in known}


def misspelt_in_path(path: str, names: Collection[str]) -> str | None:
    """Return which of the `names` a path nearly refers to, None when none."""
    rest = _REFERENCE.sub("", path)
    return next((match["name"] for match in _NEARLY.finditer(rest) if match["name"] in names), None)


def misspelt_in_body(body: Any, names: Collection[str]) -> str | None:
    """Return which of the `names` a whole text of a JSON value nearly refers to, None when none."""
    for text in _texts(body):
        match = None if _REFERENCE.fullmatch(text) else _NEARLY_WHOLE.fullmatch(text)
        if match is not None and match["name"] in names:
            return match["name"]
    return None


def fill_path(path: str, answers: Mapping[str, Any]) -> str:
    """Return the path with every reference replaced, percent-encoded. Raises NoSuchPlace."""
    return _REFERENCE.sub(lambda match: quote(str(_plain(_found(match, answers), match)), safe=""), path)


def fill_body(body: Any, answers: Mapping[str, Any], *, most_bytes: int) -> Any:
    """
    Return a JSON value with every reference to a name in `answers` replaced by what it points at.

    Raises NoSuchPlace, and PayloadTooLarge when what is put in is longer than `most_bytes` as JSON: a large answer that
    is named in many places counts in each.
    """
    lengths: dict[str, int] = {}
    total = 0
    for text in _texts(body):
        match = _REFERENCE.fullmatch(text)
        if match is None or match["name"] not in answers:
            continue
        if text not in lengths:
            lengths[text] = len(msgspec.json.encode(_found(match, answers)))
        total += lengths[text]
        if total > most_bytes:
            raise PayloadTooLarge(f"With its references put in, a body has at most {most_bytes:,} bytes.")
    return _filled(body, answers)


def _filled(body: Any, answers: Mapping[str, Any]) -> Any:
    if isinstance(body, str):
        match = _REFERENCE.fullmatch(body)
        return body if match is None or match["name"] not in answers else _found(match, answers)
    if isinstance(body, dict):
        return {key: _filled(inner, answers) for key, inner in body.items()}
    if isinstance(body, list):
        return [_filled(inner, answers) for inner in body]
    return body


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _found(match: re.Match[str], answers: Mapping[str, Any]) -> Any:
    value = answers.get(match["name"])
    # RFC 6901: ~1 stands for a slash, ~0 for the tilde itself, in that order.
    for part in match["pointer"].split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise NoSuchPlace(match[0])
    return value


def _plain(value: Any, match: re.Match[str]) -> str | int:
    """A path takes a short text or a whole number; an object, a list or nothing names no resource."""
    if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > _LONGEST_IN_PATH:
        raise NoSuchPlace(match[0])
    return value
