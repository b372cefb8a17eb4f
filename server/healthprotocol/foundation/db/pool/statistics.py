"""What the pool has seen: waits as a histogram of fixed size over the last minute, and counts since its start."""

from bisect import bisect_left
from typing import Any

import msgspec

from healthprotocol.foundation.db.pool.lending import Holding

# Upper ends of the waits' buckets in seconds: a factor of two each, from a tenth of a millisecond to 52 s.
_BUCKETS = tuple(0.0001 * 2**power for power in range(20))
_WINDOW_SECONDS = 30.0


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """
    The pool at one moment. `limit` is how many may be lent at once, `bound` the most that the limit may become.

    Waits are of the last minute, in seconds, and at most a factor of two above the truth. Counts are since the start.
    """

    limit: int
    bound: int
    open: int
    idle: int
    lent: int
    opening: int
    waiting: int
    wait_p50: float
    wait_p99: float
    pulse: float
    is_crowded: bool
    counts: dict[str, int]
    holdings: tuple[Holding, ...] = ()

    @property
    def states(self) -> dict[str, int]:
        """How many connections are in each state."""
        return {"open": self.open, "idle": self.idle, "lent": self.lent, "opening": self.opening}


COUNTS = (
    "granted",
    "refused_full",
    "refused_late",
    "refused_shed",
    "refused_hopeless",
    "refused_unreachable",
    "refused_closed",
    "opened",
    "open_failed",
    "lost",
    "retired",
    "surplus",
    "leaks_told",
    "leaks_reclaimed",
    "grew",
    "shrank",
    "turned",
)


class Waits:
    """A histogram over the last half to full minute: two halves, of which the older is forgotten."""

    def __init__(self) -> None:
        self.now = [0] * (len(_BUCKETS) + 1)
        self._before = [0] * (len(_BUCKETS) + 1)
        self._since = 0.0

    def add(self, seconds: float) -> None:
        """Count a wait."""
        self.now[bisect_left(_BUCKETS, seconds)] += 1

    def turn(self, at: float) -> None:
        """Forget what is older than a minute."""
        if at - self._since > _WINDOW_SECONDS:
            self._before, self.now, self._since = self.now, [0] * len(self.now), at

    def quantile(self, share: float) -> float:
        """Return the upper end of the bucket that holds the quantile; 0.0 when nobody waited at all."""
        both = [one + other for one, other in zip(self.now, self._before, strict=True)]
        left = share * sum(both)
        for index, number in enumerate(both):
            left -= number
            if left <= 0:
                return _BUCKETS[min(index, len(_BUCKETS) - 1)] if index else 0.0
        return _BUCKETS[-1]


def fresh_counts() -> dict[str, Any]:
    """Return every count at zero."""
    return dict.fromkeys(COUNTS, 0)
