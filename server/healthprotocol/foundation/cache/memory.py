"""
The level in the process: bounded by bytes, in all and for each spec, and closed to what comes by only once.

Each spec has a small window that takes everything and a main part behind it, both least recently used. What leaves the
window enters the main part only when it was asked for more often than what would have to go: a scan passes through the
window and leaves the main part as it was (W-TinyLFU, see `sketch`).
"""

from collections.abc import Iterator
from typing import Any

from cachebox import LRUCache

from healthprotocol.foundation.cache.entry import Entry, Place
from healthprotocol.foundation.cache.sketch import FrequencySketch
from healthprotocol.foundation.cache.spec import CacheSpec
from healthprotocol.foundation.telemetry import metrics

WINDOW_SHARE = 0.1


class MemoryLevel:
    """Entries by place. `capacity_bytes` bounds the sum of what they are believed to take."""

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity_bytes = capacity_bytes
        self._sketch = FrequencySketch()
        self._segments: dict[str, _Segment] = {}

    @property
    def size_bytes(self) -> int:
        """What all entries take together."""
        return sum(segment.size_bytes for segment in self._segments.values())

    def __len__(self) -> int:
        return sum(len(segment) for segment in self._segments.values())

    def get(self, place: Place) -> Entry | None:
        """Return the entry of a place, and count that it was asked for."""
        self._sketch.count(place)
        segment = self._segments.get(place.name)
        return None if segment is None else segment.get(place)

    def put(self, spec: CacheSpec[Any], place: Place, entry: Entry) -> None:
        """Keep an entry, unless it is too large or asked for too seldom for what it would drive out."""
        segment = self._segments.get(spec.name)
        if segment is None:
            segment = self._segments[spec.name] = _Segment(spec, self._capacity_bytes, self._sketch)
        segment.put(place, entry)
        # Shares may add up to more than the whole: then the spec that exceeds most of its share gives way.
        while self.size_bytes > self._capacity_bytes:
            max(self._segments.values(), key=lambda one: one.fullness).evict()
        self._sketch.fit(len(self))
        metrics.cache_holds(spec.name, size_bytes=segment.size_bytes, entries=len(segment))

    def drop(self, place: Place) -> None:
        """Forget a place."""
        segment = self._segments.get(place.name)
        if segment is not None:
            segment.drop(place)

    def drop_dead(self, *, now: float) -> None:
        """Forget what is too old to be served at all by the monotonic instant `now`."""
        for name, segment in self._segments.items():
            segment.drop_dead(now)
            metrics.cache_holds(name, size_bytes=segment.size_bytes, entries=len(segment))

    def clear(self) -> None:
        """Forget everything."""
        self._segments.clear()


class _Segment:
    """The entries of one spec."""

    def __init__(self, spec: CacheSpec[Any], whole_bytes: int, sketch: FrequencySketch) -> None:
        self._name = spec.name
        self._spec = spec
        self._capacity_bytes = int(whole_bytes * spec.share)
        self._window_bytes = int(self._capacity_bytes * WINDOW_SHARE)
        self._main_bytes = self._capacity_bytes - self._window_bytes
        self._sketch = sketch
        # Unbounded by themselves: the bytes are counted here, so that what leaves is seen and can be let in again.
        self._window: LRUCache[Place, Entry] = LRUCache(0)
        self._main: LRUCache[Place, Entry] = LRUCache(0)
        self._in_window = 0
        self._in_main = 0

    @property
    def size_bytes(self) -> int:
        return self._in_window + self._in_main

    @property
    def fullness(self) -> float:
        return self.size_bytes / max(1, self._capacity_bytes)

    def __len__(self) -> int:
        return len(self._window) + len(self._main)

    def get(self, place: Place) -> Entry | None:
        return self._main.get(place, None) or self._window.get(place, None)

    def put(self, place: Place, entry: Entry) -> None:
        if place in self._main:
            # What is asked for keeps its rank when it is made anew.
            self._in_main -= self._main.pop(place).size_bytes
            self._insert_into_main(place, entry)
            return
        self.drop(place)
        self._window.insert(place, entry)
        self._in_window += entry.size_bytes
        for candidate in self._leaving_the_window():
            self._insert_into_main(*candidate)

    def drop(self, place: Place) -> None:
        if (entry := self._window.pop(place, None)) is not None:
            self._in_window -= entry.size_bytes
        if (entry := self._main.pop(place, None)) is not None:
            self._in_main -= entry.size_bytes

    def drop_dead(self, now: float) -> None:
        dead = [
            place
            for part in (self._window, self._main)
            for place, entry in part.items()
            if not self._spec.is_alive(age_seconds=now - entry.made_at, is_negative=entry.is_negative)
        ]
        for place in dead:
            self.drop(place)

    def evict(self) -> None:
        """Drop what was not asked for the longest."""
        if self._main:
            self._in_main -= self._main.popitem()[1].size_bytes
        else:
            self._in_window -= self._window.popitem()[1].size_bytes
        metrics.cache_event(self._name, "eviction")

    def _leaving_the_window(self) -> Iterator[tuple[Place, Entry]]:
        while self._in_window > self._window_bytes:
            place, entry = self._window.popitem()
            self._in_window -= entry.size_bytes
            yield place, entry

    def _insert_into_main(self, place: Place, entry: Entry) -> None:
        if entry.size_bytes > self._main_bytes:
            metrics.cache_event(self._name, "reject")
            return
        wanted = self._sketch.estimate(place)
        while self._in_main + entry.size_bytes > self._main_bytes:
            victim = self._main.least_recently_used()
            if victim is None or self._sketch.estimate(victim) >= wanted:
                metrics.cache_event(self._name, "reject")
                return
            self.evict()
        self._main.insert(place, entry)
        self._in_main += entry.size_bytes
