"""
Cut a filter into tokens, and its values out of it.

The cut never fails: what is no token becomes one of kind `unknown`, at its place. `split` finds, in one pass of the
regular expression engine, what stands where a value can stand; what is left names the shape of the filter.
"""

import re
from collections.abc import Iterator

import msgspec

_STRING = r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\''
_IN_WORD = r"[A-Za-z0-9_.+\-]"
_RELATIVE = rf"(?:today|now)\s*[+-]\s*[0-9]{{1,19}}[a-z](?!{_IN_WORD})"
# AIP-160 writes an instant without quotes; the colons in it are no operators. One without an offset is told so later.
_INSTANT = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
    rf"(?:[Zz]|[+-][0-9]{{2}}:[0-9]{{2}})?(?!{_IN_WORD}|:)"
)
_WORD = rf"(?!(?:AND|OR|NOT|IN|null)(?!{_IN_WORD})){_IN_WORD}+"
_ITEM = rf"(?:{_STRING}|{_RELATIVE}|{_INSTANT}|{_WORD})"
_LIST = rf"\(\s*{_ITEM}(?:\s*(?:,|OR(?!{_IN_WORD}))\s*{_ITEM})*\s*\)"

_TOKEN = re.compile(
    rf"""
      (?P<space>\s+)
    | (?P<string>{_STRING})
    | (?P<operator>!=|<=|>=|=|<|>|:)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<comma>,)
    | (?P<relative>{_RELATIVE})
    | (?P<instant>{_INSTANT})
    | (?P<word>{_IN_WORD}+|\*)
    | (?P<unknown>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ITEMS = re.compile(rf"{_ITEM}", re.DOTALL)
_SPLIT = re.compile(rf"((?:!=|<=|>=|[=<>:]|(?<!{_IN_WORD})IN(?!{_IN_WORD}))\s*)({_ITEM}|{_LIST})", re.DOTALL)


class Token(msgspec.Struct, frozen=True):
    """`text` is as written, quotes and all; `at` is its place, counted from 1, and `end` that of the next character."""

    kind: str
    text: str
    at: int
    end: int


def tokens(source: str) -> Iterator[Token]:
    """Yield the tokens of `source`, then one of kind `end`."""
    for found in _TOKEN.finditer(source):
        kind = found.lastgroup or "unknown"
        if kind != "space":
            yield Token(kind, found.group(), found.start() + 1, found.end() + 1)
    yield Token("end", "", len(source) + 1, len(source) + 1)


def split(source: str) -> tuple[tuple[str, ...], list[str]]:
    """Return what `source` says beside its values, and the values as written, from left to right."""
    parts = _SPLIT.split(source)
    values = parts[2::3]
    del parts[2::3]
    return tuple(parts), values


def value_places(source: str) -> list[tuple[int, int]]:
    """Return where the values that `split` cuts out begin and end, counted from 1."""
    return [(found.start(2) + 1, found.end(2) + 1) for found in _SPLIT.finditer(source)]


def items(written: str) -> list[str]:
    """Return the items of a list in parentheses, as written."""
    return _ITEMS.findall(written)


def plain(written: str) -> str:
    """Return a value without its quotes and escapes."""
    if written[0] not in "\"'":
        return written
    return _ESCAPED.sub(r"\1", written[1:-1]) if "\\" in written else written[1:-1]


def is_prefix(written: str) -> bool:
    """Tell whether a value in quotes ends with a star that is not escaped."""
    return written[-2:-1] == "*" and written[0] in "\"'" and written[-3:-2] != "\\"
