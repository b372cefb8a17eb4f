"""
Batched backfills: a statement over a big table, walked along its primary key in short transactions.

Each batch commits its rows together with how far it came, so a killed migrator goes on with the next batch. Rows that
are written meanwhile are the business of the code or a trigger; a validated check afterwards proves that none is left.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from healthprotocol.foundation.db.migrate.failure import MigrationFailed
from healthprotocol.foundation.db.migrate.history import Direction, Step, save_step
from healthprotocol.foundation.db.migrate.pace import Pace, PaceLimits, measure
from healthprotocol.foundation.db.migrate.rows import Key, enter, key_of, scopes
from healthprotocol.foundation.db.migrate.session import Session
from healthprotocol.foundation.db.migrate.sql import Statement

Advance = Callable[[int, int | None], None]
Cursor: TypeAlias = tuple[str, ...]
_LONGEST_LAG_SECONDS = 900


class Place(msgspec.Struct, frozen=True):
    """Which step this is: the revision, the direction, the statement."""

    number: str
    direction: Direction
    step: int
    checksum: str


class Backfill:
    """One statement on its way through a table."""

    def __init__(self, session: Session, place: Place, statement: Statement, *, limits: PaceLimits) -> None:
        assert statement.backfill is not None
        self._session = session
        self._connection = session.connection
        self._place = place
        self._table = statement.backfill.partition(",")[0].strip()
        self._sql = statement.text
        self._pace = Pace(limits)
        self._key = Key((), ())
        self._done = 0
        self._total = 0

    async def run(self, begun: Step | None, *, advance: Advance) -> None:
        """Go on after `begun`, or begin, until the end of the table. Raises MigrationFailed."""
        if ":batch" not in self._sql:
            raise MigrationFailed(f"the backfill of {self._table} lacks :batch")
        self._key = await key_of(self._connection, self._table)
        cursor = None if begun is None or begun.is_done else begun.cursor
        self._done = begun.rows_done if begun is not None else 0
        self._total = await self._estimate() if begun is None else begun.rows_total or 0
        for scope in await scopes(self._session, self._table):
            if scope is None or not cursor or str(scope) >= cursor[0]:
                cursor = await self._walk(scope, cursor, advance)
        self._total = self._done
        finished = self._step(None, done=self._done, is_done=True)
        await save_step(self._connection, self._place.number, self._place.direction, finished)

    async def _walk(self, scope: UUID | None, cursor: Cursor | None, advance: Advance) -> Cursor | None:
        while True:
            started = time.monotonic()
            batch = await self._session.atomically(
                lambda cursor=cursor: self._batch(scope, cursor), what=f"backfill of {self._table}"
            )
            if batch is None:
                return cursor
            cursor, rows = batch
            self._done += rows
            advance(self._done, max(self._total, self._done))
            await self._rest(time.monotonic() - started)

    async def _batch(self, scope: UUID | None, cursor: Cursor | None) -> tuple[Cursor, int] | None:
        """Do the rows after `cursor`; return the key of the last one and how many, None when there was none."""
        await enter(self._session, scope)
        found = await self._next(cursor)
        if found is None:
            return None
        reached, rows = found
        listed = self._key.listed(self._table)
        condition = f"(({listed}) <= ({self._key.parameters(1)})"
        values: list[str] = list(reached)
        if cursor is not None:
            condition += f" and ({listed}) > ({self._key.parameters(1 + len(reached))})"
            values += cursor
        await self._connection.execute(self._sql.replace(":batch", condition + ")"), *values)
        step = self._step(reached, done=self._done + rows)
        await save_step(self._connection, self._place.number, self._place.direction, step)
        return found

    async def _next(self, cursor: Cursor | None) -> tuple[Cursor, int] | None:
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
              from (select {listed} from {self._table} {after} order by {listed} limit {self._pace.rows}) as batch
            ) as counted
            order by {order}
            limit 1
            """,  # noqa: S608 - names from the catalogue and numbers of ours
            *(cursor or ()),
        )
        return None if row is None else (tuple(row)[:-1], row["rows"])

    def _step(self, cursor: Cursor | None, *, done: int, is_done: bool = False) -> Step:
        return Step(
            step=self._place.step,
            checksum=self._place.checksum,
            is_done=is_done,
            cursor=cursor,
            rows_done=done,
            rows_total=self._total,
        )

    async def _estimate(self) -> int:
        """Return PostgreSQL's estimate of the rows; those of the partitions for a partitioned table."""
        found = await self._connection.fetchval(
            """
            select coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint
            from pg_partition_tree($1::regclass) t join pg_class c on c.oid = t.relid
            where t.isleaf
            """,
            self._table,
        )
        if found:
            return int(found)
        kind = await self._connection.fetchval(
            "select greatest(reltuples, 0)::bigint from pg_class where oid = $1::regclass", self._table
        )
        return int(kind or 0)

    async def _rest(self, batch_seconds: float) -> None:
        load = await measure(self._connection)
        await asyncio.sleep(self._pace.after(batch_seconds=batch_seconds, load=load))
        waited = 0.0
        while self._pace.must_wait(load):
            if waited > _LONGEST_LAG_SECONDS:
                raise MigrationFailed(
                    f"backfill of {self._table}: the replicas have been {load.lag_seconds:.0f} s behind for long; "
                    "run `migrate up` again when they have caught up: it goes on where it was"
                )
            await asyncio.sleep(1)
            waited += 1
            load = await measure(self._connection)
