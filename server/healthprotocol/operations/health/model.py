"""What a look at this process's health finds."""

import msgspec

from healthprotocol.foundation.db.pool.statistics import Figures


class Finding(msgspec.Struct, frozen=True):
    """One part: whether it does its work, and how long the answer took. `error` is a type and places, never a value."""

    component: str
    is_well: bool
    seconds: float
    error: str | None = None


class Health(msgspec.Struct, frozen=True):
    """All parts together, at one moment."""

    findings: tuple[Finding, ...]

    @property
    def is_ready(self) -> bool:
        """Whether requests can be answered: every part is needed."""
        return all(finding.is_well for finding in self.findings)


class PoolOfProcess(msgspec.Struct, frozen=True):
    """The connections of one process of this installation."""

    pid: int
    figures: Figures
