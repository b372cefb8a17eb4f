"""
Loans that are not used any more: told of after a while, with who holds them, and ended at last.

Not the length of a loan makes it a leak, but its silence: work that goes on sends statements. PostgreSQL itself ends a
transaction that is idle for a minute; the pool then finds the connection dead in somebody's hands.
"""

from collections.abc import Iterable

import msgspec
import structlog

from healthprotocol.foundation.db.pool.lending import Lease, holding
from healthprotocol.foundation.db.pool.limits import PoolLimits

MOST_TOLD = 20
# A loan whose task is over will never be given back; a moment is left to callbacks of that task.
_AFTER_END_SECONDS = 2.0

log = structlog.get_logger("pool")


def sweep(lent: Iterable[Lease], limits: PoolLimits, now: float, counts: dict[str, int]) -> list[Lease]:
    """Note which loans moved, tell of those that are silent, and return those that must be ended."""
    over: list[Lease] = []
    for lease in lent:
        statements = _statements(lease)
        if statements != lease.statements:
            lease.statements, lease.quiet_since = statements, now
        quiet = now - lease.quiet_since
        if _is_over_for_good(lease, quiet, limit=limits.leak_reclaimed):
            _tell("pool.leak_reclaimed", lease, now)
            counts["leaks_reclaimed"] += 1
            over.append(lease)
        elif quiet > limits.leak_told + lease.patience and not lease.was_told:
            lease.was_told = True
            counts["leaks_told"] += 1
            _tell("pool.leak_suspected", lease, now)
    return over


def _is_over_for_good(lease: Lease, quiet: float, *, limit: float) -> bool:
    if lease.task is not None and lease.task.done():
        return quiet > _AFTER_END_SECONDS
    if lease.connection.is_closed():
        return quiet > _AFTER_END_SECONDS
    return quiet > limit + lease.patience


def _statements(lease: Lease) -> int:
    # asyncpg counts the statements of a connection for its own pool; there is no public name for the number.
    protocol = getattr(lease.connection, "_protocol", None)
    return getattr(protocol, "queries_count", 0)


def _tell(event: str, lease: Lease, now: float) -> None:
    said = msgspec.to_builtins(holding(lease, now))
    log.warning(event, **said)
