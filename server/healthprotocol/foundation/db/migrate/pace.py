"""
How fast a backfill goes: batches that take half a second, and a rest after each that grows with what others suffer.

The rule is multiplicative both ways, so it finds its size within a few batches and forgets it as fast. A rest is a
share of the batch before it: at peace a batch rests as long as it worked: half of one core at the most.
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


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What the database is busy with beside this migrator: seconds of replication lag, backends active and waiting."""

    lag_seconds: float = 0.0
    active: int = 0
    waiting: int = 0


class PaceLimits(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a backfill is held to.

    `first_rows` is the first batch. `batch_seconds` is what a batch should take. `rest` is the least rest after a
    batch, as a multiple of its time; `busy_rest` the one while others wait. `busy_waiting` backends that wait, or
    `busy_active` that run, mean busy. Above `lag_seconds` of replication lag no batch starts.
    """

    first_rows: int = 500
    fewest_rows: int = 50
    most_rows: int = 20_000
    batch_seconds: float = 0.25
    rest: float = 1.0
    busy_rest: float = 4.0
    busy_active: int = 16
    busy_waiting: int = 4
    lag_seconds: float = 5.0
    longest_rest_seconds: float = 10.0


class Pace:
    """The size of the next batch and the rest before it."""

    def __init__(self, limits: PaceLimits) -> None:
        self._limits = limits
        self.rows = limits.first_rows

    def after(self, *, batch_seconds: float, load: Load) -> float:
        """Learn from a batch; return the seconds to rest before the next."""
        limits = self._limits
        factor = max(0.5, min(2.0, limits.batch_seconds / max(batch_seconds, 0.001)))
        if self.is_busy(load):
            # Smaller as well as rarer: a short batch holds its row locks for less.
            factor = min(factor, 0.7)
        self.rows = round(max(limits.fewest_rows, min(limits.most_rows, self.rows * factor)))
        rest = limits.busy_rest if self.is_busy(load) else limits.rest
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
