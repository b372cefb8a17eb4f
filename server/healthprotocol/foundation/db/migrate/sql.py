"""
SQL text cut into statements, without understanding it: only strings, comments and bodies of functions are known.

It reads the dialect that the revisions are written in (PostgreSQL, standard-conforming strings). What it cannot tell,
PostgreSQL and squawk do.
"""

import re
from collections.abc import Iterator

import msgspec

_TOKEN = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*.*?\*/)
    |(?P<string>[eE]?'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")*")
    |(?P<dollar>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<space>\s+)
    |(?P<word>[A-Za-z_][\w.]*)
    |(?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_DIRECTIVE = re.compile(r"^--\s*(?P<key>Backfill|Restore):\s*(?P<value>.+?)\s*$")
_OPENS, _CLOSES = "([", ")]"


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """
    One statement of a file.

    `text` is as written, without what stands before it; `line` is where it begins, from 1; `bare` is lower-case, with
    single spaces, without comments, every string as '' and every dollar-quoted body as $$. `backfill` names the table
    that a statement is to walk in batches, `walk` how (empty: along its key); `restore` is the table and columns of a
    directive that has no SQL.
    """

    text: str
    line: int
    bare: str
    backfill: str | None = None
    walk: str = ""
    restore: str | None = None

    @property
    def essence(self) -> str:
        """What a half-done statement is recognised by: another walk would not understand how far it came."""
        return (self.text or self.restore or "") + (f"\n-- {self.walk}" if self.walk else "")


class _Reader:
    """Goes through the tokens once and hands out statements."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._begin()

    def _begin(self) -> None:
        self._start: int | None = None
        self._bare: list[str] = []
        self._previous = ""
        self._depth = 0
        self._backfill: str | None = None
        self._walk = ""

    def statements(self) -> Iterator[Statement]:
        for token in _TOKEN.finditer(self._text):
            kind = token.lastgroup if token.lastgroup != "tag" else "dollar"
            if kind == "comment":
                yield from self._comment(token)
            elif kind == "space":
                self._bare.append(" ")
            elif token.group() == ";" and self._depth == 0:
                yield from self._end(token.start())
            else:
                self._take(kind or "other", token)
        yield from self._end(len(self._text))

    def _comment(self, token: re.Match[str]) -> Iterator[Statement]:
        self._bare.append(" ")
        directive = _DIRECTIVE.match(token.group())
        if directive is None or self._start is not None:
            return
        if directive["key"] == "Backfill":
            table, _, walk = directive["value"].partition(",")
            self._backfill, self._walk = table.strip(), walk.strip()
        else:
            yield Statement(text="", line=self._line(token.start()), bare="", restore=directive["value"])

    def _take(self, kind: str, token: re.Match[str]) -> None:
        if self._start is None:
            self._start = token.start()
            self._bare.clear()
        word = token.group().lower()
        if kind == "word":
            # The body of a function may be SQL itself: `begin atomic … end`, with `case … end` inside.
            if (self._previous == "begin" and word == "atomic") or (self._depth and word == "case"):
                self._depth += 1
            elif self._depth and word == "end":
                self._depth -= 1
            self._previous = word
        self._bare.append({"string": "''", "dollar": "$$"}.get(kind, word))

    def _end(self, position: int) -> Iterator[Statement]:
        if self._start is not None:
            yield Statement(
                text=self._text[self._start : position].strip(),
                line=self._line(self._start),
                bare=" ".join("".join(self._bare).split()),
                backfill=self._backfill,
                walk=self._walk,
            )
        self._begin()

    def _line(self, position: int) -> int:
        return self._text.count("\n", 0, position) + 1


def statements(text: str) -> tuple[Statement, ...]:
    """Return the statements of `text` in order, and its directives (`-- Backfill: …`, `-- Restore: …`)."""
    return tuple(_Reader(text).statements())


def parts(text: str) -> tuple[str, ...]:
    """Return what commas separate on the outermost level of `text`, a piece of a bare statement."""
    found, depth, begin = [], 0, 0
    for position, letter in enumerate(text):
        depth += (letter in _OPENS) - (letter in _CLOSES)
        if letter == "," and depth == 0:
            found.append(text[begin:position].strip())
            begin = position + 1
    return (*found, text[begin:].strip())


def bracket(text: str) -> str:
    """Return what stands between the first bracket of `text` and its match; empty when there is none."""
    begin, depth = text.find("("), 0
    for position in range(max(begin, 0), len(text)):
        depth += (text[position] == "(") - (text[position] == ")")
        if depth == 0:
            return text[begin + 1 : position].strip() if begin >= 0 else ""
    return ""
