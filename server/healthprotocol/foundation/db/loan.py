"""A connection lent for one transaction: begun with the block, committed or rolled back with its end, given back."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Protocol, TypeVar

import asyncpg

from healthprotocol.foundation.db.pool import Lease, Pool, Priority, Refused
from healthprotocol.foundation.errors import CommitUnanswered, Contended, Unavailable

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
# Of those, what ended because two waited for each other: done again at once, one of them goes first.
_GAVE_WAY = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_RETRY_AFTER_SECONDS = 2
# How many times as long as others may what runs in the background wait for a connection.
_PATIENCE = 5

# Where the log stands, as a number that only grows: behind everything that this connection has committed.
_POSITION = "select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"


class ReplicaFailed(Unavailable):
    """
    A replica could not answer a read; the primary can.

    Remedy: none is needed, the server asks the primary by itself.
    """


class Loan:
    """
    A transaction's connection, as a context manager. `begin` is the first message, all of it ours.

    `failure` is what a server that is away or hindered is told as. With `tells_position` the position of the log
    behind the commit is found in `position` afterwards. Raises Unavailable when no connection is free in time.
    """

    __slots__ = ("_begin", "_failure", "_lease", "_pool", "_terms", "position", "tells_position")

    def __init__(
        self, pool: Pool, begin: str, *, failure: type[Unavailable] = Unavailable, tells_position: bool = False
    ) -> None:
        self.position: int | None = None
        self._pool = pool
        self._begin = begin
        self._failure = failure
        self.tells_position = tells_position
        self._lease: Lease | None = None
        self._terms: tuple[Priority, float, str, float] = (Priority.INTERACTIVE, 0.0, "", 0.0)

    async def borrow(self, priority: Priority, *, wait_seconds: float, request_id: str, patience: float) -> "Loan":
        """Wait for a connection; `patience` is how many seconds one statement of the borrower's may take."""
        # What runs in the background is not waited for by anybody: it may wait longer, and is served later.
        wait_seconds *= _PATIENCE if priority is Priority.BACKGROUND else 1
        self._terms = (priority, wait_seconds, request_id, patience)
        await self._acquire()
        return self

    async def __aenter__(self) -> Any:
        for last in (False, False, True):
            try:
                return await self._begun()
            except BaseException as error:
                was_dead = self._lent.connection.is_closed() and isinstance(error, (*_LOST, asyncpg.InterfaceError))
                self._pool.release(self._lent, is_clean=False)
                if not was_dead or last:
                    if (told := self._told(error)) is not None:
                        raise told from error
                    raise
            # It had died while nobody used it, and nothing was done on it: another one will do.
            await self._acquire()
        raise AssertionError("the last attempt returns or raises")

    async def _begun(self) -> Any:
        lease = self._lent
        self._pool.asks(lease)
        await lease.connection.execute(self._begin)
        self._pool.hears(lease)
        return lease.connection

    async def _acquire(self) -> None:
        priority, wait_seconds, request_id, patience = self._terms
        try:
            self._lease = await self._pool.acquire(priority, wait_seconds=wait_seconds, request_id=request_id)
        except Refused as refusal:
            raise self._failure(
                retry_after_seconds=math.ceil(refusal.retry_after_seconds), private=f"pool: {refusal.reason}"
            ) from refusal
        self._lease.patience = patience

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        is_clean = False
        try:
            if error is not None:
                is_clean = await _roll_back(self._lent.connection)
            else:
                await _commit(self._lent.connection)
                if self.tells_position:
                    self.position = await _position(self._lent.connection)
                is_clean = True
        except (*_LOST, *_HINDERED) as failed:
            raise _failure(failed, self._failure) from failed
        finally:
            # What was cancelled while it rolled back or committed is not clean, and is mended before it is lent again.
            self._pool.release(self._lent, is_clean=is_clean)
        if error is not None and (told := self._told(error)) is not None:
            raise told from error

    @property
    def _lent(self) -> Lease:
        if self._lease is None:
            message = "borrow before entering"
            raise RuntimeError(message)
        return self._lease

    def _told(self, error: BaseException) -> Unavailable | None:
        return _told(error, self._lent.connection, failure=self._failure)


class Connected(Protocol):
    """What holds a connection."""

    connection: Any


C = TypeVar("C", bound=Connected)


@asynccontextmanager
async def shared(transaction: C) -> AsyncIterator[C]:
    """
    Give a transaction to one of several acts that share it; whoever opened it ends it.

    What the server cannot do just now is told to each act as its own loan would. Raises Unavailable.
    """
    connection = transaction.connection
    try:
        yield transaction
    except BaseException as error:
        if (told := _told(error, connection, failure=Unavailable)) is not None:
            raise told from error
        raise


def _told(error: BaseException, connection: Any, *, failure: type[Unavailable]) -> Unavailable | None:
    """Return what an error means for the caller, None when it is a fault of ours or no fault of the server's."""
    is_server = isinstance(error, (*_LOST, *_HINDERED)) or (
        # asyncpg's word for a closed connection and for a fault of our code: only the first is the server's.
        isinstance(error, asyncpg.InterfaceError) and connection.is_closed()
    )
    if not is_server:
        return None
    return _failure(error, failure)


def _failure(error: BaseException, failure: type[Unavailable]) -> Unavailable:
    kind = Contended if isinstance(error, _GAVE_WAY) and failure is Unavailable else failure
    return kind(retry_after_seconds=_RETRY_AFTER_SECONDS, private=type(error).__name__)


async def _commit(connection: Any) -> None:
    if connection.is_closed():
        # It was lost before anything was asked of it: nothing is kept, and that is known.
        raise Unavailable(retry_after_seconds=_RETRY_AFTER_SECONDS, private="lost before the commit")
    try:
        tag = await connection.execute("commit")
    except (*_LOST, asyncpg.InterfaceError) as error:
        raise CommitUnanswered(retry_after_seconds=_RETRY_AFTER_SECONDS, private=type(error).__name__) from error
    if tag != "COMMIT":
        # A statement had failed and somebody went on as if it had not: PostgreSQL then rolls back, without an error.
        raise RuntimeError("the transaction had failed before its commit, and nothing of it was kept")


async def _roll_back(connection: Any) -> bool:
    """
    Undo what was done, and return whether the connection is as new.

    The caller is told what went wrong first, so a connection that fails here is only dropped.
    """
    if connection.is_closed():
        return False
    try:
        await connection.execute("rollback")
    except (*_LOST, *_HINDERED, asyncpg.InterfaceError):
        connection.terminate()
        return False
    return True


async def _position(connection: Any) -> int | None:
    try:
        return await connection.fetchval(_POSITION)
    except (*_LOST, *_HINDERED, asyncpg.InterfaceError):
        # The commit stands; who wrote reads from the primary until any replica has surely seen it.
        return None


class _GivenBack:
    """Stands where a transaction's connection was."""

    def __getattr__(self, name: str) -> Any:
        raise asyncpg.InterfaceError(f"the transaction is over: {name} came too late")


GIVEN_BACK: Any = _GivenBack()
