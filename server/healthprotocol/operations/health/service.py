"""
Whether this process can answer requests: the database, its migrations, the root key.

Redis, where there is one, is looked at too, and shown to operators: without it requests are slower, and answered.

Every proxy and orchestrator asks every few seconds, and no account is needed to ask: so one look serves all who ask
within a second, and those who ask while it runs wait for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import asyncpg
import msgspec
import structlog

from healthprotocol.foundation.clock import Clock, system_clock
from healthprotocol.foundation.crypto.root import RootKey
from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.pool import Figures
from healthprotocol.foundation.db.transaction import Database, Priority
from healthprotocol.foundation.errors import Unavailable
from healthprotocol.foundation.jobs import queue
from healthprotocol.foundation.telemetry import metrics, processes
from healthprotocol.foundation.telemetry.errors import describe
from healthprotocol.operations.health.model import Finding, Health, PoolOfProcess

FRESH_SECONDS = 1.0
TIMEOUT_SECONDS = 2.0
_TOPIC = "pool"

Check = Callable[[], Awaitable[None]]

log = structlog.get_logger("health")


class SchemaBehind(Exception):
    """The database has not had every migration that this code was written for."""


class Readiness:
    """
    Looks at each part at most once a second.

    `checks` maps a part's name to what raises when it is not well; `helpful` are parts that requests do without.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        *,
        helpful: Mapping[str, Check] | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        clock: Clock = system_clock,
    ) -> None:
        self._needed = frozenset(checks)
        self._checks = {**checks, **(helpful or {})}
        self._timeout = timeout_seconds
        self._clock = clock
        self._seen_at: dict[str, datetime] = {}
        self._look: asyncio.Task[Health] | None = None
        self._looked_at = float("-inf")
        self._was_ready: bool | None = None

    async def look(self) -> Health:
        """Return how the parts are, as of a second ago at most."""
        now = asyncio.get_running_loop().time()
        if self._look is None or (self._look.done() and now - self._looked_at > FRESH_SECONDS):
            self._looked_at = now
            self._look = asyncio.create_task(self._look_at_all())
        # Shielded: whoever asked first may leave, the others still wait for the answer.
        return await asyncio.shield(self._look)

    async def _look_at_all(self) -> Health:
        findings = await asyncio.gather(*(self._look_at(name, check) for name, check in self._checks.items()))
        health = Health(tuple(findings))
        if health.is_ready != self._was_ready:
            self._was_ready = health.is_ready
            unwell = [finding.component for finding in findings if finding.is_needed and not finding.is_well]
            log.warning("health.changed", outcome="ready" if health.is_ready else "unready", component=unwell)
        return health

    async def _look_at(self, name: str, check: Check) -> Finding:
        clock = asyncio.get_running_loop().time
        started = clock()
        error: str | None = None
        try:
            async with asyncio.timeout(self._timeout):
                await check()
        except Exception as raised:  # noqa: BLE001 - whatever is wrong with a part is the finding
            error = describe(raised)
        else:
            self._seen_at[name] = self._clock()
        return Finding(
            name,
            is_well=error is None,
            seconds=clock() - started,
            error=error,
            is_needed=name in self._needed,
            seen_at=self._seen_at.get(name),
        )


def readiness(database: Database, root_key: RootKey) -> Readiness:
    """Return the look at everything a request needs, and at Redis, which it can do without."""
    shared = database.cache.shared
    return Readiness(
        {
            "database": lambda: _database_answers(database),
            "migrations": lambda: _schema_is_new_enough(database),
            "keys": root_key.health,
        },
        helpful={} if shared is None else {"redis": shared.ping},
    )


async def _database_answers(database: Database) -> None:
    # Each process is asked every few seconds, so this is also where each tells of its own connections.
    measure_pool(database)
    async with database.transaction(None, priority=Priority.CRITICAL) as tx:
        await tx.fetchval("select 1")


async def _schema_is_new_enough(database: Database) -> None:
    """A newer schema is well: each migration works under the code before it, and that code may still run."""
    async with database.transaction(None, priority=Priority.CRITICAL) as tx:
        current = await tx.fetchval("select version_num from alembic_version")
    if current is None or current < migrate.revisions()[-1].number:
        raise SchemaBehind


async def measure(database: Database) -> None:
    """
    Bring the gauges of the queue and of this process's connections up to date.

    A database that does not answer is no reason to show nothing: the other metrics are what one then looks at.
    """
    measure_pool(database)
    try:
        async with database.transaction(None, priority=Priority.CRITICAL) as tx:
            metrics.jobs_seen(await queue.counts(tx))
    except (Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        log.warning("metrics.incomplete", component="jobs", error=describe(error))


def measure_pool(database: Database) -> None:
    """Bring the gauges of this process's connections up to date."""
    tell_pool(database.pool.figures())


def tell_pool(figures: Figures) -> None:
    """Tell of this process's connections: to the metrics, and, with who holds one, to the operators' door."""
    metrics.pool_seen(figures)
    processes.say(_TOPIC, msgspec.json.encode(figures))


def pools() -> list[PoolOfProcess]:
    """Return the connections of every process of this installation that told of them in the last seconds."""
    return [PoolOfProcess(pid, msgspec.json.decode(body, type=Figures)) for pid, body in processes.said(_TOPIC).items()]
