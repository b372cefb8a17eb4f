"""The level in the process: what it takes at most, and that what comes once does not drive out what comes often."""

import random
from collections.abc import Iterator
from itertools import accumulate
from statistics import fmean
from uuid import UUID

from cachebox import LRUCache

from healthprotocol.foundation.cache.entry import Entry, Place
from healthprotocol.foundation.cache.memory import MemoryLevel
from healthprotocol.foundation.cache.sketch import FrequencySketch
from healthprotocol.foundation.cache.spec import CacheSpec

ENTRY_BYTES = 1_000
SPEC: CacheSpec[str] = CacheSpec(name="thing", kind=str, share=1.0)
OTHER: CacheSpec[str] = CacheSpec(name="other", kind=str, share=0.5)


def place(key: object, spec: CacheSpec[str] = SPEC) -> Place:
    return Place(UUID(int=1), spec.name, 1, key)


def entry(size_bytes: int = ENTRY_BYTES) -> Entry:
    return Entry(value="v", is_negative=False, epochs={}, made_at=0.0, cost_seconds=0.0, size_bytes=size_bytes)


def asked(memory: MemoryLevel, key: object, spec: CacheSpec[str] = SPEC) -> bool:
    """Ask for a key, and put it there when it is not; tell whether it was."""
    found = memory.get(place(key, spec))
    if found is None:
        memory.put(spec, place(key, spec), entry())
    return found is not None


def least_recent(plain: LRUCache[object, bool], key: object) -> bool:
    """The same with a plain cache of the least recently used."""
    found = plain.get(key, False)
    plain.insert(key, True)
    return found


class TestBytes:
    def test_are_never_more_than_the_whole(self) -> None:
        memory = MemoryLevel(50 * ENTRY_BYTES)

        for number in range(1_000):
            asked(memory, number % 90, SPEC)
            asked(memory, number % 70, OTHER)
            assert memory.size_bytes <= 50 * ENTRY_BYTES

        assert memory.size_bytes > 40 * ENTRY_BYTES

    def test_of_one_kind_are_never_more_than_its_share(self) -> None:
        memory = MemoryLevel(50 * ENTRY_BYTES)

        for number in range(500):
            asked(memory, number % 60, OTHER)

        assert 20 * ENTRY_BYTES < memory.size_bytes <= 25 * ENTRY_BYTES

    def test_of_a_value_that_is_larger_than_its_place_drive_nothing_out(self) -> None:
        memory = MemoryLevel(50 * ENTRY_BYTES)
        for number in range(20):
            asked(memory, number)

        memory.put(SPEC, place("huge"), entry(60 * ENTRY_BYTES))

        assert memory.get(place("huge")) is None
        assert all(memory.get(place(number)) for number in range(15))

    def test_are_given_back_by_what_is_dropped_and_replaced(self) -> None:
        memory = MemoryLevel(50 * ENTRY_BYTES)
        memory.put(SPEC, place(1), entry())
        memory.put(SPEC, place(1), entry(2 * ENTRY_BYTES))
        before = memory.size_bytes

        memory.drop(place(1))

        assert (before, memory.size_bytes, len(memory)) == (2 * ENTRY_BYTES, 0, 0)


class TestScan:
    """Nine of ten requests are for a few hundred things by Zipf's law; then somebody lists everything, twice."""

    ENTRIES = 200

    def test_leaves_what_is_asked_for_often(self) -> None:
        quiet, scanned = MemoryLevel(self.ENTRIES * ENTRY_BYTES), MemoryLevel(self.ENTRIES * ENTRY_BYTES)
        plain: LRUCache[object, bool] = LRUCache(self.ENTRIES)

        without = [asked(quiet, key) for key, is_scan in trace() if not is_scan]
        with_ = [hit for hit, is_scan in [(asked(scanned, key), is_scan) for key, is_scan in trace()] if not is_scan]
        in_plain = [
            hit for hit, is_scan in [(least_recent(plain, key), is_scan) for key, is_scan in trace()] if not is_scan
        ]

        assert fmean(with_) > fmean(without) - 0.03
        assert fmean(with_) > fmean(in_plain) + 0.1

    def test_that_is_over_does_not_keep_new_things_out(self) -> None:
        memory = MemoryLevel(self.ENTRIES * ENTRY_BYTES)
        for key, _ in trace():
            asked(memory, key)

        new = [f"new-{number}" for number in range(50)]
        for _ in range(20):
            for key in new:
                asked(memory, key)

        assert sum(asked(memory, key) for key in new) >= 45


class TestSketch:
    def test_tells_often_from_seldom(self) -> None:
        sketch = FrequencySketch(width=1_024)
        for number in range(2_000):
            sketch.count(("seldom", number))
            if number % 100 == 0:
                sketch.count("often")

        assert sketch.estimate("often") >= 10
        assert sum(sketch.estimate(("never", number)) > 5 for number in range(1_000)) < 20

    def test_forgets(self) -> None:
        sketch = FrequencySketch(width=1_024)
        sketch.fit(64)
        for _ in range(15):
            sketch.count("once famous")
        before = sketch.estimate("once famous")
        for number in range(4_000):
            sketch.count(number % 3)

        assert (before, sketch.estimate("once famous")) == (15, 0)


def trace() -> Iterator[tuple[object, bool]]:
    """Keys, and whether they are of the scan: 20,000 requests, during which 5,000 things are listed, twice."""
    chance = random.Random(7)
    things = range(1_000)
    weights = list(accumulate(1 / (rank + 1) for rank in things))
    wanted = iter(chance.choices(things, cum_weights=weights, k=20_000))
    for number, key in enumerate(wanted):
        yield key, False
        if 5_000 <= number < 15_000:
            yield f"row-{number % 5_000}", True
