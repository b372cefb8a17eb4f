"""
Loans that are not used any more: told of after a while, with who holds them, and ended at last.

Not the length of a loan makes it a leak, but its silence: work that goes on sends statements. PostgreSQL itself ends a
transaction that is idle for a minute; the pool then finds the connection dead in somebody's hands.
"""

from collections.abc import Iterable

import msgspec
import structlog

from healthprotocol.foundation.db.pool.lending import Holding, Lease, holding
from healthprotocol.foundation.db.pool.limits import PoolLimits

MOST_TOLD = 20
# A loan whose task is over will never be given back; a moment is left to callbacks of that task.
_AFTER_END_SECONDS = 2.0

log = structlog.get_logger("pool")


class _Seen(msgspec.Struct):
    """What a sweep saw of a loan: how many statements, since when no more of them, and whether it was told."""

    statements: int
    quiet_since: float
    was_told: bool = False


class LeakWatch:
    """Looks at all loans about once a second; a loan that is shorter than that is never seen."""

    def __init__(self, limits: PoolLimits) -> None:
        self._limits = limits
        self._seen: dict[Lease, _Seen] = {}

    def sweep(self, lent: Iterable[Lease], now: float, counts: dict[str, int]) -> list[Lease]:
        """Note which loans moved, tell of those that are silent, and return those that must be ended."""
        over: list[Lease] = []
        before, self._seen = self._seen, {}
        for lease in lent:
            statements = _statements(lease)
            seen = before.get(lease)
            if seen is None or seen.statements != statements:
                seen = _Seen(statements, now)
            self._seen[lease] = seen
            quiet = now - seen.quiet_since
            if self._is_over_for_good(lease, quiet):
                counts["leaks_reclaimed"] += 1
                _tell("pool.leak_reclaimed", holding(lease, now, quiet_seconds=quiet))
                over.append(lease)
            elif quiet > self._limits.leak_told + lease.patience and not seen.was_told:
                seen.was_told = True
                counts["leaks_told"] += 1
                _tell("pool.leak_suspected", holding(lease, now, quiet_seconds=quiet))
        return over

    def told(self, now: float) -> tuple[Holding, ...]:
        """Return the loans that were told of and go on, at most 20."""
        found = [(lease, seen) for lease, seen in self._seen.items() if seen.was_told and not lease.is_over]
        return tuple(holding(lease, now, quiet_seconds=now - seen.quiet_since) for lease, seen in found[:MOST_TOLD])

    def _is_over_for_good(self, lease: Lease, quiet: float) -> bool:
        if (lease.task is not None and lease.task.done()) or lease.connection.is_closed():
            return quiet > _AFTER_END_SECONDS
        return quiet > self._limits.leak_reclaimed + lease.patience


def _statements(lease: Lease) -> int:
    # asyncpg counts the statements of a connection for its own pool; there is no public name for the number.
    protocol = getattr(lease.connection, "_protocol", None)
    return getattr(protocol, "queries_count", 0)


def _tell(event: str, held: Holding) -> None:
    log.warning(event, **msgspec.to_builtins(held))
