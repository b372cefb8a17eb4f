"""
The cache for one organisation: nothing is served that is known, or could be unknown, to be old.

A value is served when the epochs of its tags are the ones that were read before it was loaded, as far as this process
has known for at most two seconds. What is served past its time is made anew in a transaction of its own. Values hold no
rights: who may see one is asked before, each time, and recorded.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from healthprotocol.foundation.cache import early
from healthprotocol.foundation.cache.entry import Entry, Name, Place, made
from healthprotocol.foundation.cache.epochs import see
from healthprotocol.foundation.cache.flights import MOST_WAITERS, WAIT_SECONDS, Flight
from healthprotocol.foundation.cache.node import CHANGED, CacheNode
from healthprotocol.foundation.cache.shared import Refused, SharedLevel
from healthprotocol.foundation.cache.spec import CacheSpec, require_tag
from healthprotocol.foundation.cache.unit import Unit
from healthprotocol.foundation.telemetry import metrics

R = TypeVar("R")
Load = Callable[[Any], Awaitable[R]]

# How long a process waits for another one's load, and how often it looks.
_OTHERS_SECONDS = 1.0
_LOOK_SECONDS = 0.02
# Where a transaction remembers the loads that it is in the middle of, and what they have turned out to depend on.
_FRAMES = "cache.frames"


class TenantCache:
    """The cache for one organisation, and within a transaction when there is one."""

    def __init__(self, cache: CacheNode, organisation_id: UUID, unit: Unit | None) -> None:
        self._cache = cache
        self._organisation_id = organisation_id
        self._unit = unit

    async def get(self, spec: CacheSpec[Any], key: Any, load: Load[R], *, tags: Sequence[str] = ()) -> R:
        """
        Return the value of `key`, from the cache or from `load`, which is given a transaction to read in.

        `load` must depend on the key alone: not on who asks, nor on anything that this transaction has not committed.
        It returns None for "there is none", and writes nothing. `tags` name what the value depends on; those of values
        that the load itself gets from the cache are added. Values are shared: they must not be changed.

        Raises what `load` raises. A transaction that has changed one of the tags, or a request that asked to be
        answered past the cache, loads for itself.
        """
        asked = _Asked(
            place=Place(self._organisation_id, spec.name, spec.version, key),
            spec=spec,
            load=load,
            names=tuple((self._organisation_id, one) for one in tags),
        )
        entry = await self._got(asked)
        self._depend_on(entry.epochs)
        return entry.value

    async def get_many(
        self,
        spec: CacheSpec[Any],
        keys: Iterable[Any],
        load: Callable[[Any, list[Any]], Awaitable[Mapping[Any, R]]],
    ) -> dict[Any, R]:
        """
        Return the values of many keys; those not in memory come from one call of `load`, which may leave some out.

        For what never changes: there are no tags, and several may load the same at the same time.
        """
        self._require_unit()
        found: dict[Any, R] = {}
        missing: list[Any] = []
        is_past = self._is_past(())
        for key in dict.fromkeys(keys):
            entry = None if is_past else self._cache.memory.get(self._place(spec, key))
            if entry is None or not _is_young(spec, entry):
                missing.append(key)
            else:
                metrics.cache_event(spec.name, "hit_memory")
                found[key] = entry.value
        if missing:
            found.update(await self._load_many(spec, missing, load))
        return found

    def forget(self, spec: CacheSpec[Any], key: Any) -> None:
        """Have this process load a value again when it is next asked for; for what only this process knows of."""
        self._cache.memory.drop(self._place(spec, key))

    @property
    def _holds(self) -> bool:
        """Whether this caller holds a connection of the primary, on which it can load and ask."""
        return self._unit is not None and not self._unit.may_lag

    @property
    def _redis_seconds(self) -> float:
        options = self._cache.options
        return options.redis_seconds if self._unit is None else options.redis_held_seconds

    def _place(self, spec: CacheSpec[Any], key: Any) -> Place:
        return Place(self._organisation_id, spec.name, spec.version, key)

    def _require_unit(self) -> Unit:
        if self._unit is None:
            raise RuntimeError("many values are loaded within a transaction")
        return self._unit

    async def _load_many(
        self, spec: CacheSpec[Any], keys: list[Any], load: Callable[[Any, list[Any]], Awaitable[Mapping[Any, R]]]
    ) -> Mapping[Any, R]:
        unit = self._require_unit()
        seen = await see(unit, ())
        begun = time.monotonic()
        loaded = await load(unit, keys)
        cost = (time.monotonic() - begun) / max(1, len(loaded))
        for key, value in loaded.items():
            metrics.cache_event(spec.name, "load")
            if not seen.has_written and (spec.keep is None or spec.keep(value)):
                entry, _ = made(value, epochs={}, made_at=begun, cost_seconds=cost)
                self._cache.remember(spec, self._place(spec, key), entry)
        return loaded

    def _is_past(self, names: Sequence[Name]) -> bool:
        if self._unit is None:
            return False
        changed = self._unit.pending.get(CHANGED, ())
        return self._unit.context.is_past_caches or any(one in changed for _, one in names)

    async def _got(self, asked: "_Asked") -> Entry:
        if self._is_past(asked.names):
            metrics.cache_event(asked.spec.name, "bypass")
            return await self._make(asked)
        entry = self._cache.memory.get(asked.place)
        if entry is not None and await self._may_serve(asked, entry):
            return self._served(asked, entry, "hit_memory")
        metrics.cache_event(asked.spec.name, "miss")
        return await self._fetched(asked)

    async def _fetched(self, asked: "_Asked", *, newer_than: float = float("-inf")) -> Entry:
        """Return the value from whoever loads it now, from Redis, or from a load of our own."""
        deadline = time.monotonic() + WAIT_SECONDS
        while (flight := self._cache.flights.get(asked.place, holds=self._holds)) is not None:
            left = deadline - time.monotonic()
            if left <= 0 or flight.waiters >= MOST_WAITERS:
                metrics.cache_event(asked.spec.name, "crowded")
                return await self._make(asked)
            metrics.cache_event(asked.spec.name, "wait")
            entry = await flight.wait(seconds=left)
            # It may have been loaded before a change that this caller knows of.
            if entry is not None and await self._may_serve(asked, entry):
                return entry
        with self._cache.flights.lead(asked.place, holds=self._holds) as flight:
            return await self._lead(asked, flight, newer_than)

    async def _lead(self, asked: "_Asked", flight: Flight, newer_than: float) -> Entry:
        shared = self._cache.shared
        if shared is None or not asked.spec.shared:
            return await self._make(asked, flight)
        entry = await self._from_shared(shared, asked, newer_than)
        if entry is None and self._unit is not None:
            # Others need the connection that is held meanwhile: no other process is waited for, nor made to wait.
            return await self._make(asked, flight)
        if entry is None:
            try:
                token = await shared.lock(asked.place)
                if token is None:
                    entry = await self._from_another(shared, asked, newer_than)
            except Refused:
                token = None
            if entry is None:
                try:
                    return await self._make(asked, flight)
                finally:
                    if token is not None:
                        await shared.unlock(asked.place, token)
        self._cache.remember(asked.spec, asked.place, entry)
        flight.land(entry)
        return self._served(asked, entry, "hit_shared")

    async def _from_shared(self, shared: SharedLevel, asked: "_Asked", newer_than: float) -> Entry | None:
        entry = await shared.get(asked.spec, asked.place, timeout_seconds=self._redis_seconds)
        if entry is None or entry.made_at <= newer_than or not await self._may_serve(asked, entry):
            return None
        return entry

    async def _from_another(self, shared: SharedLevel, asked: "_Asked", newer_than: float) -> Entry | None:
        """Wait for what another process loads; None when it does not come in time. Raises Refused."""
        metrics.cache_event(asked.spec.name, "wait")
        deadline = time.monotonic() + _OTHERS_SECONDS
        while time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)
            is_locked = await shared.is_locked(asked.place)
            entry = await self._from_shared(shared, asked, newer_than)
            if entry is not None or not is_locked:
                return entry
        return None

    async def _make(self, asked: "_Asked", flight: Flight | None = None) -> Entry:
        if self._unit is not None and self._holds:
            return await self._make_in(self._unit, asked, flight)
        # What is kept is read where the newest is, once for all who ask: a replica may be behind.
        async with self._cache.units.transaction(self._organisation_id) as unit:
            return await self._make_in(unit, asked, flight)

    async def _make_in(self, unit: Unit, asked: "_Asked", flight: Flight | None) -> Entry:
        """Load a value, and keep it unless it may be of what this transaction has not committed."""
        for _, one in asked.names:
            require_tag(one)
        seen = await see(unit, asked.names)
        if seen.has_written and flight is not None:
            flight.land(None)
        frames = unit.pending.setdefault(_FRAMES, [])
        frames.append(dict(seen.epochs))
        begun = time.monotonic()
        try:
            value = await asked.load(unit)
        finally:
            epochs = frames.pop()
        metrics.cache_event(asked.spec.name, "load")
        cost = time.monotonic() - begun
        entry, body = made(value, epochs=epochs, made_at=begun, cost_seconds=cost)
        if seen.has_written:
            return entry
        is_kept = _is_kept(asked.spec, entry)
        if is_kept:
            # Of what is not kept nothing is remembered: strangers can ask for as much of that as they like.
            self._cache.learn(seen)
        if flight is not None:
            flight.land(entry)
        if is_kept:
            await self._keep(asked, entry, body)
        return entry

    async def _keep(self, asked: "_Asked", entry: Entry, body: bytes | None) -> None:
        spec = asked.spec
        # What is known to be old by now is not worth keeping.
        if self._cache.book.agrees(entry.epochs) is False:
            return
        self._cache.remember(spec, asked.place, entry)
        if self._cache.shared is not None and spec.shared:
            await self._cache.shared.put(spec, asked.place, entry, body, timeout_seconds=self._redis_seconds)

    async def _may_serve(self, asked: "_Asked", entry: Entry) -> bool:
        """Tell whether an entry is young enough and its tags have not changed, asking for epochs where needed."""
        if not _is_young(asked.spec, entry) or any(name not in entry.epochs for name in asked.names):
            return False
        book = self._cache.book
        agrees = book.agrees(entry.epochs)
        if agrees is None or (agrees and asked.spec.exact):
            await book.check(entry.epochs, self._ask, holds=self._holds or asked.spec.exact)
            agrees = book.agrees(entry.epochs)
        if entry.epochs:
            self._cache.keep_checking()
        return agrees is True

    async def _ask(self, names: Sequence[Name]) -> Sequence[int]:
        # On the connection that this caller holds anyway: to wait for another one could be to wait for ourselves. A
        # replica's is of no use for it.
        if self._unit is None or not self._holds:
            return await self._cache.ask_apart(names)
        return list((await see(self._unit, names)).epochs.values())

    def _served(self, asked: "_Asked", entry: Entry, how: str) -> Entry:
        fresh = asked.spec.fresh_seconds
        age = time.monotonic() - entry.made_at
        if entry.is_negative:
            how = "hit_negative"
        elif fresh is not None and early.is_due(age_seconds=age, cost_seconds=entry.cost_seconds, fresh_seconds=fresh):
            apart = TenantCache(self._cache, self._organisation_id, None)
            self._cache.refresh_soon(asked.place, lambda: apart._fetched(asked, newer_than=entry.made_at))
            if age >= fresh:
                how = "hit_stale"
        metrics.cache_event(asked.spec.name, how)
        return entry

    def _depend_on(self, epochs: Mapping[Name, int]) -> None:
        """Make what is being loaded around this depend on it too."""
        if self._unit is None:
            return
        for frame in self._unit.pending.get(_FRAMES, ()):
            for name, epoch in epochs.items():
                # Two states of one tag in one value: no epoch is negative, so this one never agrees.
                frame[name] = epoch if frame.get(name, epoch) == epoch else -1


class _Asked(msgspec.Struct, frozen=True, eq=False):
    """What a caller wants."""

    place: Place
    spec: CacheSpec[Any]
    load: Load[Any]
    names: tuple[Name, ...]


def _is_kept(spec: CacheSpec[Any], entry: Entry) -> bool:
    if entry.is_negative:
        return spec.negative_seconds is not None
    return spec.keep is None or spec.keep(entry.value)


def _is_young(spec: CacheSpec[Any], entry: Entry) -> bool:
    return spec.is_alive(age_seconds=time.monotonic() - entry.made_at, is_negative=entry.is_negative)
