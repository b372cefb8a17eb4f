"""What the control rule is told: sums since its last look, kept by whoever lends."""

import math

from healthprotocol.foundation.db.pool.control import Seen


class Sensing:
    """Waits, use and pulses since the last look; a handful of additions for each loan."""

    __slots__ = ("best_pulse", "ended", "most_used", "pulse_sum", "pulses", "served", "short", "waited")

    def __init__(self) -> None:
        self._clear(0)

    def feel(self, seconds: float) -> None:
        """Add one pulse."""
        self.pulses += 1
        self.pulse_sum += seconds
        self.best_pulse = min(self.best_pulse, seconds)

    def look(self, now: float, *, oldest_since: float | None, lent: int) -> Seen:
        """Return what was seen since the last look, and begin anew."""
        mean = self.waited / self.served if self.served else 0.0
        seen = Seen(
            at=now,
            wait=max(mean, now - oldest_since) if oldest_since is not None else mean,
            short=self.short,
            most_used=self.most_used,
            pulses=self.pulses,
            pulse=self.pulse_sum / self.pulses if self.pulses else 0.0,
            best_pulse=self.best_pulse if self.pulses else None,
        )
        self._clear(lent)
        return seen

    def _clear(self, lent: int) -> None:
        self.waited, self.served, self.ended, self.short, self.most_used = 0.0, 0, 0, 0, lent
        self.pulses, self.pulse_sum, self.best_pulse = 0, 0.0, math.inf
