"""
What was applied: how far a database is, the checksum of each revision, and the steps of one that is half done.

`alembic_version` names the newest applied revision. The release before this one used alembic, and its nodes read that
table while they are replaced, so it stays the one truth; what follows from it is put right at the next run.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

import asyncpg
import msgspec

from healthprotocol.foundation.db.migrate.files import Revision

Connection: TypeAlias = "asyncpg.Connection[Any]"
Direction = Literal["up", "down"]

_BOOKS = """
create table if not exists alembic_version (
  version_num varchar(32) not null,
  constraint alembic_version_pkc primary key (version_num)
);
create table if not exists schema_revision (
  number text not null primary key,
  name text not null,
  phase text not null,
  checksum text not null,
  release text not null,
  backup text,
  applied_at timestamptz not null default now()
);
comment on table schema_revision is 'class=operational; the applied migrations, each with the checksum of its file';
comment on column schema_revision.number is 'class=operational; 0001 and on';
comment on column schema_revision.name is 'class=operational; its name';
comment on column schema_revision.phase is 'class=operational; expand, migrate or contract';
comment on column schema_revision.checksum is 'class=operational; SHA-256 of the file as it was applied';
comment on column schema_revision.release is 'class=operational; version of the code that applied it';
comment on column schema_revision.backup is 'class=operational; folder of what was saved first; null when nothing was';
comment on column schema_revision.applied_at is 'class=operational; when it was finished';
create table if not exists schema_step (
  number text not null,
  direction text not null check (direction in ('up', 'down')),
  step int not null,
  checksum text not null,
  is_done boolean not null default false,
  cursor text[],
  rows_done bigint not null default 0,
  rows_total bigint,
  updated_at timestamptz not null default now(),
  primary key (number, direction, step)
);
comment on table schema_step is 'class=operational; the steps of a migration that is half done; empty otherwise';
comment on column schema_step.number is 'class=operational; of which migration';
comment on column schema_step.direction is 'class=operational; up or down';
comment on column schema_step.step is 'class=operational; which statement of the file, from 0';
comment on column schema_step.checksum is 'class=operational; SHA-256 of the statement';
comment on column schema_step.is_done is 'class=operational; false while its batches run';
comment on column schema_step.cursor is 'class=operational; key of the last row of the last finished batch; ids only';
comment on column schema_step.rows_done is 'class=operational; rows looked at so far';
comment on column schema_step.rows_total is 'class=operational; rows in all, as PostgreSQL estimated at the start';
comment on column schema_step.updated_at is 'class=operational; last progress';
create table if not exists schema_kept (
  number text not null,
  direction text not null check (direction in ('up', 'down')),
  folder text not null,
  kept_at timestamptz not null default now(),
  primary key (number, direction)
);
comment on table schema_kept is 'class=operational; where rows are that were saved before they were taken away';
comment on column schema_kept.number is 'class=operational; of which migration';
comment on column schema_kept.direction is 'class=operational; down: put back when applied again; up: not finished';
comment on column schema_kept.folder is 'class=operational; name of the folder of saved tables';
comment on column schema_kept.kept_at is 'class=operational; when';
grant select on schema_revision, schema_step, schema_kept to hp_app;
"""


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """A revision as the database remembers it. `backup` is the folder of what was saved before it."""

    number: str
    name: str
    checksum: str
    release: str
    applied_at: datetime
    backup: str | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a half-done revision. `cursor` is the key, as text, up to which its rows are done."""

    step: int
    checksum: str
    is_done: bool
    cursor: tuple[str, ...] | None = None
    rows_done: int = 0
    rows_total: int | None = None


async def current(connection: Connection) -> str | None:
    """Return the number of the newest applied revision; None for an empty database."""
    exists = await connection.fetchval("select to_regclass('public.alembic_version') is not null")
    return await connection.fetchval("select version_num from alembic_version") if exists else None


async def has_books(connection: Connection) -> bool:
    """Return whether the tables of this module are there; a database of the release before has none."""
    return bool(await connection.fetchval("select to_regclass('public.schema_kept') is not null"))


async def open_books(connection: Connection, revisions: Sequence[Revision], *, release: str) -> None:
    """
    Make the tables where they lack, and put right what follows from the current revision.

    What the release before applied gets the checksum of its file as it is now; what it undid is forgotten.
    """
    async with connection.transaction():
        if not await has_books(connection) or await current(connection) is None:
            await connection.execute(_BOOKS)
        newest = await current(connection) or ""
        await connection.execute("delete from schema_revision where number > $1", newest)
        known = {row["number"] for row in await connection.fetch("select number from schema_revision")}
        for revision in revisions:
            if revision.number <= newest and revision.number not in known:
                await _remember(connection, revision, release=release, backup=None)


async def applied(connection: Connection) -> Mapping[str, Applied]:
    """Return what was applied, by number; nothing for a database without the tables."""
    if not await has_books(connection):
        return {}
    rows = await connection.fetch(
        "select number, name, checksum, release, applied_at, backup from schema_revision order by number limit 10000"
    )
    return {row["number"]: Applied(**dict(row)) for row in rows}


async def record(
    connection: Connection, revision: Revision, *, before: str | None, release: str, backup: str | None = None
) -> None:
    """Remember that `revision` is applied. `before` is the newest one until now. Belongs in its transaction."""
    await _remember(connection, revision, release=release, backup=backup)
    await _point(connection, revision.number, before=before)
    await connection.execute("delete from schema_step where number = $1", revision.number)
    await release_kept(connection, revision.number, "up")


async def forget(connection: Connection, revision: Revision, *, before: str | None) -> None:
    """Remember that `revision` is undone; `before` is then the newest one, None when none is left."""
    await connection.execute("delete from schema_revision where number = $1", revision.number)
    await connection.execute("delete from schema_step where number = $1", revision.number)
    await release_kept(connection, revision.number, "up")
    if before is None:
        await connection.execute("delete from alembic_version")
    else:
        await connection.execute("update alembic_version set version_num = $1", before)


async def steps(connection: Connection, number: str, direction: Direction) -> Mapping[int, Step]:
    """Return the steps of a half-done revision, by their place."""
    if not await has_books(connection):
        return {}
    rows = await connection.fetch(
        """
        select step, checksum, is_done, cursor, rows_done, rows_total
        from schema_step where number = $1 and direction = $2
        order by step
        """,
        number,
        direction,
    )
    return {row["step"]: msgspec.convert(dict(row), Step) for row in rows}


async def save_step(connection: Connection, number: str, direction: Direction, step: Step) -> None:
    """Write how far a step is. Belongs in the transaction of what it did."""
    await connection.execute(
        """
        insert into schema_step (number, direction, step, checksum, is_done, cursor, rows_done, rows_total)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (number, direction, step) do update
        set checksum = excluded.checksum, is_done = excluded.is_done, cursor = excluded.cursor,
            rows_done = excluded.rows_done, rows_total = excluded.rows_total, updated_at = now()
        """,
        number,
        direction,
        step.step,
        step.checksum,
        step.is_done,
        step.cursor,
        step.rows_done,
        step.rows_total,
    )


async def accept(connection: Connection, revision: Revision) -> None:
    """Take the file of an applied revision, as it is now, for what was applied."""
    await connection.execute(
        "update schema_revision set checksum = $2 where number = $1", revision.number, revision.forwards.checksum
    )


async def accept_step(connection: Connection, number: str, direction: Direction, step: int, checksum: str) -> None:
    """Take a statement, as it is now, for the one that was begun."""
    await connection.execute(
        "update schema_step set checksum = $4 where number = $1 and direction = $2 and step = $3",
        number,
        direction,
        step,
        checksum,
    )


async def half_done(connection: Connection) -> tuple[str, Direction] | None:
    """Return the revision that was begun and not finished, and its direction; None when there is none."""
    if not await has_books(connection):
        return None
    row = await connection.fetchrow("select number, direction from schema_step order by updated_at desc limit 1")
    return None if row is None else (row["number"], row["direction"])


async def keep(connection: Connection, number: str, direction: Direction, folder: str) -> None:
    """Remember where the rows are that a revision takes away. An older folder of the same is forgotten."""
    await connection.execute(
        """
        insert into schema_kept (number, direction, folder) values ($1, $2, $3)
        on conflict (number, direction) do update set folder = excluded.folder, kept_at = now()
        """,
        number,
        direction,
        folder,
    )


async def kept(connection: Connection, direction: Direction) -> Mapping[str, str]:
    """Return the folders that are remembered, by the number of the revision."""
    rows = await connection.fetch("select number, folder from schema_kept where direction = $1", direction)
    return {row["number"]: row["folder"] for row in rows}


async def release_kept(connection: Connection, number: str, direction: Direction) -> None:
    """Forget where the rows of a revision were: they are back, or its own record says it."""
    await connection.execute("delete from schema_kept where number = $1 and direction = $2", number, direction)


async def progress_mark(connection: Connection) -> object:
    """Return something that changes whenever a migrator gets on, for those who wait for it."""
    if not await has_books(connection):
        return None
    return await connection.fetchval(
        "select ((select max(updated_at) from schema_step), (select count(*) from schema_revision))::text"
    )


def statement_checksum(text: str) -> str:
    """SHA-256 of a statement, hexadecimal."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()


async def _remember(connection: Connection, revision: Revision, *, release: str, backup: str | None) -> None:
    await connection.execute(
        """
        insert into schema_revision (number, name, phase, checksum, release, backup)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (number) do update
        set name = excluded.name, phase = excluded.phase, checksum = excluded.checksum, release = excluded.release,
            backup = excluded.backup, applied_at = now()
        """,
        revision.number,
        revision.name,
        revision.phase,
        revision.forwards.checksum,
        release,
        backup,
    )


async def _point(connection: Connection, number: str, *, before: str | None) -> None:
    if before is None:
        await connection.execute("insert into alembic_version (version_num) values ($1)", number)
    else:
        await connection.execute("update alembic_version set version_num = $1", number)
