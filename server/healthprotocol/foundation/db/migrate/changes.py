"""What a file does to tables that stand, told from its text: what it adds, and what it drops."""

import re
from collections.abc import Collection, Iterator, Mapping

import msgspec

from healthprotocol.foundation.db.migrate.files import Script, Target
from healthprotocol.foundation.db.migrate.sql import parts

_ALTER_TABLE = re.compile(r"^alter table (?:if exists )?(?:only )?(?P<table>[\w.]+) (?P<actions>.*)")
_ADD_COLUMN = re.compile(r"^add column (?:if not exists )?(?P<column>\w+) (?P<type>.*)")
_DROP_TABLE = re.compile(r"^drop table (?:if exists )?(?P<tables>[\w., ]+)")
_DROP_COLUMN = re.compile(r"^drop column (?:if exists )?(?P<column>\w+)")


class Action(msgspec.Struct, frozen=True):
    """One of the comma-separated things that an `alter table` does."""

    table: str
    text: str
    line: int


class Column(msgspec.Struct, frozen=True):
    """A column that a file makes, with the words of its type and constraints."""

    table: str
    name: str
    type: str
    line: int


def plain(name: str) -> str:
    """Return a table's name without the schema that everything is in."""
    return name.removeprefix("public.")


def actions(script: Script) -> Iterator[Action]:
    """Everything that a file's `alter table` do, one by one."""
    for statement in script.statements:
        if match := _ALTER_TABLE.match(statement.bare):
            for text in parts(match["actions"]):
                yield Action(plain(match["table"]), text, statement.line)


def columns_added(script: Script) -> Iterator[Column]:
    """The columns that a file adds with `alter table … add column`."""
    for action in actions(script):
        if match := _ADD_COLUMN.match(action.text):
            yield Column(action.table, match["column"], match["type"], action.line)


def dropped(script: Script) -> Iterator[tuple[Target, int]]:
    """The tables and columns that a file drops, each with its line."""
    for statement in script.statements:
        if match := _DROP_TABLE.match(statement.bare):
            for table in match["tables"].split(","):
                yield Target(plain(table.strip().split(" ")[0])), statement.line
    for action in actions(script):
        if match := _DROP_COLUMN.match(action.text):
            yield Target(action.table, (match["column"],)), action.line


def drops(script: Script, *, but_filled: bool) -> Mapping[int, Collection[str]]:
    """Return the tables that lose something, by the line of the statement; not those that the file fills itself."""
    filled = {plain(one.backfill) for one in script.statements if one.backfill} if but_filled else set()
    found: dict[int, set[str]] = {}
    for target, line in dropped(script):
        if plain(target.table) not in filled:
            found.setdefault(line, set()).add(plain(target.table))
    return found
