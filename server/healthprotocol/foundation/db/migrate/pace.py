"""
How fast a backfill goes: batches of four thousandths of a second, and a rest after each that grows with the load.

The size of a batch is found by a rule that is multiplicative both ways, within a few batches, and forgotten as fast. It
is what decides how long anybody waits for a row, a page or the log, so it is short. A rest is a multiple of the batch
before it: twice as long where nobody else is seen at work, so that the disk and the log have two thirds of the time to
themselves, and four times that where one other is at work on average; no longer for more of them, or the backfill would
crawl. While others visibly wait, the batches shrink and the rests are eight times as long. Measured: load/README.md.
"""

import msgspec

from healthprotocol.foundation.db.migrate.history import Connection

_LOAD = """
select coalesce((select extract(epoch from max(replay_lag))::float8 from pg_stat_replication), 0) as lag_seconds,
       count(*) filter (where state = 'active') as active,
       count(*) filter (where state = 'active' and wait_event_type in ('Lock', 'LWLock', 'IO', 'BufferPin')) as waiting
from pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid()
"""

# What one look at who is at work adds to what is known: ten looks, a second or two, make a new mean.
_LEARNT = 0.1


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What the database is busy with beside this migrator: seconds of replication lag, backends active and waiting."""

    lag_seconds: float = 0.0
    active: int = 0
    waiting: int = 0


class PaceLimits(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a backfill is held to.

    `first_rows` is the first batch. `batch_seconds` is what a batch should take. Rests are multiples of a batch's time:
    `idle_rest` while nobody else runs, `rest` while one other does on average of late, in between by its share;
    `busy_rest` while others wait. `busy_waiting` backends that wait, or `busy_active` that run, mean busy. Above
    `lag_seconds` of replication lag no batch starts.
    """

    first_rows: int = 500
    fewest_rows: int = 50
    most_rows: int = 20_000
    batch_seconds: float = 0.004
    idle_rest: float = 2.0
    rest: float = 4.0
    busy_rest: float = 8.0
    busy_active: int = 16
    busy_waiting: int = 4
    lag_seconds: float = 5.0
    longest_rest_seconds: float = 10.0


class Pace:
    """The size of the next batch and the rest before it."""

    def __init__(self, limits: PaceLimits) -> None:
        self._limits = limits
        self.rows = limits.first_rows
        # Until more is known somebody is at work.
        self._others = 1.0

    def after(self, *, batch_seconds: float, load: Load) -> float:
        """Learn from a batch; return the seconds to rest before the next."""
        limits = self._limits
        factor = max(0.5, min(2.0, limits.batch_seconds / max(batch_seconds, 0.001)))
        if self.is_busy(load):
            # Smaller as well as rarer: a short batch holds its row locks for less.
            factor = min(factor, 0.7)
        self.rows = round(max(limits.fewest_rows, min(limits.most_rows, self.rows * factor)))
        self._others += (min(load.active, 1) - self._others) * _LEARNT
        rest = limits.idle_rest + (limits.rest - limits.idle_rest) * self._others
        if self.is_busy(load):
            rest = limits.busy_rest
        return min(limits.longest_rest_seconds, rest * batch_seconds)

    def is_busy(self, load: Load) -> bool:
        """Whether others already have to wait."""
        return load.active >= self._limits.busy_active or load.waiting >= self._limits.busy_waiting

    def must_wait(self, load: Load) -> bool:
        """Whether no batch may start, because the replicas are behind."""
        return load.lag_seconds > self._limits.lag_seconds


async def measure(connection: Connection) -> Load:
    """Ask PostgreSQL what it is busy with."""
    row = await connection.fetchrow(_LOAD)
    assert row is not None
    return Load(lag_seconds=row["lag_seconds"], active=row["active"], waiting=row["waiting"])
