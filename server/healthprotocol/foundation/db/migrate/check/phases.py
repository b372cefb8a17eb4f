"""Rules about the head of a file and about what each phase may do."""

import re
from collections.abc import Iterator

from healthprotocol.foundation.db.migrate.changes import columns_added, dropped, plain
from healthprotocol.foundation.db.migrate.check.case import Case, Said, rule
from healthprotocol.foundation.db.migrate.files import BEFORE_PHASES, PHASES, Target
from healthprotocol.foundation.db.migrate.sql import Statement
from healthprotocol.foundation.db.migrate.walks import WALKS

_REMOVES = re.compile(
    r"^(drop (table|column|view|materialized view|function|type|schema|sequence|trigger|policy|domain)\b)"
    r"|^alter (table|type|view|function|schema|index|sequence) .*\brename\b"
    r"|^revoke .* from hp_app\b"
)
_REMOVING_ACTION = re.compile(
    r"^(drop column|drop (?!constraint|not null|default|expression|identity)\w|rename\b|set schema\b"
    r"|alter (column )?\w+ (set data )?type\b)"
)
_TIGHTENS = re.compile(r"^alter (column )?\w+ set not null\b|^validate constraint\b")
_CHANGES_ROWS = re.compile(r"^(update|delete from|merge into|truncate|with\b.*\b(update|delete from|merge into)\b)")
_UPDATE = re.compile(r"^update (?:only )?(?P<table>[\w.]+)\b.*? set (?P<sets>.*?)(?: from | where |$)")
_SAYS_WHAT_IS_LEFT = re.compile(r"^(update|delete from)\b.* where (.+ and :batch|:batch and .+)$")
_REASON = re.compile(r"^(?P<what>[\w./-]+), because \w.+")


@rule("head-names-file", "begin the file with its own name as a comment")
def names_itself(case: Case) -> Iterator[Said]:
    """A file that was copied says so."""
    if not case.up.text.startswith(f"-- {case.up.path.name}\n"):
        yield Said(1, f"the first line is not `-- {case.up.path.name}`")


@rule("head-phase", "write `-- Phase: expand`, `migrate` or `contract` at the head; the guide says which")
def says_its_phase(case: Case) -> Iterator[Said]:
    """Who runs it must know what it does to the code that runs."""
    if case.phase not in PHASES:
        yield Said(1, "the head says no phase" if not case.phase else f"{case.phase!r} is no phase")


@rule("head-why", "write `-- Why: …`, for whom and what for")
def says_why(case: Case) -> Iterator[Said]:
    """The reason is not in the SQL."""
    if len(case.up.said("Why") or "") < len("a reason"):
        yield Said(1, "the head does not say why")


@rule("reasons", "write `name, because …` with the reason after it")
def exceptions_have_reasons(case: Case) -> Iterator[Said]:
    """What is let through says why."""
    for key in ("Allow", "Tenantless"):
        for value in case.up.head.get(key, ()):
            if not _REASON.match(value):
                yield Said(1, f"`{key}: {value}` gives no reason")
    undo = case.down.said("Undo")
    if undo is not None and not undo.startswith("none, because "):
        yield Said(1, f"`Undo: {undo}` gives no reason", is_back=True)


@rule("way-back", "write what undoes it, or `-- Undo: none, because …`")
def has_a_way_back(case: Case) -> Iterator[Said]:
    """A way back that is empty is none."""
    does_something = any(not s.backfill or s.restore for s in case.up.statements)
    if does_something and not case.down.statements and not case.down.is_impossible and case.phase != "migrate":
        yield Said(1, "the way back does nothing", is_back=True)


@rule("expand-only-adds", "add beside it now, and remove in a contract a release later")
def expand_only_adds(case: Case) -> Iterator[Said]:
    """Yesterday's code runs on the schema while nodes are replaced."""
    if case.phase == "contract":
        return
    for statement in case.up.statements:
        if _REMOVES.match(statement.bare) and not _replaces(case, statement):
            yield Said(statement.line, f"an {case.phase} removes or renames: {_short(statement)}")
    for action in case.actions:
        if _REMOVING_ACTION.match(action.text) and not case.is_new(action.table):
            yield Said(action.line, f"an {case.phase} removes, renames or changes a type: {action.text}")


@rule("expand-moves-nothing", "put it in a file with `-- Phase: migrate`")
def expand_moves_nothing(case: Case) -> Iterator[Said]:
    """Scanning and filling wait for rows; an expand is over at once."""
    if case.phase != "expand":
        return
    for action in case.actions:
        if _TIGHTENS.match(action.text) and not case.is_new(action.table):
            yield Said(action.line, f"an expand reads the whole table: {action.text}")


@rule("backfill-in-batches", "put `-- Backfill: table` above it and `:batch` into its condition, in a migrate file")
def rows_change_in_batches(case: Case) -> Iterator[Said]:
    """One statement over a big table holds its locks for as long as it takes, and row security hides the rows."""
    for script, is_back in ((case.up, False), (case.down, True)):
        for statement in script.statements:
            if statement.backfill is None and _CHANGES_ROWS.match(statement.bare):
                yield Said(statement.line, f"rows are changed all at once: {_short(statement)}", is_back)
            if statement.backfill is not None and ":batch" not in statement.bare:
                yield Said(statement.line, "a backfill without `:batch` would do all rows in every batch", is_back)
            if statement.backfill is not None and script.in_transaction:
                yield Said(statement.line, "a backfill needs `-- Transaction: none` at the head", is_back)
            if statement.walk not in WALKS:
                yield Said(statement.line, f"no walk is called {statement.walk!r}, only `by place`", is_back)
            if statement.walk and not _SAYS_WHAT_IS_LEFT.match(statement.bare):
                yield Said(statement.line, "rows that move are met twice by place: say which are still to do", is_back)
            if statement.backfill is not None and not is_back and case.phase != "migrate":
                yield Said(statement.line, f"a backfill in a file whose phase is {case.phase or 'unknown'}")


@rule("transform-keeps-the-old", "write `-- Backup: table (column)` at the head and `-- Restore: …` in the way back")
def transforms_keep_the_old(case: Case) -> Iterator[Said]:
    """Filling a new column loses nothing; writing over an old one does."""
    saved = {(plain(t.table), column) for t in case.up.backups for column in t.columns}
    saved_tables = {plain(t.table) for t in case.up.backups if not t.columns}
    fresh = {
        (c.table, c.name)
        for r in (*case.earlier, case.revision)
        for c in columns_added(r.forwards)
        if int(r.number) > max(BEFORE_PHASES, int(case.released))
    }
    for statement in case.up.statements:
        match = _UPDATE.match(statement.bare)
        if not match:
            continue
        table = plain(match["table"])
        columns = {part.partition("=")[0].strip() for part in match["sets"].split(",") if "=" in part}
        for column in sorted(columns):
            if (table, column) not in fresh | saved and table not in saved_tables:
                yield Said(statement.line, f"{table}.{column} is written over and its old values are kept nowhere")


@rule("contract-a-release-later", "name the expand that replaced it (`-- Contracts: NNNN`) and wait for its release")
def contract_comes_later(case: Case) -> Iterator[Said]:
    """The previous release must not use what is removed, and it does until its successor is out."""
    if case.phase != "contract":
        return
    named = case.up.said("Contracts") or ""
    if not re.fullmatch(r"\d{4}", named) or named >= case.revision.number:
        yield Said(1, "a contract does not name an earlier revision that made it possible")
    elif named > case.released:
        yield Said(1, f"revision {named} is not released yet: the newest released one is {case.released}")


@rule("contract-backs-up", "write `-- Backup: table (column)` at the head and `-- Restore: …` in the way back")
def contract_backs_up(case: Case) -> Iterator[Said]:
    """What is dropped can be wanted back the next morning."""
    restored = [Target.parse(s.restore) for s in case.down.statements if s.restore]
    for target, line in dropped(case.up) if case.phase == "contract" else ():
        for place, targets in (("saved", case.up.backups), ("restored", restored)):
            if not any(_covers(one, target) for one in targets):
                yield Said(line, f"{_said(target)} is dropped and not {place}", is_back=place == "restored")


def _covers(one: Target, other: Target) -> bool:
    if plain(one.table) != plain(other.table):
        return False
    return not one.columns or (bool(other.columns) and set(other.columns) <= set(one.columns))


def _said(target: Target) -> str:
    return f"{target.table}.{target.columns[0]}" if target.columns else f"table {target.table}"


def _replaces(case: Case, statement: Statement) -> bool:
    """Whether a dropped trigger, policy or function is made again in the same file, which readers do not notice."""
    match = re.match(r"^drop (?P<kind>trigger|policy|function) (?:if exists )?(?P<name>[\w.]+)", statement.bare)
    if not match:
        return False
    made = re.compile(rf"^create (or replace )?(constraint )?{match['kind']} {re.escape(match['name'])}\b")
    return any(made.match(other.bare) for other in case.up.statements)


def _short(statement: Statement) -> str:
    words = statement.bare.split(" ")
    return " ".join(words[:5]) + (" …" if len(words) > 5 else "")  # noqa: PLR2004
