"""The shapes of health: one word for everybody, the parts for operators."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from healthprotocol.foundation.db.pool import Figures
from healthprotocol.foundation.db.replicas import ReplicaSeen
from healthprotocol.operations.health.model import Health, PoolOfProcess


class HealthOut(msgspec.Struct, frozen=True):
    """`ok`, or `unavailable` with status 503; no detail, because no account is needed to ask."""

    status: str


class ComponentOut(msgspec.Struct, frozen=True):
    """
    One part of the installation, for operators: `ok` or `unavailable`.

    Without a part that is not `is_needed` everything is right, and slower. `last_seen_at` is when this process last
    found it well; null when it never did.
    """

    component: str
    status: str
    duration_ms: float
    error: str | None
    is_needed: bool
    last_seen_at: datetime | None


class HoldingOut(msgspec.Struct, frozen=True):
    """Who holds a connection without using it: which task and request, from which lines, and where it stands now."""

    task: str
    request_id: str
    priority: str
    held_seconds: float
    quiet_seconds: float
    places: tuple[str, ...]
    now_at: str | None


class PoolOut(msgspec.Struct, frozen=True):
    """The connections of one process; waits are of the last minute."""

    pid: int
    limit: int
    bound: int
    open: int
    idle: int
    lent: int
    waiting: int
    wait_p50_ms: float
    wait_p99_ms: float
    pulse_ms: float
    is_crowded: bool
    counts: dict[str, int]
    suspected_leaks: list[HoldingOut]


class ReplicaOut(msgspec.Struct, frozen=True):
    """A replica as this process sees it."""

    replica: int
    state: str
    lag_seconds: float | None


class HealthDetailOut(msgspec.Struct, frozen=True):
    """All parts, for operators. `status` is `degraded`, over HTTP 200, when only parts are away that are not needed."""

    status: str
    components: list[ComponentOut]
    pools: list[PoolOut]
    replicas: list[ReplicaOut]


def summary(*, is_well: bool) -> HealthOut:
    """Return the word."""
    return HealthOut("ok" if is_well else "unavailable")


def detail(health: Health, pools: Sequence[PoolOfProcess], replicas: Sequence[ReplicaSeen]) -> HealthDetailOut:
    """Return the parts."""
    return HealthDetailOut(
        _status(health),
        [
            ComponentOut(
                component=finding.component,
                status=summary(is_well=finding.is_well).status,
                duration_ms=round(finding.seconds * 1000, 2),
                error=finding.error,
                is_needed=finding.is_needed,
                last_seen_at=finding.seen_at,
            )
            for finding in health.findings
        ],
        [_pool(one.pid, one.figures) for one in pools],
        [ReplicaOut(one.number, one.state, one.lag_seconds) for one in replicas],
    )


def _status(health: Health) -> str:
    if health.is_ready and not all(finding.is_well for finding in health.findings):
        return "degraded"
    return summary(is_well=health.is_ready).status


def _pool(pid: int, figures: Figures) -> PoolOut:
    return PoolOut(
        pid=pid,
        limit=figures.limit,
        bound=figures.bound,
        open=figures.open,
        idle=figures.idle,
        lent=figures.lent,
        waiting=figures.waiting,
        wait_p50_ms=round(figures.wait_p50 * 1000, 2),
        wait_p99_ms=round(figures.wait_p99 * 1000, 2),
        pulse_ms=round(figures.pulse * 1000, 2),
        is_crowded=figures.is_crowded,
        counts=figures.counts,
        suspected_leaks=[msgspec.convert(msgspec.to_builtins(one), HoldingOut) for one in figures.holdings],
    )
