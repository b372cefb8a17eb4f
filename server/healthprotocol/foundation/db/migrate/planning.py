"""The plan of a run: what would happen, which locks it takes and for how long, what is saved, and the way back."""

import re
from collections.abc import Iterator, Sequence

import asyncpg
import msgspec

from healthprotocol.foundation.db.migrate import history
from healthprotocol.foundation.db.migrate.changes import plain
from healthprotocol.foundation.db.migrate.files import PHASES, Phase, Revision, Script, revisions
from healthprotocol.foundation.db.migrate.history import Connection
from healthprotocol.foundation.db.migrate.losses import merged
from healthprotocol.foundation.db.migrate.sql import Statement

# The strongest lock of each kind of statement, after PostgreSQL's manual (explicit locking), and who waits for it.
_LOCKS: tuple[tuple[str, str, str], ...] = (
    (r"^create (unique )?index concurrently", "share update exclusive", "nobody"),
    (r"^drop index concurrently", "share update exclusive", "nobody"),
    (r"^create (unique )?index", "share", "writers, while it is built"),
    (r"^alter table .* validate constraint", "share update exclusive", "nobody"),
    (r"^alter table .* (add (constraint \w+ )?foreign key)", "share row exclusive", "writers, for a moment"),
    (r"^alter table .* set \(|^alter table .* alter (column )?\w+ set statistics", "share update exclusive", "nobody"),
    (r"^alter table|^drop table", "access exclusive", "everybody, for a moment"),
    (r"^drop index", "access exclusive", "everybody, for a moment"),
    (r"^create (or replace )?trigger", "share row exclusive", "writers, for a moment"),
    (r"^(drop trigger|create policy|alter policy|drop policy)", "access exclusive", "everybody, for a moment"),
)
_NAMES = (
    re.compile(r"^alter table (?:if exists )?(?:only )?(?P<table>[\w.]+)"),
    re.compile(r"^create (?:unique )?index (?:.*? )?on (?:only )?(?P<table>[\w.]+)"),
    re.compile(r"^drop (?:table|index concurrently|index) (?:if exists )?(?P<table>[\w.]+)"),
    re.compile(r"^(?:create (?:or replace )?|drop )?(?:trigger|policy) .*? on (?P<table>[\w.]+)"),
)
_CREATED = re.compile(r"^create (?:unlogged )?table (?:if not exists )?(?P<table>[\w.]+)")


class Lock(msgspec.Struct, frozen=True):
    """A lock on something that stands: which, how strong, who waits for it."""

    table: str
    mode: str
    waits: str


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """
    One revision of a plan.

    `rows` is PostgreSQL's estimate of the rows that its backfills walk. `saves` is what is copied out first.
    `way_back` is `full`, `restores` (from what was saved) or `none`. `is_begun` says that it was cut off.
    """

    number: str
    name: str
    phase: Phase
    direction: str
    in_transaction: bool
    locks: tuple[Lock, ...]
    rows: int
    saves: tuple[str, ...]
    way_back: str
    is_begun: bool


async def plan(url: str, *, target: str | None = None, last_phase: Phase = "contract") -> tuple[Planned, ...]:
    """Return what `up` to `target` (the newest when None) would do, or `down` when the target is behind; in order."""
    connection = await asyncpg.connect(url, timeout=5)
    try:
        return await plan_of(connection, revisions(), target=target, last_phase=last_phase)
    finally:
        await connection.close()


async def plan_of(
    connection: Connection, files: Sequence[Revision], *, target: str | None, last_phase: Phase = "contract"
) -> tuple[Planned, ...]:
    """Plan on an open connection."""
    current = await history.current(connection) or ""
    half = await history.half_done(connection)
    goal = "0000" if target == "base" else target or files[-1].number
    found: list[Planned] = []
    if goal < current:
        undone = [one for one in reversed(files) if goal < one.number <= current]
        return tuple([await _planned(connection, one, "down", is_begun=half == (one.number, "down")) for one in undone])
    for one in files:
        if not current < one.number <= goal:
            continue
        if PHASES.index(one.phase) > PHASES.index(last_phase):
            break
        found.append(await _planned(connection, one, "up", is_begun=half == (one.number, "up"), is_fresh=not current))
    return tuple(found)


def locks_of(script: Script) -> tuple[Lock, ...]:
    """Return the locks that a file takes on what stood before it, the strongest one of each thing."""
    made = {plain(match["table"]) for s in script.statements if (match := _CREATED.match(s.bare))}
    found: dict[str, Lock] = {}
    for lock in (one for s in script.statements for one in _lock(s)):
        if lock.table in made:
            continue
        before = found.get(lock.table)
        if before is None or _strength(lock) > _strength(before):
            found[lock.table] = lock
    return tuple(found.values())


async def _planned(
    connection: Connection, one: Revision, direction: str, *, is_begun: bool, is_fresh: bool = False
) -> Planned:
    script, other = (one.forwards, one.back) if direction == "up" else (one.back, one.forwards)
    targets = [] if is_fresh else one.forwards.backups if direction == "up" else merged(one.back)
    restores = any(s.restore for s in other.statements) or (direction == "down" and bool(targets))
    return Planned(
        number=one.number,
        name=one.name,
        phase=one.phase,
        direction=direction,
        in_transaction=script.in_transaction,
        locks=() if is_fresh else locks_of(script),
        rows=sum([await _rows(connection, s) for s in script.statements]),
        saves=tuple(t.table if not t.columns else f"{t.table} ({', '.join(t.columns)})" for t in targets),
        way_back="none" if other.is_impossible else "restores" if restores else "full",
        is_begun=is_begun,
    )


def _lock(statement: Statement) -> Iterator[Lock]:
    if statement.backfill is not None:
        yield Lock(plain(statement.backfill), "row exclusive", "writers of the same rows, for one batch")
        return
    for pattern, mode, waits in _LOCKS:
        if re.match(pattern, statement.bare):
            name = next((match["table"] for one in _NAMES if (match := one.match(statement.bare))), "")
            yield Lock(plain(name), mode, waits)
            return


def _strength(lock: Lock) -> int:
    order = ("row exclusive", "share update exclusive", "share", "share row exclusive", "access exclusive")
    return order.index(lock.mode)


async def _rows(connection: Connection, statement: Statement) -> int:
    if statement.backfill is None:
        return 0
    return int(
        await connection.fetchval(
            """
            select coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint
            from pg_class c
            where c.oid = to_regclass($1)
               or c.oid in (select relid from pg_partition_tree(to_regclass($1)) where isleaf)
            """,
            statement.backfill,
        )
    )
