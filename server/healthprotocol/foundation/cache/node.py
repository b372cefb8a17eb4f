"""What the caches of a process share: memory, Redis, the epochs it believes, loads under way, word of changes."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any

import msgspec
import structlog

from healthprotocol.foundation.cache import changes
from healthprotocol.foundation.cache.entry import Entry, Name, Place
from healthprotocol.foundation.cache.epochs import AT_ONCE, BOUND_SECONDS, CAPACITY, EpochBook, Seen, see
from healthprotocol.foundation.cache.flights import Flights
from healthprotocol.foundation.cache.memory import MemoryLevel
from healthprotocol.foundation.cache.shared import HELD_TIMEOUT_SECONDS, TIMEOUT_SECONDS, SharedLevel
from healthprotocol.foundation.cache.spec import CacheSpec, require_tag
from healthprotocol.foundation.cache.unit import Ear, Unit, Units
from healthprotocol.foundation.crypto.sealing import Sealer
from healthprotocol.foundation.errors import Problem
from healthprotocol.foundation.telemetry import metrics

MEBIBYTE = 1024 * 1024
MOST_REFRESHES = 4
SWEEP_SECONDS = 10.0

# Where a transaction remembers the tags that it changed, and those of them whose epochs are still to be changed.
CHANGED = "cache.changed"
_TO_BUMP = "cache.to_bump"

log = structlog.get_logger("cache")


class CacheOptions(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a process's cache may take and reach.

    `listens`: it hears what other processes change, on the listening connection. Without it a change elsewhere is
    noticed within `bound_seconds` all the same. What is too old to be served leaves the memory within `sweep_seconds`.
    Redis is given `redis_seconds` for an answer, and `redis_held_seconds` by who holds a connection of PostgreSQL
    meanwhile.
    """

    memory_bytes: int = 64 * MEBIBYTE
    redis_url: str | None = None
    listens: bool = False
    bound_seconds: float = BOUND_SECONDS
    sweep_seconds: float = SWEEP_SECONDS
    redis_seconds: float = TIMEOUT_SECONDS
    redis_held_seconds: float = HELD_TIMEOUT_SECONDS


class CacheNode:
    """A process among those that cache."""

    def __init__(self, units: Units, *, ear: Ear, sealer: Callable[[], Sealer], options: CacheOptions) -> None:
        self.options = options
        self.book = EpochBook(bound_seconds=options.bound_seconds)
        self.memory = MemoryLevel(options.memory_bytes)
        self.flights = Flights()
        self.shared = None
        if options.redis_url is not None:
            self.shared = SharedLevel(options.redis_url, sealer(), timeout_seconds=options.redis_seconds)
        self.units = units
        self._ear = ear
        self._teller = changes.Teller(units, also=None if self.shared is None else self.shared.tell)
        # Of the tags learnt last, as many as are believed. What is not among them ends by its time.
        self._marks: OrderedDict[bytes, Name] = OrderedDict()
        self._refreshing: set[Place] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_listening = False
        self._is_checking = False
        self._is_sweeping = False

    def invalidate(self, unit: Unit, tags: Iterable[str]) -> None:
        """See `Transaction.invalidate`."""
        named = [require_tag(one) for one in tags]
        if not named:
            return
        changed = unit.pending.setdefault(CHANGED, [])
        if not changed:
            unit.after_commit(lambda: self._tell(unit))
        changed.extend(one for one in named if one not in changed)
        waiting = unit.pending.get(_TO_BUMP)
        if waiting is None:
            unit.pending[_TO_BUMP] = list(dict.fromkeys(named))
            unit.before_commit(lambda: changes.bump(unit, unit.pending.pop(_TO_BUMP)))
        else:
            waiting.extend(one for one in named if one not in waiting)

    def listen(self) -> None:
        """Begin to hear what others change, if this process is to. The same again does nothing."""
        if self._is_listening or not self.options.listens:
            return
        self._is_listening = True
        self.spawn(self._hear())
        if self.shared is not None:
            self.spawn(self.shared.hear(heard=self._heard_marks, lost=self.book.lost))

    async def close(self) -> None:
        """Say what is to be said, end what runs, and let Redis go."""
        await self._teller.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.shared is not None:
            await self.shared.close()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something behind the requests; it is cancelled when the cache is closed."""
        task = asyncio.create_task(work, name="cache")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def remember(self, spec: CacheSpec[Any], place: Place, entry: Entry) -> None:
        """Keep a value in memory, where there is room, for as long as it may be served."""
        self.memory.put(spec, place, entry)
        if not self._is_sweeping:
            self._is_sweeping = True
            self.spawn(self._keep_sweeping())

    async def _keep_sweeping(self) -> None:
        # Nobody asks for what is dead, so nobody would drop it: it could be somebody's name.
        try:
            while len(self.memory):
                await asyncio.sleep(self.options.sweep_seconds)
                self.memory.drop_dead(now=time.monotonic())
        finally:
            self._is_sweeping = False

    def keep_checking(self) -> None:
        """Ask for the epochs of tags in use before they are no longer believed, as long as any are in use."""
        if not self._is_checking:
            self._is_checking = True
            self.spawn(self._keep_checking())

    async def _keep_checking(self) -> None:
        try:
            await asyncio.sleep(self.book.bound_seconds / 2)
            while names := self.book.in_use():
                for start in range(0, len(names), AT_ONCE):
                    await self._check(names[start : start + AT_ONCE])
                await asyncio.sleep(self.book.bound_seconds / 2)
        finally:
            self._is_checking = False

    async def _check(self, names: Sequence[Name]) -> None:
        try:
            await self.book.check(names, self.ask_apart)
        except Problem:
            # Whoever needs to know meanwhile asks for herself.
            metrics.cache_trouble("check_failed")

    async def ask_apart(self, names: Sequence[Name]) -> list[int]:
        """Return the epochs of tags, read in a transaction of our own."""
        async with self.units.transaction(None) as unit:
            return list((await see(unit, names)).epochs.values())

    def refresh_soon(self, place: Place, refresh: Callable[[], Awaitable[object]]) -> None:
        """Make a value anew behind the requests, unless that is under way or much else is."""
        if place in self._refreshing or len(self._refreshing) >= MOST_REFRESHES:
            return
        self._refreshing.add(place)

        async def run() -> None:
            try:
                await refresh()
                metrics.cache_event(place.name, "refresh")
            except Problem as problem:
                metrics.cache_trouble("refresh_failed")
                log.warning("cache.refresh_failed", cache=place.name, error=type(problem).__name__)
            except Exception:
                metrics.cache_trouble("refresh_failed")
                log.exception("cache.refresh_failed", cache=place.name)
            finally:
                self._refreshing.discard(place)

        self.spawn(run())

    def learn(self, seen: Seen) -> None:
        """Believe what a transaction saw; from the first time on, hear of its changes."""
        self.listen()
        self.book.learn(seen.epochs, asked_at=seen.asked_at)
        if self.shared is not None and self._is_listening:
            for name in seen.epochs:
                mark = self.shared.mark(name)
                self._marks[mark] = name
                self._marks.move_to_end(mark)
            while len(self._marks) > CAPACITY:
                self._marks.popitem(last=False)

    async def _tell(self, unit: Unit) -> None:
        names = [(unit.tenant, one) for one in unit.pending.pop(CHANGED)]
        self.book.heard(names)
        self._teller.tell(names)

    async def _hear(self) -> None:
        try:
            await self._ear.subscribe(changes.CHANNEL, heard=self._heard, lost=self.book.lost)
        except Problem:
            # The subscription stands, and is made once there is a connection.
            log.warning("cache.not_listening")

    def _heard(self, payload: str) -> None:
        names = self._teller.understood(payload)
        if names is None:
            # A later version speaks otherwise: then anything may have changed.
            self.book.lost()
        else:
            self.book.heard(names)

    def _heard_marks(self, marks: list[bytes]) -> None:
        self.book.heard([self._marks[mark] for mark in marks if mark in self._marks])
