"""
Concurrent indexes: built while others write, rebuilt when a build was cut off, and one partition after the other.

PostgreSQL builds no index concurrently on a partitioned table. Here the parent gets an empty one, each partition gets
its own beside the work, and each is attached; the parent's is valid with the last.
"""

import hashlib
import re
from collections.abc import Sequence

import msgspec

from healthprotocol.foundation.db.migrate.failure import MigrationFailed
from healthprotocol.foundation.db.migrate.history import Connection
from healthprotocol.foundation.db.migrate.session import Session

_CREATE = re.compile(
    r"^create\s+(?P<unique>unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?(?P<name>\w+)\s+"
    r"on\s+(?P<table>[\w.]+)\s*(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
_DROP = re.compile(r"^drop\s+index\s+concurrently\s+(?:if\s+exists\s+)?(?P<name>[\w.]+)$", re.IGNORECASE)
_LONGEST_NAME = 63

_PARTITIONS = """
select c.oid::regclass::text as name, c.relname as plain, c.relkind::text as kind,
       exists (
         select from pg_inherits i join pg_index x on x.indexrelid = i.inhrelid
         where i.inhparent = $2::regclass and x.indrelid = c.oid
       ) as is_attached
from pg_inherits h join pg_class c on c.oid = h.inhrelid
where h.inhparent = $1::regclass
order by 1
limit 10000
"""
_INVALID = """
select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
where not i.indisvalid and c.relkind = 'i' and n.nspname not like 'pg\\_%'
  and pg_get_userbyid(c.relowner) = 'hp_owner'
order by 1
limit 1000
"""


class InvalidIndex(msgspec.Struct, frozen=True):
    """An index that a build left behind: it costs every write and serves no read."""

    name: str
    definition: str


def is_concurrent(sql: str) -> bool:
    """Return whether `sql` builds or drops an index concurrently."""
    return _CREATE.match(sql) is not None or _DROP.match(sql) is not None


async def run(session: Session, sql: str) -> None:
    """Do what `sql` says, from wherever an earlier try was cut off. Raises MigrationFailed."""
    if created := _CREATE.match(sql):
        await _create(session, created)
    elif dropped := _DROP.match(sql):
        await _drop(session, dropped["name"])
    else:
        raise MigrationFailed("a concurrent index is written `create [unique] index concurrently name on table (…)`")


async def invalid(connection: Connection) -> Sequence[InvalidIndex]:
    """Return the indexes of ours that a cut-off build left behind."""
    return [InvalidIndex(row["name"], row["definition"]) for row in await connection.fetch(_INVALID)]


async def rebuild(session: Session, index: InvalidIndex) -> None:
    """Drop what was left behind and build it anew, both concurrently; a leftover of a rebuild is only dropped."""
    await session.outside(f"drop index concurrently if exists {index.name}")
    if not re.search(r"_ccnew\d*$", index.name) and not re.search(r"_ccold\d*$", index.name):
        sql = re.sub(r"^CREATE (UNIQUE )?INDEX ", r"create \1index concurrently ", index.definition)
        await session.outside(sql)


async def _create(session: Session, said: re.Match[str]) -> None:
    unique, name, table, rest = (said[key] or "" for key in ("unique", "name", "table", "rest"))
    if await _kind(session.connection, table) != "p":
        await _one(session, name, f"create {unique}index concurrently {name} on {table} {rest}")
        return

    async def parent() -> None:
        await session.connection.execute(f"create {unique}index if not exists {name} on only {table} {rest}")

    await session.atomically(parent, what=f"index {name}")
    for partition in await session.connection.fetch(_PARTITIONS, table, name):
        if partition["is_attached"]:
            continue
        if partition["kind"] != "r":
            raise MigrationFailed(f"{partition['name']} is itself partitioned: index its partitions by name")
        own = _name_for(partition["plain"], name)
        await _one(session, own, f"create {unique}index concurrently {own} on {partition['name']} {rest}")
        await session.atomically(
            lambda own=own: session.connection.execute(f"alter index {name} attach partition {own}"),
            what=f"index {own}",
        )


async def _one(session: Session, name: str, sql: str) -> None:
    found = await session.connection.fetchval(
        "select i.indisvalid from pg_index i where i.indexrelid = to_regclass($1)", name
    )
    if found:
        return
    if found is False:
        await session.outside(f"drop index concurrently {name}")
    await session.outside(sql)


async def _drop(session: Session, name: str) -> None:
    kind = await _kind(session.connection, name)
    if kind == "I":
        await session.atomically(lambda: session.connection.execute(f"drop index {name}"), what=f"index {name}")
    elif kind is not None:
        await session.outside(f"drop index concurrently {name}")


async def _kind(connection: Connection, name: str) -> str | None:
    return await connection.fetchval("select relkind::text from pg_class where oid = to_regclass($1)", name)


def _name_for(partition: str, index: str) -> str:
    name = f"{partition}_{index}"
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
