"""What a look at this process's health finds."""

from datetime import datetime

import msgspec

from healthprotocol.foundation.db.pool.statistics import Figures


class Finding(msgspec.Struct, frozen=True):
    """
    One part: whether it does its work, and how long the answer took. `error` is a type and places, never a value.

    A part that is not `is_needed` makes things slower when it is away, never wrong. `seen_at` is when it last answered,
    None when this process never saw it, or does not remember.
    """

    component: str
    is_well: bool
    seconds: float
    error: str | None = None
    is_needed: bool = True
    seen_at: datetime | None = None


class Health(msgspec.Struct, frozen=True):
    """All parts together, at one moment."""

    findings: tuple[Finding, ...]

    @property
    def is_ready(self) -> bool:
        """Whether requests can be answered: by every part that they need."""
        return all(finding.is_well for finding in self.findings if finding.is_needed)


class PoolOfProcess(msgspec.Struct, frozen=True):
    """The connections of one process of this installation."""

    pid: int
    figures: Figures
