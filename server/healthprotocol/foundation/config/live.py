"""
Small tables that every request looks at, kept in memory by each process and never older than a second.

A writer calls `changed` in the transaction that changes an organisation's rows. After the commit PostgreSQL notifies
every process, which loads them again at once. A process that missed the notification looks at the log of changes once
a second. While PostgreSQL is away readers see what was last known, and `age_seconds` says how old that may be.

    changes = LiveChanges(database)
    colours = LiveCopy(changes, load=load_colours, merge=lambda everyone, own: {**everyone, **(own or {})})
    await colours.start()
    await colours.load(organisation_id)      # once a request: only the first time of an organisation does it ask
    colours.of(organisation_id)["sky"]       # as often as one likes: a look into a dictionary
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Generic, TypeVar

import msgspec
import structlog

from healthprotocol.foundation.db.transaction import Database, Priority, Transaction
from healthprotocol.foundation.errors import Unavailable
from healthprotocol.foundation.ids import INSTALLATION, OrganisationId

CHANNEL = "hp_live"
# Less than the promised second, which has to cover the answer and the loading as well.
POLL_SECONDS: Final = 0.75
# Notifications that come together are worth one look.
_SHORTEST_PAUSE_SECONDS: Final = 0.02
MOST_ORGANISATIONS: Final = 10_000

_PENDING = "live"

# All in one statement, hence of one snapshot: what was visible to it, and the oldest transaction that was still open.
# A change that was not visible belongs to that transaction or a younger one, and is looked for the next time. What is
# no older than the snapshot's end was written in another cluster, whose dump this is.
_LOOK = """
select pg_snapshot_xmin(pg_current_snapshot())::text as horizon, organisation_id, revision
from (values (1)) as once
left join live_change
  on changed_in >= $1::text::xid8 and changed_in < pg_snapshot_xmax(pg_current_snapshot())
"""

R = TypeVar("R")
T = TypeVar("T")

Follower = Callable[[Mapping[OrganisationId, int]], Awaitable[None]]

log = structlog.get_logger("live")


async def changed(tx: Transaction, organisation_id: OrganisationId) -> None:
    """
    Say that rows of `organisation_id`, whose transaction this is, changed; every process hears it after the commit.

    Two transactions that change the same organisation's rows wait for each other, from their commit on.
    """
    if organisation_id != tx.tenant:
        raise ValueError("a change is told by a transaction of the organisation that it is about")
    if _PENDING not in tx.pending:
        tx.pending[_PENDING] = [organisation_id]
        tx.before_commit(lambda: _tell(tx))


async def _tell(tx: Transaction) -> None:
    await tx.execute(
        """
        insert into live_change (organisation_id, at) values ($1, $2)
        on conflict (organisation_id)
        do update set revision = default, changed_in = pg_current_xact_id(), at = excluded.at
        """,
        tx.tenant,
        tx.now,
    )
    await tx.execute("select pg_notify($1, $2)", CHANNEL, str(tx.tenant))


class NotLoaded(LookupError):
    """Nobody loaded this organisation's rows in this process, or too many others came after. Await `load` first."""


class LiveChanges:
    """What one process knows of changes in all: one a process, whatever number of copies follows it."""

    def __init__(
        self,
        database: Database,
        *,
        poll_seconds: float = POLL_SECONDS,
        listens: bool = True,
        tell_age: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        """
        Follow `database`; `listens` False where notifications cannot arrive, as behind a transaction pooler.

        `tell_age` is called before each look with how old what readers see may be, in seconds.
        """
        self.database = database
        self._poll_seconds = poll_seconds
        self._listens = listens
        self._followers: list[Follower] = []
        self._task: asyncio.Task[None] | None = None
        self._tell_age = tell_age
        self._wake = asyncio.Event()
        self._horizon = "0"
        self._fresh_at = time.monotonic()
        self._is_failing = False

    @property
    def age_seconds(self) -> float:
        """How old what readers see may be: the time since everything was last known to be up to date."""
        return time.monotonic() - self._fresh_at

    def follow(self, follower: Follower) -> None:
        """Have `follower` awaited after each look, with the revisions of organisations that may have changed."""
        self._followers.append(follower)

    async def start(self) -> None:
        """Begin to look, by notification and by the clock; the same again does nothing. Never waits for PostgreSQL."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow(), name="live-changes")

    async def close(self) -> None:
        """Stop looking; what was read stays readable."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _follow(self) -> None:
        listening = asyncio.create_task(self._listen(), name="live-listening")
        try:
            while True:
                self._wake.clear()
                await self._look_and_tell()
                await asyncio.sleep(_SHORTEST_PAUSE_SECONDS)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_seconds):
                        await self._wake.wait()
        finally:
            listening.cancel()

    async def _listen(self) -> None:
        if not self._listens:
            return
        # The subscription stands even when no connection is free just now; until then the clock does the work.
        with contextlib.suppress(Unavailable):
            await self.database.listener.subscribe(
                CHANNEL, heard=lambda _payload: self._wake.set(), lost=self._wake.set
            )

    async def _look_and_tell(self) -> None:
        began = time.monotonic()
        self._tell_age(self.age_seconds)
        try:
            horizon, seen = await self._look()
            for follower in self._followers:
                await follower(seen)
        except Exception as error:  # noqa: BLE001 - whatever it is, readers keep what they have and the next look tries again
            if not self._is_failing:
                log.warning("live.stale", error=type(error).__name__, age_seconds=round(self.age_seconds, 1))
            self._is_failing = True
            return
        # Only now: what a follower could not load is seen again by the next look.
        self._horizon, self._fresh_at, self._is_failing = horizon, began, False

    async def _look(self) -> tuple[str, dict[OrganisationId, int]]:
        # A kill switch must be heard while requests wait in line, for it may be what ends their waiting.
        async with self.database.transaction(None, priority=Priority.CRITICAL) as tx:
            rows = await tx.fetch(_LOOK, self._horizon)
        seen = {row["organisation_id"]: row["revision"] for row in rows if row["organisation_id"] is not None}
        return rows[0]["horizon"], seen


class _Rows(msgspec.Struct, Generic[R]):
    """The rows of one organisation as of a revision of theirs, which may be older than the rows but never newer."""

    rows: R
    revision: int


class _Entry(msgspec.Struct, Generic[R, T]):
    """An organisation's own rows, and what they make with the installation's of a certain revision."""

    own: _Rows[R]
    merged: T
    merged_with: int


class LiveCopy(Generic[R, T]):
    """
    What readers see of one kind of rows, for each organisation.

    `load` reads the rows of the transaction's own tenant (which may be the installation) and nothing else. `merge` lays
    an organisation's rows over the installation's; its second argument is None where no organisation is asked for.
    The most recently used `most` organisations are kept.
    """

    def __init__(
        self,
        changes: LiveChanges,
        *,
        load: Callable[[Transaction], Awaitable[R]],
        merge: Callable[[R, R | None], T],
        most: int = MOST_ORGANISATIONS,
    ) -> None:
        self._changes = changes
        self._read = load
        self._merge = merge
        self._most = most
        self._installation: _Rows[R] | None = None
        self._everyone: T | None = None
        self._entries: OrderedDict[OrganisationId, _Entry[R, T]] = OrderedDict()
        self._loading: dict[OrganisationId, asyncio.Task[None]] = {}
        self._outdated: set[OrganisationId] = set()
        self._is_started = False

    def __len__(self) -> int:
        return len(self._entries)

    async def start(self) -> None:
        """Begin to follow changes; the same again does nothing. Never waits for PostgreSQL."""
        if not self._is_started:
            self._is_started = True
            self._changes.follow(self._refresh)
            await self._changes.start()

    async def load(self, organisation_id: OrganisationId) -> T:
        """Return what `of` will, having read the rows if this process has none of them. Raises Unavailable."""
        await self.load_installation()
        while organisation_id not in self._entries:
            await self._once(organisation_id)
        return self.of(organisation_id)

    async def load_installation(self) -> T:
        """Return what `of_installation` will, having read the rows if need be. Raises Unavailable."""
        while self._installation is None:
            await self._once(INSTALLATION)
        return self.of_installation()

    def of(self, organisation_id: OrganisationId) -> T:
        """Return what holds in an organisation now. Raises NotLoaded."""
        entry = self._entries.get(organisation_id)
        everyone = self._installation
        if entry is None or everyone is None:
            raise NotLoaded
        self._entries.move_to_end(organisation_id)
        if entry.merged_with != everyone.revision:
            entry.merged, entry.merged_with = self._merge(everyone.rows, entry.own.rows), everyone.revision
        return entry.merged

    def of_installation(self) -> T:
        """Return what holds where no organisation says otherwise. Raises NotLoaded."""
        if self._everyone is None:
            raise NotLoaded
        return self._everyone

    async def _once(self, organisation_id: OrganisationId) -> None:
        """Read an organisation's rows; who asks for the same at the same time shares the answer."""
        task = self._loading.get(organisation_id)
        if task is None:
            task = self._loading[organisation_id] = asyncio.create_task(self._load_and_keep(organisation_id))
            task.add_done_callback(lambda _done: self._loading.pop(organisation_id, None))
        await asyncio.shield(task)

    async def _load_and_keep(self, organisation_id: OrganisationId) -> None:
        async with self._changes.database.transaction(
            organisation_id, priority=Priority.CRITICAL, prepares=False
        ) as tx:
            # The number first: rows that change in between are then read again, for nothing at worst.
            revision = await tx.fetchval("select revision from live_change where organisation_id = $1", organisation_id)
            rows = _Rows(await self._read(tx), revision or 0)
        self._keep(organisation_id, rows)

    def _keep(self, organisation_id: OrganisationId, rows: _Rows[R]) -> None:
        if (known := self._revision(organisation_id)) is not None and known > rows.revision:
            return
        if organisation_id == INSTALLATION:
            self._installation, self._everyone = rows, self._merge(rows.rows, None)
            return
        everyone = self._installation
        if everyone is None:
            raise NotLoaded
        self._entries[organisation_id] = _Entry(rows, self._merge(everyone.rows, rows.rows), everyone.revision)
        self._entries.move_to_end(organisation_id)
        while len(self._entries) > self._most:
            self._entries.popitem(last=False)

    async def _refresh(self, seen: Mapping[OrganisationId, int]) -> None:
        """Read again whatever is kept in another revision than `seen`, and what could not be read before."""
        self._outdated |= {one for one, revision in seen.items() if self._revision(one) not in (None, revision)}
        # What is being read just now may have been read before the change.
        for one in [one for one in seen if one in self._loading]:
            await asyncio.wait({self._loading[one]})
            if self._revision(one) not in (None, seen[one]):
                self._outdated.add(one)
        for one in list(self._outdated):
            if self._revision(one) is not None:
                await self._load_and_keep(one)
            self._outdated.discard(one)

    def _revision(self, organisation_id: OrganisationId) -> int | None:
        """Return the revision of what is kept, None when nothing is."""
        if organisation_id == INSTALLATION:
            return None if self._installation is None else self._installation.revision
        entry = self._entries.get(organisation_id)
        return None if entry is None else entry.own.revision
