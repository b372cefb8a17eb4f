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
import structlog

from healthprotocol.foundation.cache import Cache, CacheOptions, TenantCache
from healthprotocol.foundation.clock import Clock, system_clock
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.db.feed import Feed
from healthprotocol.foundation.db.listener import Listener
from healthprotocol.foundation.errors import CommitUnanswered, Unavailable
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
# What the server could not do just now, though nothing is wrong with the request: it waited too long for somebody else,
# has no room left, or has become a standby. Everything was rolled back, and a second try may well succeed.
_HINDERED = (
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.QueryCanceledError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)

_SYSTEM = RequestContext(request_id="system")
_RETRY_AFTER_SECONDS = 2

log = structlog.get_logger("database")


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
    def cache(self) -> TenantCache:
        """The cache of this process, as this transaction may use it."""
        return self._database.cache.of(self.tenant, unit=self)

    def invalidate(self, *tags: str) -> None:
        """
        Have cached values that depend on these tags (see `foundation.cache.tag`) no longer served.

        This transaction is answered past them from now on, this process from the commit on, the others at once after
        it, and within two seconds at the latest.
        """
        self._database.cache.invalidate(self, tags)

    @property
    def tenant(self) -> OrganisationId:
        """The organisation of this transaction. Raises RuntimeError where there is none: a fault of the code."""
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

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """
        Undo what the block did when it raises, what it left for the commit too, and raise; the transaction goes on.

        For work on many things of which some may fail. It costs two round trips.
        """
        kept = (list(self._before_commit), list(self._after_commit), {n: list(v) for n, v in self.pending.items()})
        await self.connection.execute("savepoint attempt")
        try:
            yield
        except BaseException:
            self._before_commit, self._after_commit, pending = kept
            self.pending.clear()
            self.pending.update(pending)
            if not _is_closed(self.connection):
                await self.connection.execute("rollback to savepoint attempt")
            raise
        await self.connection.execute("release savepoint attempt")

    async def publish(self, event: object) -> None:
        """Deliver an event to its subscribers inside this transaction."""
        await self._database.subscriptions.deliver(self, event)

    def before_commit(self, callback: Callback) -> None:
        """Have `callback` awaited right before the commit, in the order given; what it raises rolls back."""
        self._before_commit.append(callback)

    def after_commit(self, callback: Callback) -> None:
        """Have `callback` awaited once the commit stands; what it raises is logged, for the caller's act is done."""
        self._after_commit.append(callback)

    async def run_before_commit(self) -> None:
        """For `Database` alone: await the callbacks that belong to the transaction."""
        # A callback may register another (an audit row that a reaction adds), so this is not a plain for loop.
        while self._before_commit:
            await self._before_commit.pop(0)()

    async def run_after_commit(self) -> None:
        """For `Database` alone: await the callbacks that follow the commit, each of them, whatever others raise."""
        for callback in self._after_commit:
            try:
                await callback()
            except Exception:
                # The act is done and answered as done, whatever its echo runs into.
                log.exception("callback.failed", request_id=self.context.request_id)


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
        cache: CacheOptions | None = None,
    ) -> None:
        self.pool = pool
        self.keys = keys
        self.subscriptions = subscriptions or Subscriptions()
        self.clock = clock
        self.listener = Listener(pool)
        self.feed = Feed(self.listener)
        self.cache = Cache(
            self, ear=self.listener, sealer=lambda: keys.sealer("cache"), options=cache or CacheOptions()
        )
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
        Raises Unavailable when no connection is free in time, the server does not answer, or a statement waited too
        long; CommitUnanswered when the server went away during the commit itself.
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
                await tx.run_before_commit()
            except BaseException:
                await _roll_back(connection)
                raise
            await _commit(connection)
        except (*_LOST, *_HINDERED) as error:
            raise _unavailable(error) from error
        except asyncpg.InterfaceError as error:
            # asyncpg's word for a closed connection and for a fault of our code: only the first is the server's.
            if not _is_closed(connection):
                raise
            raise _unavailable(error) from error
        finally:
            await self.pool.release(connection)
        await tx.run_after_commit()

    async def _acquire(self) -> "asyncpg.pool.PoolConnectionProxy[Record]":
        try:
            return await self.pool.acquire(timeout=self._wait_seconds)
        except (TimeoutError, OSError, asyncpg.InterfaceError, *_HINDERED, *_LOST) as error:
            # InterfaceError here is a pool that is being closed: this process is about to end.
            raise _unavailable(error) from error

    async def close(self) -> None:
        """Let listeners end, and close the pool, waiting for what runs."""
        await self.stop_listening()
        await self.pool.close()

    async def stop_listening(self) -> None:
        """Let those end who read the feed, end what the cache does by itself, give the listening connection back."""
        self.feed.let_go()
        await self.cache.close()
        await self.listener.close()


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


async def _commit(connection: "asyncpg.pool.PoolConnectionProxy[Record]") -> None:
    if _is_closed(connection):
        # It was lost before anything was asked of it: nothing is kept, and that is known.
        raise Unavailable(retry_after_seconds=_RETRY_AFTER_SECONDS, private="lost before the commit")
    try:
        tag = await connection.execute("commit")
    except (*_LOST, asyncpg.InterfaceError) as error:
        raise CommitUnanswered(retry_after_seconds=_RETRY_AFTER_SECONDS, private=type(error).__name__) from error
    if tag != "COMMIT":
        # A statement had failed and somebody went on as if it had not: PostgreSQL then rolls back, without an error.
        raise RuntimeError("the transaction had failed before its commit, and nothing of it was kept")


async def _roll_back(connection: "asyncpg.pool.PoolConnectionProxy[Record]") -> None:
    """Undo what was done. The caller is told what went wrong first, so a connection that fails here is only dropped."""
    if _is_closed(connection):
        return
    try:
        await connection.execute("rollback")
    except (*_LOST, *_HINDERED, asyncpg.InterfaceError):
        connection.terminate()


def _unavailable(error: BaseException) -> Unavailable:
    return Unavailable(retry_after_seconds=_RETRY_AFTER_SECONDS, private=type(error).__name__)


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
