"""
The transaction with its tenant, on a connection of the pool. Nothing else acquires one.

The tenant is set by SET LOCAL in the same round trip as BEGIN: the pool needs no reset query, and a connection that
returns to the pool remembers no tenant. Without a tenant row-level security shows no rows.
"""

import asyncio
import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack, cast
from uuid import UUID

import asyncpg
import structlog

from healthprotocol.foundation.cache import Cache, CacheOptions, TenantCache
from healthprotocol.foundation.clock import Clock, system_clock
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.db.feed import Feed
from healthprotocol.foundation.db.listener import Listener
from healthprotocol.foundation.db.loan import GIVEN_BACK, Loan, ReplicaFailed
from healthprotocol.foundation.db.pool import Pool, Priority
from healthprotocol.foundation.db.pool.postgresql import open_pool
from healthprotocol.foundation.db.replicas import UNKNOWN_POSITION, Replicas
from healthprotocol.foundation.errors import CommitUnanswered, Unavailable
from healthprotocol.foundation.events import Subscriptions
from healthprotocol.foundation.flags.model import Caller
from healthprotocol.foundation.flags.runtime import CallerFlags, Flags
from healthprotocol.foundation.ids import OrganisationId, new_id

if TYPE_CHECKING:
    from healthprotocol.foundation.crypto.keys import KeyRing

Record = asyncpg.Record
Callback = Callable[[], Awaitable[None]]
Prepare = Callable[[OrganisationId], Awaitable[object]]
P = TypeVar("P")

__all__ = ["Callback", "Database", "Pool", "Priority", "Record", "ReplicaFailed", "Terms", "Transaction", "open_pool"]

_SYSTEM = RequestContext(request_id="system")

log = structlog.get_logger("database")


class Terms(TypedDict, total=False):
    """
    How a transaction is run, beside whose it is.

    `lookup` is the exact hash that row-level security lets it find in the sign-in directory. Without
    `statement_timeout_seconds` the pool's holds. `priority` is the class in which it waits for a connection,
    INTERACTIVE unless told otherwise, here or by `Database.in_background`. `prepares` False is for what `prepare_with`
    was given, which must not wait for itself.

    `read_only` lets a replica serve it that has seen all that the actor wrote, and the position `after`; what others
    wrote in the last two seconds may be missing. What is left for the commit is done on the primary. Raises
    ReplicaFailed when only the primary can, as it is: then do it again without.

    `is_read` says that the act changes nothing: the trace that it leaves may be written by another transaction, which
    is waited for before anybody is told what was read.
    """

    is_read: bool
    read_only: bool
    after: int
    lookup: bytes | None
    statement_timeout_seconds: float | None
    priority: Priority
    prepares: bool


class Transaction:
    """
    One unit of work of one organisation: queries, the keys, one `now`, and what to do around the commit.

    `organisation_id` None means no tenant: tenant tables then show nothing.
    """

    def __init__(
        self,
        connection: "asyncpg.Connection[Record]",
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
        self._before_answer: list[Callback] = []
        self._after_commit: list[Callback] = []
        self.pending: dict[str, list[Any]] = {}
        # Whether a replica serves it; a cache must keep nothing of that.
        self.may_lag = False
        self.is_read = False
        # Where the log stood behind the commit, for replicas; None without them.
        self.position: int | None = None

    @property
    def keys(self) -> "KeyRing":
        """The key ring of this process."""
        return self._database.keys

    @cached_property
    def flags(self) -> CallerFlags:
        """The feature flags as the actor of this transaction has them: `if tx.flags.is_on(FLAG)`."""
        actor = self.actor
        caller = Caller(self.tenant, actor.account_id if actor else None, actor.role if actor else "")
        return self._database.flags.for_caller(caller, lambda: self.now, self.context.exposures)

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

    def attached(self, kind: type[P]) -> P | None:
        """Return the part of this kind that the database carries for acts, None when it carries none."""
        return cast("P | None", self._database.parts.get(kind))

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

    async def copy(self, table: str, *, records: Iterable[Sequence[object]], columns: Sequence[str]) -> None:
        """Write records into a temporary table by COPY; a table under row-level security takes none."""
        await self.connection.copy_records_to_table(table, records=records, columns=columns, schema_name="pg_temp")

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """
        Undo what the block did when it raises, what it left for the commit too, and raise; the transaction goes on.

        For work on many things of which some may fail. It costs two round trips.
        """
        kept = (list(self._before_commit), list(self._after_commit), {n: list(v) for n, v in self.pending.items()})
        forget_keys = self.keys.savepoint(self)
        # What may be undone writes here, and leaves its trace to no other transaction, which would keep it.
        is_read, self.is_read = self.is_read, False
        await self.connection.execute("savepoint attempt")
        try:
            yield
        except BaseException:
            self._before_commit, self._after_commit, pending = kept
            self.pending.clear()
            self.pending.update(pending)
            forget_keys()
            if not self.connection.is_closed():
                # It still stands after the rollback to it, and would hide one of the same name around it.
                await self.connection.execute("rollback to savepoint attempt; release savepoint attempt")
            raise
        finally:
            self.is_read = is_read
        await self.connection.execute("release savepoint attempt")

    async def publish(self, event: object) -> None:
        """Deliver an event to its subscribers inside this transaction."""
        await self._database.subscriptions.deliver(self, event)

    def before_commit(self, callback: Callback) -> None:
        """Have `callback` awaited right before the commit, in the order given; what it raises rolls back."""
        self._before_commit.append(callback)

    def before_answer(self, callback: Callback) -> None:
        """Have `callback` awaited once the transaction is over, before who opened it goes on; it may raise."""
        self._before_answer.append(callback)

    def after_commit(self, callback: Callback) -> None:
        """Have `callback` awaited once the commit stands; what it raises is logged, for the caller's act is done."""
        self._after_commit.append(callback)

    @property
    def has_before_commit(self) -> bool:
        """Whether something is left to be done with the commit."""
        return bool(self._before_commit)

    async def run_before_commit(self) -> None:
        """For `Database` alone: await the callbacks that belong to the transaction."""
        # A callback may register another (an audit row that a reaction adds), so this is not a plain for loop.
        while self._before_commit:
            await self._before_commit.pop(0)()

    async def run_before_answer(self) -> None:
        """For `Database` alone: await the callbacks that must be done before anybody is told."""
        for callback in self._before_answer:
            await callback()

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
        pool: Pool,
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
        self.listener = Listener(pool.connect_apart)
        self.feed = Feed(self.listener)
        self.cache = Cache(
            self, ear=self.listener, sealer=lambda: keys.sealer("cache"), options=cache or CacheOptions()
        )
        # Until assembly wires the process's own, every flag has its declared value.
        self.flags = Flags()
        self.parts: dict[type, object] = {}
        self._prepare: list[Prepare] = []
        # None: every read is the primary's.
        self.replicas: Replicas | None = None
        self._wait_seconds = wait_seconds
        self._usual_priority = Priority.INTERACTIVE

    def in_background(self) -> Self:
        """Return the same database for work that nobody waits for: its connections are BACKGROUND unless it says so."""
        behind = copy.copy(self)
        behind._usual_priority = Priority.BACKGROUND  # noqa: SLF001 - it is one of us
        return behind

    def attach(self, part: object) -> None:
        """Carry `part` for acts, which find it by its type; another one of the type takes its place."""
        self.parts[type(part)] = part

    def prepare_with(self, prepare: Prepare) -> None:
        """Have `prepare` awaited for the organisation of each transaction, before a connection is taken for it."""
        self._prepare.append(prepare)

    @asynccontextmanager
    async def transaction(
        self,
        organisation_id: OrganisationId | None,
        *,
        actor: Actor | None = None,
        context: RequestContext = _SYSTEM,
        now: datetime | None = None,
        **terms: Unpack[Terms],
    ) -> AsyncIterator[Transaction]:
        """
        Open a transaction of one organisation; commit at the end of the block, roll back when it raises.

        Raises Unavailable when no connection is free in time, the server does not answer, or a statement waited too
        long; CommitUnanswered when it went away during the commit itself.
        """
        if organisation_id is not None and terms.get("prepares", True):
            for prepare in self._prepare:
                await prepare(organisation_id)
        tx = Transaction(
            GIVEN_BACK,
            organisation_id=organisation_id,
            actor=actor,
            context=context,
            now=(now or self.clock()).astimezone(UTC),
            database=self,
        )
        tx.is_read = terms.get("is_read", False)
        try:
            replica = self._replica(tx, terms)
            if replica is not None:
                tx.may_lag = True
                async with await self._borrow(tx, terms, replica) as tx.connection:
                    yield tx
                # From here on what the read leaves behind, its trace above all: on the primary, before anybody is
                # told what was read. A read that left nothing is over.
                tx.connection, tx.may_lag = GIVEN_BACK, False
            if replica is None or tx.has_before_commit:
                loan = await self._borrow(tx, terms)
                async with loan as tx.connection:
                    if replica is None:
                        yield tx
                    await tx.run_before_commit()
                self._note_position(tx, loan)
        except (CommitUnanswered, asyncio.CancelledError):
            # It may be committed, and nobody knows behind which position.
            if self.replicas is not None and actor is not None:
                self.replicas.wrote(actor.account_id, UNKNOWN_POSITION)
            raise
        finally:
            # The next borrower's transaction runs on it: whoever kept this one must not speak in there.
            tx.connection = GIVEN_BACK
        try:
            await tx.run_before_answer()
        finally:
            # The commit stands, whether or not who asked is told.
            await tx.run_after_commit()

    def _replica(self, tx: Transaction, terms: "Terms") -> Pool | None:
        if self.replicas is None or not terms.get("read_only") or tx.actor is None:
            return None
        return self.replicas.choose(tx.actor.account_id, after=terms.get("after", 0))

    async def _borrow(self, tx: Transaction, terms: "Terms", replica: Pool | None = None) -> Loan:
        pool = replica or self.pool
        loan = Loan(
            pool,
            _begin(tx.organisation_id, terms, pool.begin_with),
            failure=ReplicaFailed if replica else Unavailable,
            tells_position=self.replicas is not None and not terms.get("read_only") and tx.actor is not None,
        )
        return await loan.borrow(
            terms.get("priority", self._usual_priority),
            wait_seconds=self._wait_seconds,
            request_id=tx.context.request_id,
            patience=terms.get("statement_timeout_seconds") or 0.0,
        )

    def _note_position(self, tx: Transaction, loan: Loan) -> None:
        if self.replicas is not None and loan.tells_position and tx.actor is not None:
            tx.position = UNKNOWN_POSITION if loan.position is None else loan.position
            self.replicas.wrote(tx.actor.account_id, tx.position)

    async def close(self) -> None:
        """Let listeners end, and close the pool, waiting for what runs."""
        await self.stop_listening()
        await self.pool.close()

    async def stop_listening(self) -> None:
        """Let those end who read the feed, end what the cache does by itself, give the listening connection back."""
        self.feed.let_go()
        await self.cache.close()
        await self.listener.close()


def _begin(organisation_id: OrganisationId | None, terms: "Terms", more: str) -> str:
    # One simple-protocol message. The values are a UUID, hex and a number that this module formats itself: nothing of
    # a caller's text can reach the statement.
    statements = ["begin" + more]
    if organisation_id is not None:
        statements.append(f"set local app.organisation = '{UUID(int=organisation_id.int)}'")
    if (lookup := terms.get("lookup")) is not None:
        statements.append(f"set local app.lookup = '{lookup.hex()}'")
    if (timeout_seconds := terms.get("statement_timeout_seconds")) is not None:
        statements.append(f"set local statement_timeout = {int(timeout_seconds * 1000)}")
    return "; ".join(statements)
