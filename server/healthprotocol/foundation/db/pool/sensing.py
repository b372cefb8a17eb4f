"""What the control rule is told: sums since its last look, kept by whoever lends."""

import math

from healthprotocol.foundation.db.pool.control import Seen

# A single pulse says no more than that it was slow: how slow is often the work of one stall, here or over there. So
# that the mean tells of a crowd, most of them must be slow.
_SLOWEST_ABOVE_BEST = 0.005


class Sensing:
    """Waits, use and pulses since the last look; a handful of additions for each loan."""

    __slots__ = ("best_pulse", "ended", "most_used", "pulse_sum", "pulses", "served", "short", "slowest", "waited")

    def __init__(self) -> None:
        self.slowest = math.inf
        self._clear(0)

    def feel(self, seconds: float) -> None:
        """Add one pulse."""
        self.pulses += 1
        self.pulse_sum += min(seconds, self.slowest)
        self.best_pulse = min(self.best_pulse, seconds)

    def look(self, now: float, *, oldest_since: float | None, lent: int, late: float = 0.0) -> Seen:
        """
        Return what was seen since the last look, and begin anew.

        `late` are the seconds by which this look itself came late: so long this process had something else to do, which
        made its pulses seem slower than they were.
        """
        mean = self.waited / self.served if self.served else 0.0
        seen = Seen(
            at=now,
            wait=max(mean, now - oldest_since) if oldest_since is not None else mean,
            short=self.short,
            most_used=self.most_used,
            pulses=self.pulses,
            pulse=max(self.best_pulse, self.pulse_sum / self.pulses - late) if self.pulses else 0.0,
            best_pulse=self.best_pulse if self.pulses else None,
        )
        if self.pulses:
            self.slowest = self.best_pulse + _SLOWEST_ABOVE_BEST
        self._clear(lent)
        return seen

    def _clear(self, lent: int) -> None:
        self.waited, self.served, self.ended, self.short, self.most_used = 0.0, 0, 0, 0, lent
        self.pulses, self.pulse_sum, self.best_pulse = 0, 0.0, math.inf
