"""
Batched backfills: a statement over a big table, walked along its primary key, or by place, in short transactions.

Each batch commits its rows together with how far it came, so a killed migrator goes on with the next batch. Rows that
are written meanwhile are the business of the code or a trigger; a validated check afterwards proves that none is left.
"""

import asyncio
import time
from collections.abc import Callable
from uuid import UUID

import msgspec

from healthprotocol.foundation.db.migrate.failure import MigrationFailed
from healthprotocol.foundation.db.migrate.history import Direction, Step, save_step
from healthprotocol.foundation.db.migrate.pace import Pace, PaceLimits, measure
from healthprotocol.foundation.db.migrate.rows import enter, key_of, scopes
from healthprotocol.foundation.db.migrate.session import Session
from healthprotocol.foundation.db.migrate.sql import Statement
from healthprotocol.foundation.db.migrate.walks import WALKS, Cursor, Walk, walk_of

Advance = Callable[[int, int | None], None]
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
        self._table = statement.backfill
        self._statement = statement
        self._pace = Pace(limits)
        self._done = 0
        self._total = 0

    async def run(self, begun: Step | None, *, advance: Advance) -> None:
        """Go on after `begun`, or begin, until the end of the table. Raises MigrationFailed."""
        if ":batch" not in self._statement.text:
            raise MigrationFailed(f"the backfill of {self._table} lacks :batch")
        if self._statement.walk not in WALKS:
            raise MigrationFailed(f"the backfill of {self._table} knows no walk {self._statement.walk!r}")
        key = await key_of(self._connection, self._table)
        tenants = await scopes(self._session, self._table)
        sees_all = list(tenants) == [None]
        walk = await walk_of(self._connection, self._statement, key=key, sees_all=sees_all)
        cursor = walk.resumes(begun.cursor if begun is not None else None)
        self._done = begun.rows_done if begun is not None else 0
        self._total = await self._estimate() if begun is None else begun.rows_total or 0
        for scope in tenants:
            if scope is None or not cursor or str(scope) >= cursor[0]:
                cursor = await self._through(walk, scope, cursor, advance)
        self._total = self._done
        finished = self._step(None, done=self._done, is_done=True)
        await save_step(self._connection, self._place.number, self._place.direction, finished)

    async def _through(self, walk: Walk, scope: UUID | None, cursor: Cursor | None, advance: Advance) -> Cursor | None:
        while True:
            started = time.monotonic()
            batch = await self._session.atomically(
                lambda cursor=cursor: self._batch(walk, scope, cursor), what=f"backfill of {self._table}"
            )
            if batch is None:
                return cursor
            cursor, rows = batch
            self._done += rows
            advance(self._done, max(self._total, self._done))
            await self._rest(time.monotonic() - started)

    async def _batch(self, walk: Walk, scope: UUID | None, cursor: Cursor | None) -> tuple[Cursor, int] | None:
        """Do the rows after `cursor`; return the place of the last one and how many, None when there was none."""
        # Rows and place are lost together or not at all, so nobody need wait for the log before the end, and those
        # who do wait for it find less in it. The record of the whole step is written through.
        await self._connection.execute("set local synchronous_commit = off")
        await enter(self._session, scope)
        found = await walk.batch(cursor, rows=self._pace.rows)
        if found is None:
            return None
        reached, rows = found
        step = self._step(reached, done=self._done + rows)
        await save_step(self._connection, self._place.number, self._place.direction, step)
        return found

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
