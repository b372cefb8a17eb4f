"""
Reads from replicas that have seen enough: what the reader itself wrote, and all that is older than a bound.

The log's position (LSN) is the clock. A watch asks the primary and every replica four times a second where they are. A
replica serves while it has replayed all that the primary had written `longest_lag` ago; one that lags, is away, or was
promoted is left out, and comes back by itself. Who wrote is served only by a replica that has replayed the position
behind that commit: this process remembers it for as long as the bound is, and hands it to the client for others.
"""

import asyncio
import contextlib
import random
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog

from healthprotocol.foundation.db.pool import Pool, Priority, Refused

WATCH_SECONDS = 0.25
LONGEST_LAG_SECONDS = 2.0
MOST_REMEMBERED = 10_000
_ANSWER_SECONDS = 1.0
# Stands for a position that could not be asked: no replica has replayed it.
UNKNOWN_POSITION = 2**63 - 1

_OF_PRIMARY = """
select not pg_is_in_recovery() as is_right,
       case when pg_is_in_recovery() then 0 else (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint end as position
"""
_OF_REPLICA = """
select pg_is_in_recovery() as is_right,
       coalesce((pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint, 0) as position
"""

log = structlog.get_logger("replicas")


class ReplicaSeen(msgspec.Struct, frozen=True):
    """How a replica is: `state` is serving, lagging, away or promoted. `lag_seconds` None means unknown, or longer."""

    number: int
    state: str
    lag_seconds: float | None
    open: int
    lent: int


class _Replica:
    def __init__(self, number: int, pool: Pool) -> None:
        self.number = number
        self.pool = pool
        self.state = "away"
        self.position = 0
        self.lag_seconds: float | None = None


class Replicas:
    """The replicas of one primary, for one process. `start` begins to watch, `close` ends it and their pools."""

    def __init__(
        self,
        primary: Pool,
        pools: Sequence[Pool],
        *,
        longest_lag_seconds: float = LONGEST_LAG_SECONDS,
        clock: Callable[[], float] = monotonic,
        observe: Callable[[Sequence[ReplicaSeen]], None] | None = None,
    ) -> None:
        self._observe = observe
        self.longest_lag_seconds = longest_lag_seconds
        self._primary = primary
        self._replicas = [_Replica(number, pool) for number, pool in enumerate(pools, start=1)]
        self._clock = clock
        # Where the primary was, and when: oldest first, as far back as the bound and one step more.
        self._written: deque[tuple[float, int]] = deque()
        self._wrote: OrderedDict[UUID, tuple[float, int]] = OrderedDict()
        # Of those who were forgotten for want of room: nobody may see less than they wrote.
        self._floor = (float("-inf"), 0)
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch. Until the first look no replica serves."""
        for replica in self._replicas:
            replica.pool.start()
        self._watching = asyncio.get_running_loop().create_task(self._watch(), name="replicas")

    async def close(self) -> None:
        """End the watch and close the pools of the replicas."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        await asyncio.gather(*(replica.pool.close() for replica in self._replicas))

    def wrote(self, who: UUID, position: int) -> None:
        """Remember that `who` committed, and that the log stood at `position` then, or UNKNOWN_POSITION."""
        now = self._clock()
        self._wrote[who] = (now, position)
        self._wrote.move_to_end(who)
        while self._wrote and (len(self._wrote) > MOST_REMEMBERED or self._is_old(next(iter(self._wrote.values()))[0])):
            _, (at, forgotten) = self._wrote.popitem(last=False)
            if not self._is_old(at):
                self._floor = (now, max(self._floor[1], forgotten))

    def choose(self, who: UUID | None, *, after: int = 0) -> Pool | None:
        """
        Return the pool of a replica that has seen all that `who` wrote, and the position `after`; else None.

        Of several the one with the fewest loans is chosen, among equals by chance.
        """
        needed = max(after, self._needed(who))
        fit = [one for one in self._replicas if one.state == "serving" and one.position >= needed]
        if not fit:
            return None
        fewest = min(one.pool.lent for one in fit)
        return random.choice([one for one in fit if one.pool.lent == fewest]).pool  # noqa: S311 - spreads load

    def seen(self) -> list[ReplicaSeen]:
        """Return how each replica is."""
        return [
            ReplicaSeen(one.number, one.state, one.lag_seconds, one.pool.get_size(), one.pool.lent)
            for one in self._replicas
        ]

    async def look(self) -> None:
        """Ask the primary and every replica where they are, once."""
        await asyncio.gather(self._look_at_primary(), *(self._look_at(one) for one in self._replicas))
        now = self._clock()
        for replica in self._replicas:
            replica.lag_seconds = self._lag(replica, now)
            if replica.state in {"serving", "lagging"}:
                is_fresh = replica.lag_seconds is not None and replica.lag_seconds <= self.longest_lag_seconds
                self._turn(replica, "serving" if is_fresh else "lagging")

    async def _watch(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                # A watch that ended would leave every replica as it was seen last, for good.
                log.exception("replicas.watch_failed")
                for replica in self._replicas:
                    self._turn(replica, "away")
            if self._observe is not None:
                self._observe(self.seen())
            await asyncio.sleep(WATCH_SECONDS)

    async def _look_at_primary(self) -> None:
        # Noted before it is asked: what is found then was written no later than that.
        asked_at = self._clock()
        row = await _ask(self._primary, _OF_PRIMARY)
        if row is not None and row["is_right"]:
            self._written.append((asked_at, row["position"]))
        while len(self._written) > 1 and self._written[1][0] < asked_at - 2 * self.longest_lag_seconds:
            self._written.popleft()

    async def _look_at(self, replica: _Replica) -> None:
        row = await _ask(replica.pool, _OF_REPLICA)
        if row is None:
            self._turn(replica, "away")
        elif not row["is_right"]:
            # It may have rows that the primary never had, and lacks those of now.
            self._turn(replica, "promoted")
        else:
            replica.position = row["position"]
            if replica.state not in {"serving", "lagging"}:
                self._turn(replica, "lagging")

    def _lag(self, replica: _Replica, now: float) -> float | None:
        """Return how old the newest write is that the replica surely lacks nothing before; None when unknown."""
        for at, position in reversed(self._written):
            if replica.position >= position:
                return now - at
        return None

    def _needed(self, who: UUID | None) -> int:
        floor = 0 if self._is_old(self._floor[0]) else self._floor[1]
        if who is None or who not in self._wrote:
            return floor
        at, position = self._wrote[who]
        # Every replica that serves has seen what is older than the bound.
        return floor if self._is_old(at) else max(floor, position)

    def _is_old(self, at: float) -> bool:
        # Two watches more than the bound: a replica is known to be fresh as of its last look, not of now.
        return self._clock() - at > self.longest_lag_seconds + 2 * WATCH_SECONDS + _ANSWER_SECONDS

    def _turn(self, replica: _Replica, state: str) -> None:
        if state != replica.state:
            log.warning("replica.changed", replica=replica.number, outcome=state)
            replica.state = state


async def _ask(pool: Pool, question: str) -> Any:
    """Return the answer of a server, None when there is none in a second."""
    lease, is_clean = None, False
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            lease = await pool.acquire(Priority.CRITICAL, wait_seconds=_ANSWER_SECONDS)
            # One message in a transaction of its own, as everything that a pooler may stand before.
            row = await lease.connection.fetchrow(question)
            is_clean = True
            return row
    except (Refused, TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return None
    finally:
        if lease is not None:
            pool.release(lease, is_clean=is_clean)
