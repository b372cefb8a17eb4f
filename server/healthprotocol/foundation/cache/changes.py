"""
How a change of what tags stand for becomes known: in the writer's transaction, and to every process after its commit.

PostgreSQL takes one lock for all transactions that notify, from before their commit is written until after. So nothing
is notified inside the writers' transactions: the commits of a few milliseconds are told together by one of our own.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice
from uuid import UUID

import structlog

from healthprotocol.foundation.cache.entry import Name
from healthprotocol.foundation.cache.unit import Unit, Units
from healthprotocol.foundation.errors import Problem
from healthprotocol.foundation.telemetry import metrics

CHANNEL = "hp_cache"

_AT_ONCE = 500
# PostgreSQL takes 8,000 bytes at once; a tag with its organisation has at most 115.
_PER_MESSAGE = 60
# What waits to be told; beyond it the bound of the epochs has to do.
_MOST_WAITING = 50_000
_LAST_WORDS_SECONDS = 1.0

# Takes any slot of each tag that nobody holds, and makes a new one where all are held: writers do not wait here.
_BUMP = """
with wanted as materialized (
  select w.tag from unnest($2::text[]) as w (tag)
),
taken as materialized (
  select w.tag, free.slot
  from wanted w
  cross join lateral (
    select e.slot
    from cache_epoch e
    where e.organisation_id = $1 and e.tag = w.tag
    limit 1
    for update skip locked
  ) as free
),
bumped as (
  update cache_epoch e
  set epoch = e.epoch + 1 + (random() * 1000000)::bigint, bumped_at = $3
  from taken t
  where e.organisation_id = $1 and e.tag = t.tag and e.slot = t.slot
)
insert into cache_epoch (organisation_id, tag, slot, epoch, bumped_at)
select $1, w.tag, (random() * 9e18)::bigint, 1 + (random() * 1e14)::bigint, $3
from wanted w
where not exists (select from taken t where t.tag = w.tag)
"""

_NOTIFY = """
select set_config('synchronous_commit', 'off', true), pg_notify($1, part) from unnest($2::text[]) as part
"""

log = structlog.get_logger("cache")


async def bump(unit: Unit, tags: Sequence[str]) -> None:
    """Change the epochs of these tags with the commit of this transaction."""
    for start in range(0, len(tags), _AT_ONCE):
        await unit.execute(_BUMP, unit.tenant, tags[start : start + _AT_ONCE], unit.now)


async def sweep(unit: Unit) -> None:
    """Delete slots that nobody has touched for two days, twice as long as a value can live; at most 10,000."""
    await unit.execute(
        """
        delete from cache_epoch
        where organisation_id = $1 and (tag, slot) in (
          select tag, slot
          from cache_epoch
          where organisation_id = $1 and bumped_at < $2::timestamptz - interval '2 days'
          limit 10000
          for update skip locked
        )
        """,
        unit.tenant,
        unit.now,
    )


class Teller:
    """Tells the other processes of changed tags, what came together in one transaction. `also` is told the same."""

    def __init__(self, units: Units, *, also: Callable[[Iterable[Name]], Awaitable[None]] | None = None) -> None:
        self._units = units
        self._also = also
        # By which a process knows its own words when it hears them.
        self._self = secrets.token_hex(8)
        self._waiting: dict[Name, None] = {}
        self._task: asyncio.Task[None] | None = None

    def tell(self, names: Iterable[Name]) -> None:
        """Have these tags told soon."""
        for name in names:
            if len(self._waiting) < _MOST_WAITING:
                self._waiting[name] = None
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._tell(), name="cache.tell")

    def understood(self, payload: str) -> list[Name] | None:
        """Return the tags that another process tells of, none for our own words, None when it is not understood."""
        sender, *lines = payload.split("\n")
        if sender == self._self:
            return []
        try:
            return [(UUID(line[:36]), line[37:]) for line in lines]
        except ValueError:
            return None

    async def close(self) -> None:
        """Say what is still to be said, within a second."""
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_SECONDS):
                    await self._task

    async def _tell(self) -> None:
        while self._waiting:
            names = list(islice(self._waiting, _AT_ONCE))
            for name in names:
                del self._waiting[name]
            try:
                await self._notify(names)
            except Problem:
                # The others find it out by themselves, within the bound of the epochs.
                metrics.cache_trouble("notify_failed")
            if self._also is not None:
                await self._also(names)

    async def _notify(self, names: Sequence[Name]) -> None:
        parts = [
            "\n".join([self._self, *(f"{organisation_id} {tag}" for organisation_id, tag in part)])
            for part in (names[start : start + _PER_MESSAGE] for start in range(0, len(names), _PER_MESSAGE))
        ]
        async with self._units.transaction(None) as unit:
            # Nothing is lost with it that the bound of the epochs would not make good: no disk is waited for.
            await unit.execute(_NOTIFY, CHANNEL, parts)
