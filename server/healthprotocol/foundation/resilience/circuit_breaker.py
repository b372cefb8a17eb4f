"""A dependency that keeps failing is left alone for a while, and then tried by one caller, not by all."""

import time
from collections.abc import Callable


class CircuitBreaker:
    """
    Opens after `failures` in a row, for `open_seconds`; then lets one call through, whose outcome decides.

    Ask `allows` before a call, and tell `succeeded` or `failed` after it.
    """

    def __init__(self, *, failures: int, open_seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most_failures = failures
        self._open_seconds = open_seconds
        self._monotonic = monotonic
        self._failures = 0
        self._opens_again_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether calls are refused, but for a probe."""
        return self._failures >= self._most_failures

    def allows(self) -> bool:
        """Tell whether to call now. A probe that never reports back is given up after `open_seconds`."""
        if not self.is_open:
            return True
        now = self._monotonic()
        if now < self._opens_again_at:
            return False
        self._opens_again_at = now + self._open_seconds
        return True

    def succeeded(self) -> None:
        """Tell that a call went well: the dependency is trusted again."""
        self._failures = 0

    def failed(self) -> None:
        """Tell that a call failed."""
        self._failures += 1
        if self.is_open:
            self._opens_again_at = self._monotonic() + self._open_seconds
