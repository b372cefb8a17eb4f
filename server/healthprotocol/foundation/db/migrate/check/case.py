"""What a rule looks at: one revision among those before it; and what it says."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import msgspec

from healthprotocol.foundation.db.migrate.changes import Action, Column, actions, columns_added, plain
from healthprotocol.foundation.db.migrate.files import Release, Revision, Script
from healthprotocol.foundation.db.migrate.sql import Statement, bracket, parts

_CREATE_TABLE = re.compile(
    r"^create (?:unlogged )?table (?:if not exists )?(?P<table>[\w.]+)(?! partition of)\b(?P<rest>.*)"
)
_NO_COLUMN = {"primary", "unique", "check", "constraint", "foreign", "exclude", "like"}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A trespass: where, which rule, what is wrong, and what to do."""

    file: str
    line: int
    rule: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}; {self.remedy} [{self.rule}]"


class Said(msgspec.Struct, frozen=True):
    """What a rule found wrong: the line, the fact, and whether it is in the way back."""

    line: int
    message: str
    is_back: bool = False


class Case:
    """One revision, the ones before it, and what is released already."""

    def __init__(self, revision: Revision, earlier: Sequence[Revision], releases: Sequence[Release]) -> None:
        self.revision = revision
        self.earlier = earlier
        self.releases = releases
        self.up: Script = revision.forwards
        self.down: Script = revision.back

    @property
    def released(self) -> str:
        """The newest revision that came with the release before this revision's own; 0000 when none did."""
        return max((r.last for r in self.releases if r.last < self.revision.number), default="0000")

    @cached_property
    def phase(self) -> str:
        """The phase as the file says it; empty when it says none."""
        return self.up.said("Phase") or ""

    @cached_property
    def new_tables(self) -> dict[str, Statement]:
        """The tables that the file makes, but for partitions."""
        found: dict[str, Statement] = {}
        for statement in self.up.statements:
            match = _CREATE_TABLE.match(statement.bare)
            if match and " partition of " not in f" {match['rest']} ":
                found[plain(match["table"])] = statement
        return found

    @cached_property
    def actions(self) -> tuple[Action, ...]:
        """Everything that the file's `alter table` do, one by one."""
        return tuple(actions(self.up))

    @cached_property
    def columns_added(self) -> tuple[Column, ...]:
        """The columns that the file adds to tables that stand or that it made."""
        return tuple(columns_added(self.up))

    @cached_property
    def columns_made(self) -> tuple[Column, ...]:
        """The columns inside the file's `create table`."""
        found: list[Column] = []
        for table, statement in self.new_tables.items():
            for part in parts(bracket(statement.bare)):
                name, _, rest = part.partition(" ")
                if name and name not in _NO_COLUMN:
                    found.append(Column(table, name, rest, statement.line))
        return tuple(found)

    def is_new(self, table: str) -> bool:
        """Whether the table is made by this very file, so that nobody waits for it and nothing is in it."""
        return plain(table) in self.new_tables

    def comment_of(self, table: str, column: str | None = None) -> str | None:
        """Return the comment that the file gives, None when it gives none."""
        thing = f"table {table}" if column is None else f"column {table}.{column}"
        words = r"\s+".join(re.escape(word) for word in ("comment on " + thing).split())
        pattern = re.compile(rf"{words}\s+is\s+'(?P<said>(?:[^']|'')*)'")
        for statement in self.up.statements:
            if match := pattern.match(statement.text.replace("public.", "")):
                return match["said"]
        return None


class Rule(msgspec.Struct, frozen=True):
    """A name, what to do when it is broken, and the function that looks."""

    name: str
    remedy: str
    look: Callable[[Case], Iterator[Said]]


RULES: dict[str, Rule] = {}


def rule(name: str, remedy: str) -> Callable[[Callable[[Case], Iterator[Said]]], Callable[[Case], Iterator[Said]]]:
    """Enter a function among the rules."""

    def enter(look: Callable[[Case], Iterator[Said]]) -> Callable[[Case], Iterator[Said]]:
        RULES[name] = Rule(name, remedy, look)
        return look

    return enter
