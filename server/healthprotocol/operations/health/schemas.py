"""The shapes of health: one word for everybody, the parts for operators."""

import msgspec

from healthprotocol.operations.health.model import Health


class HealthOut(msgspec.Struct, frozen=True):
    """`ok`, or `unavailable` with status 503; no detail, because no account is needed to ask."""

    status: str


class ComponentOut(msgspec.Struct, frozen=True):
    """One part of the installation, for operators."""

    component: str
    status: str
    duration_ms: float
    error: str | None


class HealthDetailOut(msgspec.Struct, frozen=True):
    """All parts, for operators."""

    status: str
    components: list[ComponentOut]


def summary(*, is_well: bool) -> HealthOut:
    """Return the word."""
    return HealthOut("ok" if is_well else "unavailable")


def detail(health: Health) -> HealthDetailOut:
    """Return the parts."""
    return HealthDetailOut(
        summary(is_well=health.is_ready).status,
        [
            ComponentOut(
                component=finding.component,
                status=summary(is_well=finding.is_well).status,
                duration_ms=round(finding.seconds * 1000, 2),
                error=finding.error,
            )
            for finding in health.findings
        ],
    )
