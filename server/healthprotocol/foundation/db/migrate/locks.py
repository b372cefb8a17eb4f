"""
Waiting for locks: one migrator at a time, and no statement that makes others wait behind it for long.

Whoever asks for a strong lock stands in a queue, and everybody else queues behind. So each try is short, the tries are
few, and between them everybody passes.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import asyncpg
import msgspec

from healthprotocol.foundation.db.migrate.failure import MigrationFailed
from healthprotocol.foundation.db.migrate.history import Connection, progress_mark

T = TypeVar("T")

# One node migrates at a time; the number is ours and means nothing.
ADVISORY_LOCK = 4_242_001
_POLL_SECONDS = 0.25

_BLOCKERS = """
select a.pid, coalesce(nullif(a.application_name, ''), 'unnamed') as application,
       extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.backend_start))::float8 as age_seconds
from unnest(pg_blocking_pids($1)) as blocking(pid)
join pg_stat_activity a on a.pid = blocking.pid
order by 3 desc
limit 5
"""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """
    How long a migrator waits.

    `lock_seconds` are the tries for a lock, one after the other; `pause_seconds` is the longest pause after the first
    try, doubled with each. `statement_seconds` ends a statement inside a transaction. `turn_seconds` is how long one
    waits for another migrator that does not get on.
    """

    lock_seconds: tuple[float, ...] = (0.5, 1, 2, 4, 4, 4, 4, 4, 4, 4)
    pause_seconds: float = 0.5
    longest_pause_seconds: float = 15
    statement_seconds: float = 30
    turn_seconds: float = 300


class Blocker(msgspec.Struct, frozen=True):
    """Who holds what we wait for: nothing of what it runs, which may quote rows."""

    pid: int
    application: str
    age_seconds: float

    def __str__(self) -> str:
        return f"process {self.pid} ({self.application}), in a transaction for {self.age_seconds:.0f} s"


async def hold_turn(connection: Connection, limits: Limits) -> bool:
    """
    Wait until no other node migrates; the turn ends with the connection. Return whether it had to wait.

    It asks again and again rather than wait in the database: a statement that waits there keeps a snapshot, and a
    concurrent index waits for all snapshots. Raises MigrationFailed when the other one does not get on.
    """
    mark, since, waited = object(), time.monotonic(), False
    while not await connection.fetchval("select pg_try_advisory_lock($1)", ADVISORY_LOCK):
        waited = True
        found = await progress_mark(connection)
        if found != mark:
            mark, since = found, time.monotonic()
        if time.monotonic() - since > limits.turn_seconds:
            raise MigrationFailed("another node has been migrating this database for long; see what it waits for")
        await asyncio.sleep(_POLL_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - spreads nodes, guards nothing
    return waited


async def with_retry(act: Callable[[float], Awaitable[T]], *, watch: "BlockerWatch", limits: Limits, what: str) -> T:
    """
    Call `act` with the seconds that it may wait for a lock; again after a pause when it did not get it.

    Raises MigrationFailed, naming who blocked, when the last try fails. A deadlock counts as a try.
    """
    blockers: tuple[Blocker, ...] = ()
    for turn, seconds in enumerate(limits.lock_seconds):
        try:
            async with watch.during(seconds):
                return await act(seconds)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            blockers = watch.seen or blockers
        longest = min(limits.longest_pause_seconds, limits.pause_seconds * 2**turn)
        await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 - full jitter, guards nothing
    who = "; ".join(str(one) for one in blockers) or "nobody could be seen"
    tries = len(limits.lock_seconds)
    raise MigrationFailed(f"{what}: no lock after {tries} tries; blocked by {who}. Try again when that has ended")


class BlockerWatch:
    """Looks, from a second connection, at who blocks the first, shortly before it gives up."""

    def __init__(self, url: str, pid: int) -> None:
        self._url = url
        self._pid = pid
        self._connection: Connection | None = None
        self.seen: tuple[Blocker, ...] = ()

    @contextlib.asynccontextmanager
    async def during(self, seconds: float) -> AsyncIterator[None]:
        """Watch a statement that waits at most `seconds` for a lock."""
        task = asyncio.create_task(self._look(seconds * 0.7))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def close(self) -> None:
        """Close the second connection."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _look(self, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncpg.connect(self._url, timeout=5)
            rows = await self._connection.fetch(_BLOCKERS, self._pid, timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            # Who blocks is told when it can be told; not being able to tell must not end the migration.
            return
        self.seen = tuple(Blocker(row["pid"], row["application"], row["age_seconds"]) for row in rows)
