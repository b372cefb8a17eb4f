"""
Connections are opened one after another's failure, ever more slowly; and how many there may be at all.

The bound is the operator's, or this process's share of what PostgreSQL grants when that is less. A server that says
"too many connections" lowers it for a while to what is open then.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import msgspec

SHORTEST_PAUSE_SECONDS = 0.05
# Well below the two seconds that a request waits: a server that is back is found by those who wait for it.
LONGEST_PAUSE_SECONDS = 0.8
# After so long without a single connection newcomers are told at once instead of waiting for their own deadline.
UNREACHABLE_SECONDS = 2.0
HUMBLE_SECONDS = 30.0
# A share is asked for again: an operator may have given PostgreSQL more, or this installation more processes.
_SHARE_SECONDS = 60.0
# For people, backups and migrations; and what a process has beside its pool: one that listens, and a worker's.
_KEPT = 5
_APART = 2

Connect = Callable[[], Awaitable[Any]]
Share = Callable[[Any], Awaitable[int | None]]

FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
# Nothing that time mends: whoever waits is told at once.
_LASTING = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)
_TOO_MANY = (asyncpg.TooManyConnectionsError,)


class Opener:
    """Opens connections with a pause after failures, and keeps the bound on their number."""

    def __init__(
        self, connect: Connect, *, most: int, timeout: float, clock: Callable[[], float], share: Share | None = None
    ) -> None:
        self.granted = most + 1
        self._most = most
        self._connect = connect
        self._timeout = timeout
        self._clock = clock
        self._share = share
        self._share_asked_at = -math.inf
        self._pause = 0.0
        self._failing_since: float | None = None
        self._humble: tuple[int, float] | None = None
        self.may_open_at = -math.inf

    @property
    def bound(self) -> int:
        """How many connections may be lent at once; beside them one stays for critical work."""
        bound = min(self._most, max(1, self.granted - 1))
        if self._humble is not None and self._clock() < self._humble[1]:
            bound = min(bound, self._humble[0])
        return bound

    @property
    def is_unreachable(self) -> bool:
        """Whether no connection could be opened for so long that waiting for one is in vain."""
        return self._failing_since is not None and self._clock() - self._failing_since > UNREACHABLE_SECONDS

    async def open(self) -> Any:
        """Return a new connection. Raises one of FAILURES, after noting it."""
        connection: Any = None
        try:
            async with asyncio.timeout(self._timeout):
                connection = await self._connect()
                await self._ask_share(connection)
        except BaseException as error:
            if connection is not None:
                # Open, and in nobody's hands: a server that falls silent right behind its greeting.
                connection.terminate()
            if isinstance(error, FAILURES):
                self._failed()
            raise
        self._pause, self._failing_since = 0.0, None
        return connection

    def lower(self, number: int) -> None:
        """PostgreSQL has no room for more than `number`: stay there for a while."""
        self._humble = (max(1, number), self._clock() + HUMBLE_SECONDS)

    def _failed(self) -> None:
        now = self._clock()
        if self._failing_since is None:
            self._failing_since = now
        self._pause = min(max(self._pause * 2, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        # Processes that lost the same server must not all come back in the same moment.
        self.may_open_at = now + self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreads, hides nothing

    async def _ask_share(self, connection: Any) -> None:
        if self._share is None or self._clock() - self._share_asked_at < _SHARE_SECONDS:
            return
        granted = await self._share(connection)
        self._share_asked_at = self._clock()
        self.granted = granted if granted is not None else self._most + 1


def is_lasting(error: BaseException) -> bool:
    """Return whether an error of opening stays until somebody mends a setting."""
    return isinstance(error, _LASTING)


def is_too_many(error: BaseException) -> bool:
    """Return whether PostgreSQL refused because others hold all that it has."""
    return isinstance(error, _TOO_MANY)


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """
    What PostgreSQL grants to all: `most` connections, of which `reserved` are for superusers.

    A limit of the role or the database of -1 means none.
    """

    most: int
    reserved: int
    role_limit: int
    database_limit: int


def share_of(granted: Granted, *, processes: int) -> int:
    """Return how many connections one of `processes` may open in its pool, at least 2."""
    available = granted.most - granted.reserved - _KEPT
    for limit in (granted.role_limit, granted.database_limit):
        if limit >= 0:
            available = min(available, limit)
    return max(2, available // processes - _APART)


async def ask_share(connection: Any, *, processes: int) -> int:
    """Ask PostgreSQL what it grants, and return one process's share of it."""
    row = await connection.fetchrow(
        """
        select current_setting('max_connections')::int as most,
               current_setting('superuser_reserved_connections')::int
                 + coalesce(current_setting('reserved_connections', true), '0')::int as reserved,
               (select rolconnlimit from pg_roles where rolname = current_user) as role_limit,
               (select datconnlimit from pg_database where datname = current_database()) as database_limit
        """
    )
    return share_of(msgspec.convert(dict(row), Granted), processes=processes)
