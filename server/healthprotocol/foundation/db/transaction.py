"""
The transaction with its tenant, and the pool it comes from. Nothing else acquires a connection.

The tenant is set by SET LOCAL in the same round trip as BEGIN: the pool needs no reset query, and a connection that
returns to the pool remembers no tenant. Without a tenant row-level security shows no rows.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import msgspec

from healthprotocol.foundation.clock import Clock, system_clock
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.errors import Unavailable
from healthprotocol.foundation.events import Subscriptions
from healthprotocol.foundation.ids import OrganisationId, new_id

if TYPE_CHECKING:
    from healthprotocol.foundation.crypto.keys import KeyRing

Record = asyncpg.Record
Callback = Callable[[], Awaitable[None]]

# How a server that stops, dies or restarts shows: it says so, or it falls silent in the middle of an answer.
_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,
    ConnectionError,
)

_SYSTEM = RequestContext(request_id="system")


class Transaction:
    """
    One unit of work of one organisation: queries, the keys, one `now`, and what to do around the commit.

    `organisation_id` None means no tenant: tenant tables then show nothing.
    """

    def __init__(
        self,
        connection: "asyncpg.pool.PoolConnectionProxy[Record]",
        *,
        organisation_id: OrganisationId | None,
        actor: Actor | None,
        context: RequestContext,
        now: datetime,
        database: "Database",
    ) -> None:
        self.connection = connection
        self.organisation_id = organisation_id
        self.actor = actor
        self.context = context
        self.now = now
        self._database = database
        self._before_commit: list[Callback] = []
        self._after_commit: list[Callback] = []
        self.pending: dict[str, list[Any]] = {}

    @property
    def keys(self) -> "KeyRing":
        """The key ring of this process."""
        return self._database.keys

    @property
    def tenant(self) -> OrganisationId:
        """The organisation of this transaction. Raises RuntimeError where there is none: a fault of the caller's code."""
        if self.organisation_id is None:
            message = "this act needs a transaction with an organisation"
            raise RuntimeError(message)
        return self.organisation_id

    def new_id(self) -> UUID:
        """Return a fresh UUIDv7 stamped with the transaction's `now`."""
        return new_id(self.now)

    async def fetch(self, sql: str, *args: object) -> list[Record]:
        """Return all rows; the statement itself must bound how many."""
        return await self.connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: object) -> Record | None:
        """Return the first row, None when there is none."""
        return await self.connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        """Return the first column of the first row, None when there is no row."""
        return await self.connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        """Run a statement and return its command tag, such as `UPDATE 1`."""
        return await self.connection.execute(sql, *args)

    async def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement once a row, pipelined."""
        await self.connection.executemany(sql, rows)

    async def publish(self, event: object) -> None:
        """Deliver an event to its subscribers inside this transaction."""
        await self._database.subscriptions.deliver(self, event)

    def before_commit(self, callback: Callback) -> None:
        """Have `callback` awaited right before the commit, in the order given; what it raises rolls back."""
        self._before_commit.append(callback)

    def after_commit(self, callback: Callback) -> None:
        """Have `callback` awaited once the commit stands; it must not fail the caller."""
        self._after_commit.append(callback)

    async def _run_before_commit(self) -> None:
        # A callback may register another (an audit row that a reaction adds), so this is not a plain for loop.
        while self._before_commit:
            await self._before_commit.pop(0)()

    async def _run_after_commit(self) -> None:
        for callback in self._after_commit:
            await callback()


class Database:
    """The pool of one process, with what every transaction carries: keys, subscriptions, clock."""

    def __init__(
        self,
        pool: "asyncpg.Pool[Record]",
        *,
        keys: "KeyRing",
        subscriptions: Subscriptions | None = None,
        clock: Clock = system_clock,
        wait_seconds: float = 2.0,
    ) -> None:
        self.pool = pool
        self.keys = keys
        self.subscriptions = subscriptions or Subscriptions()
        self.clock = clock
        self._wait_seconds = wait_seconds

    @asynccontextmanager
    async def transaction(
        self,
        organisation_id: OrganisationId | None,
        *,
        actor: Actor | None = None,
        context: RequestContext = _SYSTEM,
        now: datetime | None = None,
        lookup: bytes | None = None,
        statement_timeout_seconds: float | None = None,
    ) -> AsyncIterator[Transaction]:
        """
        Open a transaction of one organisation; commit at the end of the block, roll back when it raises.

        `lookup` is the exact hash that row-level security lets this transaction find in the sign-in directory.
        Raises Unavailable when no connection is free in time or the server does not answer.
        """
        connection = await self._acquire()
        try:
            await connection.execute(_begin(organisation_id, lookup, statement_timeout_seconds))
            tx = Transaction(
                connection,
                organisation_id=organisation_id,
                actor=actor,
                context=context,
                now=(now or self.clock()).astimezone(UTC),
                database=self,
            )
            try:
                yield tx
                await tx._run_before_commit()
                await connection.execute("commit")
            except BaseException:
                if not _is_closed(connection):
                    await connection.execute("rollback")
                raise
        except _LOST as error:
            raise Unavailable(retry_after_seconds=2, private=type(error).__name__) from error
        except asyncpg.InterfaceError as error:
            # asyncpg's word for a closed connection and for a fault of our code: only the first is the server's.
            if not _is_closed(connection):
                raise
            raise Unavailable(retry_after_seconds=2, private=type(error).__name__) from error
        finally:
            await self.pool.release(connection)
        await tx._run_after_commit()

    async def _acquire(self) -> "asyncpg.pool.PoolConnectionProxy[Record]":
        try:
            return await self.pool.acquire(timeout=self._wait_seconds)
        except (TimeoutError, OSError, asyncpg.TooManyConnectionsError, *_LOST) as error:
            raise Unavailable(retry_after_seconds=2, private=type(error).__name__) from error

    async def close(self) -> None:
        """Close the pool, waiting for what runs."""
        await self.pool.close()


async def open_pool(url: str, *, size: int, statement_timeout_seconds: float) -> "asyncpg.Pool[Record]":
    """Return a pool of at most `size` connections to `url`, each with limits on statements, locks and idleness."""
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size,
        timeout=5,
        reset=_keep_as_it_is,
        init=_prepare_connection,
        server_settings={
            "application_name": "healthprotocol",
            "statement_timeout": str(int(statement_timeout_seconds * 1000)),
            "lock_timeout": "4000",
            "idle_in_transaction_session_timeout": "60000",
            "timezone": "UTC",
        },
    )


def _begin(organisation_id: OrganisationId | None, lookup: bytes | None, timeout_seconds: float | None) -> str:
    # One simple-protocol message. The values are a UUID, hex and a number that this module formats itself: nothing of
    # a caller's text can reach the statement.
    statements = ["begin"]
    if organisation_id is not None:
        statements.append(f"set local app.organisation = '{UUID(int=organisation_id.int)}'")
    if lookup is not None:
        statements.append(f"set local app.lookup = '{lookup.hex()}'")
    if timeout_seconds is not None:
        statements.append(f"set local statement_timeout = {int(timeout_seconds * 1000)}")
    return "; ".join(statements)


def _is_closed(connection: "asyncpg.pool.PoolConnectionProxy[Record]") -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        # The pool takes a connection back by itself when its server hangs up.
        return True


async def _keep_as_it_is(connection: object) -> None:
    """Every setting is local to its transaction, so a connection returns as it was: no reset query."""


async def _prepare_connection(connection: "asyncpg.Connection[Record]") -> None:
    for type_name in ("json", "jsonb"):
        await connection.set_type_codec(
            type_name,
            schema="pg_catalog",
            encoder=lambda value: msgspec.json.encode(value).decode(),
            decoder=msgspec.json.decode,
            format="text",
        )
