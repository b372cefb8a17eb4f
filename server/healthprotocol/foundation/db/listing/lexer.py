"""Cut a filter into tokens. The cut never fails: what is no token becomes one of kind `unknown`, at its place."""

import re
from collections.abc import Iterator

import msgspec

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<operator>!=|<=|>=|=|<|>|:)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<word>[A-Za-z0-9_.+\-]+|\*)
    | (?P<unknown>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Token(msgspec.Struct, frozen=True):
    """`text` is what was written, without quotes and escapes for a string; `at` is its place, counted from 1."""

    kind: str
    text: str
    at: int


def tokens(source: str) -> Iterator[Token]:
    """Yield the tokens of `source`, then one of kind `end`."""
    for found in _TOKEN.finditer(source):
        kind = found.lastgroup or "unknown"
        if kind == "space":
            continue
        text = found.group()
        if kind == "string":
            text = _ESCAPED.sub(r"\1", text[1:-1])
        yield Token(kind, text, found.start() + 1)
    yield Token("end", "", len(source) + 1)
