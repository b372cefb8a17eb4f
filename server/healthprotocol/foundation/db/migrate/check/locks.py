"""Rules about what makes others wait: indexes, rewrites, scans under a lock, limits."""

import re
from collections.abc import Iterator

from healthprotocol.foundation.db.migrate.changes import plain
from healthprotocol.foundation.db.migrate.check.case import Case, Said, rule
from healthprotocol.foundation.db.migrate.files import Script

_INDEX = re.compile(
    r"^create (?:unique )?index (?P<concurrently>concurrently )?(?:if not exists )?\w* ?on (?:only )?(?P<table>[\w.]+)"
)
_DROP_INDEX = re.compile(r"^drop index (?P<concurrently>concurrently )?")
_CONCURRENT = re.compile(r"^(create (unique )?index|drop index|reindex .*) concurrently\b|^reindex concurrently\b")
# What differs from row to row cannot be kept in the catalogue once for all: the table is written anew.
_VOLATILE = re.compile(
    r"\b(random|clock_timestamp|timeofday|gen_random_uuid|uuidv7|uuid_generate_v[14]|nextval)\s*\(|\bserial\b|bigserial"
    r"|generated (always|by default) as (identity|\()"
)
_REWRITES = re.compile(r"^alter (column )?\w+ (set data )?type\b|^set (logged|unlogged|tablespace|access method)\b")
_REWRITING_STATEMENT = re.compile(
    r"^(cluster\b|vacuum full\b|refresh materialized view (?!concurrently)|reindex (?!.*concurrently))"
)
_SETS_LIMITS = re.compile(
    r"^(set (local |session )?(lock_timeout|statement_timeout|role|search_path)\b|reset\b|begin\b|commit\b|rollback\b"
    r"|start transaction\b|lock table\b|lock \w|savepoint\b|discard\b|set session authorization\b)"
    r"|set_config\("
)
_NOT_NULL = re.compile(r"^alter (?:column )?(?P<column>\w+) set not null\b")
_CHECK_IN_TEXT = r"check \(\(*{column} is not null\)*\)"


@rule("index-concurrently", "write `create index concurrently` in a file with `-- Transaction: none`")
def indexes_are_built_beside_the_work(case: Case) -> Iterator[Said]:
    """A plain one stops all writes to the table until it is built."""
    for statement in case.up.statements:
        match = _INDEX.match(statement.bare)
        if match and not match["concurrently"] and not case.is_new(match["table"]):
            yield Said(statement.line, f"the index on {plain(match['table'])}, a table that stands, stops its writes")
        dropped = _DROP_INDEX.match(statement.bare)
        if dropped and not dropped["concurrently"]:
            yield Said(statement.line, "an index is dropped under a lock on its whole table")


@rule("index-outside-transaction", "write `-- Transaction: none` at the head of the file")
def concurrent_is_outside_a_transaction(case: Case) -> Iterator[Said]:
    """PostgreSQL refuses it inside one."""
    for script, is_back in ((case.up, False), (case.down, True)):
        for statement in script.statements:
            if _CONCURRENT.match(statement.bare) and script.in_transaction:
                yield Said(statement.line, "a concurrent index inside a transaction", is_back)


@rule("transaction-kept", "leave the transaction to the runner unless the file builds an index or fills rows")
def transactions_are_not_given_up_for_nothing(case: Case) -> Iterator[Said]:
    """A file that is cut off half way is harder to go on from."""
    if not case.up.in_transaction and not any(
        s.backfill or _CONCURRENT.match(s.bare) or "validate constraint" in s.bare for s in case.up.statements
    ):
        yield Said(1, "`Transaction: none` without a concurrent index, a backfill or a validation")


@rule("no-rewrite", "add a second column, fill it in batches, and drop the first in a contract")
def nothing_is_written_anew(case: Case) -> Iterator[Said]:
    """A rewrite locks the table against readers for as long as it takes."""
    for column in case.columns_added:
        default = column.type.partition(" default ")[2]
        if not case.is_new(column.table) and (_VOLATILE.search(default) or _VOLATILE.search(column.type)):
            yield Said(column.line, f"{column.table}.{column.name} has a value of its own in each row: a rewrite")
    for action in case.actions:
        if _REWRITES.match(action.text) and not case.is_new(action.table):
            yield Said(action.line, f"a rewrite of {action.table}: {action.text}")
    for statement in case.up.statements:
        if _REWRITING_STATEMENT.match(statement.bare):
            yield Said(statement.line, f"everything is written anew under a lock: {statement.bare.split('(')[0]}")


@rule("not-null-by-check", "add a `check (… is not null) not valid`, validate it in a migrate, then `set not null`")
def not_null_comes_by_a_validated_check(case: Case) -> Iterator[Said]:
    """With a validated check PostgreSQL does not read the table to believe it."""
    for column in case.columns_added:
        if case.is_new(column.table) or " not null" not in f" {column.type}" or " default " in f" {column.type}":
            continue
        yield Said(column.line, f"{column.table}.{column.name} is not null and has no default: it fails on any row")
    for action in case.actions:
        match = _NOT_NULL.match(action.text)
        if match and not case.is_new(action.table) and not _has_validated_check(case, action.table, match["column"]):
            yield Said(action.line, f"{action.table}.{match['column']} is set not null by reading the whole table")


@rule("constraint-not-valid", "add it `not valid`, and validate it in a migrate file with `-- Transaction: none`")
def constraints_are_validated_apart(case: Case) -> Iterator[Said]:
    """Adding one reads all rows under a lock; validating it later does so while others write."""
    for action in case.actions:
        if case.is_new(action.table) or not action.text.startswith("add "):
            continue
        adds = re.match(r"^add (constraint \w+ )?(check|foreign key)\b", action.text)
        if adds and "not valid" not in action.text:
            yield Said(action.line, f"a constraint on {action.table} is checked on all rows at once")
        unique = re.match(r"^add (constraint \w+ )?(unique|primary key|exclude)\b", action.text)
        if unique and "using index" not in action.text:
            yield Said(action.line, f"a key of {action.table} is built under a lock: make its index concurrently first")
    for column in case.columns_added:
        if not case.is_new(column.table) and re.search(r"\breferences\b|\bunique\b", column.type):
            yield Said(column.line, f"{column.table}.{column.name} brings a constraint that locks while it is checked")
    added = {m[1] for a in case.actions if (m := re.match(r"^add constraint (\w+) .*not valid$", a.text))}
    if case.up.in_transaction:
        for action in case.actions:
            match = re.match(r"^validate constraint (\w+)", action.text)
            if match and (match[1] in added or not case.is_new(action.table)):
                yield Said(
                    action.line, f"{match[1]} is validated inside a transaction, which keeps every lock until its end"
                )


@rule("limits-are-the-runners", "remove it: the runner sets lock and statement limits, role and transaction")
def limits_are_the_runners(case: Case) -> Iterator[Said]:
    """A file that lifts the limit makes everyone wait behind it."""
    for script, is_back in ((case.up, False), (case.down, True)):
        for statement in script.statements:
            if _SETS_LIMITS.search(statement.bare) and not statement.bare.startswith("create"):
                yield Said(statement.line, f"sets what the runner sets: {statement.bare}", is_back)


@rule("no-cascade", "name each thing that goes, so that a reviewer sees it")
def nothing_goes_unnamed(case: Case) -> Iterator[Said]:
    """What `cascade` takes along is known only when it is gone."""
    for script, is_back in ((case.up, False), (case.down, True)):
        for statement in script.statements:
            if re.search(r"^(drop|truncate|alter).*\bcascade$", statement.bare):
                yield Said(statement.line, f"takes unnamed things along: {statement.bare}", is_back)


def _has_validated_check(case: Case, table: str, column: str) -> bool:
    """Whether this file or one before it validates a check that the column is not null."""
    said = re.compile(_CHECK_IN_TEXT.format(column=re.escape(column)))
    scripts: list[Script] = [one.forwards for one in (*case.earlier, case.revision)]
    names = {
        match[1]
        for script in scripts
        for s in script.statements
        if re.match(rf"^alter table (only )?(public\.)?{re.escape(table)}\b", s.bare) and said.search(s.bare)
        for match in [re.search(r"add constraint (\w+)", s.bare)]
        if match
    }
    return any(
        re.search(rf"validate constraint {name}\b", s.bare) for x in scripts for s in x.statements for name in names
    )
