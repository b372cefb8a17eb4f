"""
How often keys were asked for of late, in a few bytes each: a count-min sketch that ages.

Source: Einziger, Friedman, Manes: TinyLFU, ACM Transactions on Storage 13(4), 2017.
"""

from collections.abc import Hashable

_ROWS = 4
# As in the paper and in Caffeine.
_PER_ENTRY = 10
_FEWEST = 64
# The golden ratio: it spreads what hashes of small numbers leave close together.
_MIX = 0x9E3779B97F4A7C15
_MOST = 15
_WIDTHS = tuple(2**power for power in range(4, 17))
_HALVED = bytes(count // 2 for count in range(256))


class FrequencySketch:
    """Estimates from 0 to 15, too high only by chance. Every so often all are halved (see `fit`): it forgets."""

    def __init__(self, width: int = 16_384) -> None:
        if width not in _WIDTHS:
            raise ValueError("the width is a power of two from 16 to 65,536")
        self._mask = width - 1
        self._rows = tuple(bytearray(width) for _ in range(_ROWS))
        self._left = self._period = _PER_ENTRY * width

    def fit(self, entries: int) -> None:
        """Halve the counts after ten times as many requests as there are entries: that much past tells what is next."""
        self._period = _PER_ENTRY * max(_FEWEST, min(entries, self._mask + 1))
        self._left = min(self._left, self._period)

    def count(self, key: Hashable) -> None:
        """Say that a key was asked for."""
        # Written out: every read of the cache comes by here.
        mixed, mask = hash(key) * _MIX, self._mask
        first, second, third, fourth = self._rows
        a, b, c, d = mixed & mask, mixed >> 16 & mask, mixed >> 32 & mask, mixed >> 48 & mask
        # Conservative: only the smallest counters grow, so that others' counts are disturbed less.
        smallest = min(first[a], second[b], third[c], fourth[d])
        if smallest < _MOST:
            for row, place in ((first, a), (second, b), (third, c), (fourth, d)):
                if row[place] == smallest:
                    row[place] = smallest + 1
        self._left -= 1
        if self._left <= 0:
            self._left = self._period
            self._rows = tuple(bytearray(row.translate(_HALVED)) for row in self._rows)

    def estimate(self, key: Hashable) -> int:
        """Return about how often a key was asked for."""
        mixed = hash(key) * _MIX
        return min(row[(mixed >> shift) & self._mask] for row, shift in zip(self._rows, (0, 16, 32, 48), strict=True))
