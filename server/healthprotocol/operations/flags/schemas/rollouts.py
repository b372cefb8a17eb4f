"""Gradual rollouts and their evidence."""

from datetime import datetime
from uuid import UUID

import msgspec

from healthprotocol.operations.flags.model import Rollout, Step


class StageOut(msgspec.Struct, frozen=True, kw_only=True):
    """So many per cent for at least so long."""

    percentage: float
    hold_seconds: float


class RolloutOut(msgspec.Struct, frozen=True, kw_only=True):
    """
    A gradual rollout: `why` is what the guard found, when it rolled back or stopped it.

    `is_own` says that it is of your organisation's accounts alone. `paused_at` null: it goes on by itself. One that is
    still paused at `paused_until` is stopped by its guard.
    """

    id: UUID
    variant: str
    status: str
    why: str | None
    reason: str
    stages: list[StageOut]
    stage: int
    percentage: float
    started_at: datetime
    stage_began_at: datetime
    held_until: datetime
    ended_at: datetime | None
    paused_at: datetime | None
    paused_until: datetime | None
    is_own: bool


class SideOut(msgspec.Struct, frozen=True, kw_only=True):
    """What one side did since the rollout began; `slow` took longer than 95 % of the control then did."""

    requests: int
    errors: int
    slow: int


class PointOut(msgspec.Struct, frozen=True, kw_only=True):
    """Both scores at an instant."""

    at: datetime
    errors: float
    latency: float


class EvidenceOut(msgspec.Struct, frozen=True, kw_only=True):
    """What was known when something was decided. `percentage` is that of the stage before."""

    percentage: float
    error_score: float
    latency_score: float
    threshold: float
    treated: SideOut
    control: SideOut
    open_requests: int = 0


class StepOut(msgspec.Struct, frozen=True, kw_only=True):
    """A decision about the rollout, with the evidence that it was made on."""

    number: int
    act: str
    at: datetime
    evidence: EvidenceOut


class WatchedRolloutOut(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout with what its guard sees: it is rolled back when a score reaches `threshold`."""

    rollout: RolloutOut
    threshold: float
    error_score: float
    latency_score: float
    treated: SideOut
    control: SideOut
    heard_at: datetime
    least_requests: int
    stage_requests: int
    trail: list[PointOut]
    steps: list[StepOut]


def rollout(value: Rollout) -> RolloutOut:
    """Return the outside of a rollout."""
    return RolloutOut(
        id=value.id,
        variant=value.variant,
        status=value.status,
        why=value.why,
        reason=value.reason,
        stages=[StageOut(percentage=one.percentage, hold_seconds=one.hold_seconds) for one in value.stages],
        stage=value.stage,
        percentage=value.percentage,
        started_at=value.started_at,
        stage_began_at=value.stage_began_at,
        held_until=value.held_until,
        ended_at=value.ended_at,
        paused_at=value.paused_at,
        paused_until=value.paused_until,
        is_own=value.is_own,
    )


def watched(value: Rollout, steps: list[Step]) -> WatchedRolloutOut:
    """Return the outside of a rollout with its evidence."""
    watch = value.watch
    return WatchedRolloutOut(
        rollout=rollout(value),
        threshold=round(value.plan.threshold, 3),
        error_score=round(watch.error_score, 3),
        latency_score=round(watch.slow_score, 3),
        treated=SideOut(requests=watch.treated.requests, errors=watch.treated.errors, slow=watch.treated.slow),
        control=SideOut(requests=watch.control.requests, errors=watch.control.errors, slow=watch.control.slow),
        heard_at=watch.heard_at,
        least_requests=value.plan.least_requests,
        stage_requests=watch.stage_requests,
        trail=[PointOut(at=one.at, errors=one.errors, latency=one.latency) for one in watch.trail],
        steps=[
            StepOut(number=one.number, act=one.act, at=one.at, evidence=msgspec.convert(one.evidence, EvidenceOut))
            for one in steps
        ],
    )
