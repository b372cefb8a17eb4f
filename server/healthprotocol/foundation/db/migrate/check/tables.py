"""Rules about new tables and columns: what they say of themselves, and whose rows they show."""

import re
from collections.abc import Iterator

from healthprotocol.foundation.db.migrate.changes import plain
from healthprotocol.foundation.db.migrate.check.case import Case, Said, rule
from healthprotocol.foundation.db.migrate.sql import bracket, parts

_CLASS = re.compile(r"^class=(?P<kind>health|identity|operational); \S.*")
_UNIQUE_INDEX = re.compile(
    r"^create unique index (?:concurrently )?(?:if not exists )?(?P<name>\w+) "
    r"on (?:only )?(?P<table>[\w.]+)(?P<rest>.*)"
)
_KEY = re.compile(r"^(?:constraint \w+ )?(?:primary key|unique(?: nulls(?: not)? distinct)?) ?\((?P<columns>.*)\)")


@rule("class-comment", "write `comment on … is 'class=health|identity|operational; what it is'` in the same file")
def everything_says_its_class(case: Case) -> Iterator[Said]:
    """What a column is decides whether it must be ciphertext."""
    things = [(table, None, statement.line) for table, statement in case.new_tables.items()]
    things += [(c.table, c.name, c.line) for c in (*case.columns_made, *case.columns_added)]
    for table, column, line in things:
        name = table if column is None else f"{table}.{column}"
        comment = case.comment_of(table, column)
        if comment is None:
            yield Said(line, f"{name} has no comment")
        elif not _CLASS.match(comment):
            yield Said(line, f"the comment of {name} does not begin with its class and say what it is")


@rule("protected", "add `select hp_protect('table');`, or `-- Tenantless: table, because …` at the head")
def new_tables_are_protected(case: Case) -> Iterator[Said]:
    """A table without row-level security shows every tenant's rows to every tenant."""
    excused = _tenantless(case)
    protected = {plain(name) for s in case.up.statements for name in re.findall(r"hp_protect\(\s*'([\w.]+)'", s.text)}
    for table, statement in case.new_tables.items():
        if table not in protected | excused:
            yield Said(statement.line, f"{table} has no row-level security")


@rule("tenant-first", "let organisation_id be the first column of it")
def keys_begin_with_the_tenant(case: Case) -> Iterator[Said]:
    """A key without the tenant tells of another tenant's rows, and cannot be spread over machines."""
    excused = _tenantless(case)
    for table, statement in case.new_tables.items():
        if table in excused:
            continue
        has_key = False
        for part in parts(bracket(statement.bare)):
            inline = re.match(r"^(?P<column>\w+) .*\b(primary key|unique)\b", part)
            match = _KEY.match(part)
            columns = match["columns"] if match else inline["column"] if inline and not _starts_key(part) else None
            if columns is None:
                continue
            has_key = has_key or "primary key" in part
            if _first(columns) != "organisation_id":
                yield Said(statement.line, f"a key of {table} begins with {_first(columns)}")
        if not has_key:
            yield Said(statement.line, f"{table} has no primary key")
    for statement in case.up.statements:
        match = _UNIQUE_INDEX.match(statement.bare)
        if match and plain(match["table"]) not in excused and _first(bracket(match["rest"])) != "organisation_id":
            yield Said(statement.line, f"the unique index {match['name']} does not begin with organisation_id")


def _starts_key(part: str) -> bool:
    return part.startswith(("primary key", "unique", "constraint", "check", "foreign key", "exclude"))


def _first(columns: str) -> str:
    return parts(columns)[0].split(" ")[0]


def _tenantless(case: Case) -> set[str]:
    return {plain(value.partition(",")[0].strip()) for value in case.up.head.get("Tenantless", ())}
