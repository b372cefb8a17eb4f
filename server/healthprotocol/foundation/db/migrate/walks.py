"""
The ways through a table: which rows a batch of a backfill takes, and where the next one begins.

Along its primary key every row is met exactly once, whatever moves meanwhile. But rows that came in one after another
for many tenants lie side by side, so a batch of one tenant touches a page for each of its rows, and after every
checkpoint each page is written whole into the log, for every tenant that has a row on it. By place a batch takes whole
pages as they lie. A row that moves may be met twice, or not at all in one pass: so the statement must say what is still
to do, and passes follow until one finds nothing.
"""

from typing import Any, Protocol, TypeAlias

import msgspec

from healthprotocol.foundation.db.migrate.history import Connection
from healthprotocol.foundation.db.migrate.rows import Key
from healthprotocol.foundation.db.migrate.sql import Statement

Cursor: TypeAlias = tuple[str, ...]
BY_PLACE = "by place"
WALKS = ("", BY_PLACE)

_MOST_PASSES = 3


class Walk(Protocol):
    """A way through a table, batch by batch."""

    def resumes(self, cursor: Cursor | None) -> Cursor | None:
        """Return the cursor to go on from; None, the beginning, when this one is not of this walk."""
        ...

    async def batch(self, cursor: Cursor | None, *, rows: int) -> tuple[Cursor, int] | None:
        """Do about so many rows after `cursor`; return how far it came and how many, None at the end."""
        ...


class KeyWalk:
    """Along the primary key."""

    def __init__(self, connection: Connection, table: str, sql: str, *, key: Key) -> None:
        self._connection = connection
        self._table = table
        self._sql = sql
        self._key = key

    def resumes(self, cursor: Cursor | None) -> Cursor | None:
        """Return any cursor but one of the other walk."""
        return None if cursor and cursor[0] == BY_PLACE else cursor

    async def batch(self, cursor: Cursor | None, *, rows: int) -> tuple[Cursor, int] | None:
        """Do the rows up to the one that stands so many further along the key."""
        found = await self._next(cursor, rows)
        if found is None:
            return None
        reached, _ = found
        listed = self._key.listed(self._table)
        condition = f"(({listed}) <= ({self._key.parameters(1)})"
        values: list[str] = list(reached)
        if cursor is not None:
            condition += f" and ({listed}) > ({self._key.parameters(1 + len(reached))})"
            values += cursor
        await self._connection.execute(self._sql.replace(":batch", condition + ")"), *values)
        return found

    async def _next(self, cursor: Cursor | None, rows: int) -> tuple[Cursor, int] | None:
        listed = self._key.listed(self._table)
        after = "" if cursor is None else f"where ({listed}) > ({self._key.parameters(1)})"
        texts = ", ".join(f"{column}::text" for column in self._key.columns)
        # By its full name: a bare one would mean the text beside it, and 9 comes after 10 there.
        order = ", ".join(f"counted.{column} desc" for column in self._key.columns)
        row: Any = await self._connection.fetchrow(
            f"""
            select {texts}, rows
            from (
              select {", ".join(self._key.columns)}, count(*) over () as rows
              from (select {listed} from {self._table} {after} order by {listed} limit {rows}) as batch
            ) as counted
            order by {order}
            limit 1
            """,  # noqa: S608 - names from the catalogue and numbers of ours
            *(cursor or ()),
        )
        return None if row is None else (tuple(row)[:-1], row["rows"])


class _At(msgspec.Struct, frozen=True):
    """A place: in which file, in which pass, from which page on, before which the pass ends, what the pass changed."""

    file: str
    turn: int
    page: int
    end: int
    changed: int

    @classmethod
    def parse(cls, cursor: Cursor) -> "_At":
        return cls(cursor[1], *map(int, cursor[2:]))

    @property
    def cursor(self) -> Cursor:
        return (BY_PLACE, self.file, str(self.turn), str(self.page), str(self.end), str(self.changed))


class PlaceWalk:
    """Page by page. A table that was written anew meanwhile (`vacuum full`, `cluster`) is begun anew."""

    def __init__(self, connection: Connection, table: str, sql: str) -> None:
        self._connection = connection
        self._table = table
        self._sql = sql

    def resumes(self, cursor: Cursor | None) -> Cursor | None:
        """Return a cursor of this walk only: a place says nothing along a key."""
        return cursor if cursor and cursor[0] == BY_PLACE else None

    async def batch(self, cursor: Cursor | None, *, rows: int) -> tuple[Cursor, int] | None:
        """Do the pages that hold about so many rows, by the table's own count of both."""
        table = await self._connection.fetchrow(
            """
            select pg_relation_filenode(c.oid)::text as file,
                   pg_relation_size(c.oid) / current_setting('block_size')::int as pages,
                   greatest(c.reltuples, 1) / greatest(c.relpages, 1) as rows_a_page
            from pg_class c
            where c.oid = $1::regclass
            """,
            self._table,
        )
        assert table is not None
        at = None if cursor is None else _At.parse(cursor)
        if at is None or at.file != table["file"]:
            at = _At(table["file"], 1, 0, table["pages"], 0)
        if at.page >= at.end:
            if not at.changed or at.turn >= _MOST_PASSES:
                return None
            at = _At(at.file, at.turn + 1, 0, table["pages"], 0)
        end = min(at.page + max(1, round(rows / max(table["rows_a_page"], 1.0))), at.end)
        here = f"({self._table}.ctid >= '({at.page},0)' and {self._table}.ctid < '({end},0)')"
        tag = await self._connection.execute(self._sql.replace(":batch", here))
        changed = int(tag.rpartition(" ")[2])
        return _At(at.file, at.turn, end, at.end, at.changed + changed).cursor, changed


async def walk_of(connection: Connection, statement: Statement, *, key: Key, sees_all: bool) -> Walk:
    """
    Return the walk that the statement asks for; the one along `key` where there is no other.

    A partitioned table has no places of its own, and tenant by tenant every page would be read once for each of them.
    """
    table = statement.backfill or ""
    is_plain = await connection.fetchval("select relkind = 'r' from pg_class where oid = $1::regclass", table)
    if statement.walk == BY_PLACE and is_plain and sees_all:
        return PlaceWalk(connection, table, statement.text)
    return KeyWalk(connection, table, statement.text, key=key)
