"""
Watch a gradual rollout: the treated against the control, second by second, and say when to go on, wait or roll back.

Errors: a CUSUM of 0.5 % against 2 %. Latency: a CUSUM on how many of the treated take longer than 95 % of the control
does, 5 % against 15 %; this asks nothing of the shape of the times, and small slow-downs are let pass. Both take what
happens to the control at the same moment as usual, so that a database that stumbles is not blamed on the change.
Metrics that stop coming, or treated requests that begin and never end, are taken for the worst.

The figures behind the numbers: tests/load/test_rollout_guard.py.
"""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from healthprotocol.foundation.flags.exposure import BUCKETS
from healthprotocol.foundation.flags.sequential import THRESHOLD, Shares, grown

TRAIL_LENGTH = 240
# So many requests of the control does the latency test want to know how long they usually take.
_LEAST_CONTROL = 400.0
# What is usual is believed as if so many requests had shown it, before the control speaks.
_PRIOR = 200.0
_PRIOR_NEAR = 20.0
# What happens to so many of the control in one look is taken for what happens to everybody then.
_ENOUGH_AT_ONCE = 5
_PRIOR_AT_ONCE = 2.0
_HALF_LIFE_SECONDS = 60.0
_NEAR_HALF_LIFE_SECONDS = 3.0
_MOST_OPEN = 10
# A change can harm both sides alike, by using up what they share: so much of it ends the rollout, innocent or not.
_MOST_OF_CONTROL = 0.1


class Why(StrEnum):
    """Why a rollout was rolled back by the guard."""

    ERRORS = "errors"
    LATENCY = "latency"
    MISSING_METRICS = "missing_metrics"
    HANGING = "hanging_requests"


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    What the guard holds a rollout to. `least_requests` treated ones must have been seen in a stage before the next.

    Without a control (the last stage has none) only a gross slow-down can be told: `slow_alone`.
    """

    errors: Shares = Shares(0.005, 0.02)
    slow: Shares = Shares(0.05, 0.15)
    slow_alone: Shares = Shares(0.25, 0.5)
    threshold: float = THRESHOLD
    missing_after_seconds: float = 30.0
    least_requests: int = 100


class Side(msgspec.Struct, kw_only=True):
    """What one side did since the last look, over all processes."""

    began: int = 0
    requests: int = 0
    errors: int = 0
    buckets: list[int] = msgspec.field(default_factory=lambda: [0] * BUCKETS)


class Totals(msgspec.Struct, kw_only=True):
    """What one side did since the rollout began; `slow` took longer than 95 % of the control then did."""

    requests: int = 0
    errors: int = 0
    slow: int = 0


class Recent(msgspec.Struct, kw_only=True):
    """What the control did lately, the older the less it counts."""

    requests: float = 0.0
    errors: float = 0.0
    slow: float = 0.0
    buckets: list[float] = msgspec.field(default_factory=lambda: [0.0] * BUCKETS)


class Point(msgspec.Struct, frozen=True, array_like=True):
    """Both scores at an instant: the line that people look at."""

    at: datetime
    errors: float
    latency: float


class Watch(msgspec.Struct, kw_only=True):
    """All that the guard remembers of a rollout; stored after each look, so that any process can go on."""

    looked_at: datetime
    heard_at: datetime
    error_score: float = 0.0
    slow_score: float = 0.0
    treated: Totals = msgspec.field(default_factory=Totals)
    control: Totals = msgspec.field(default_factory=Totals)
    stage_requests: int = 0
    open_requests: int = 0
    open_since: datetime | None = None
    usually: Recent = msgspec.field(default_factory=Recent)
    just_now: Recent = msgspec.field(default_factory=Recent)
    trail: list[Point] = []
    trail_every_seconds: float = 1.0

    @classmethod
    def begin(cls, at: datetime) -> "Watch":
        """Return the watch over a rollout that begins."""
        return cls(looked_at=at, heard_at=at)


def look(plan: Plan, watch: Watch, treated: Side, control: Side, *, heard: bool, at: datetime) -> None:
    """Take into the watch what both sides did since the last look; `heard` says that some process reported at all."""
    seconds = max((at - watch.looked_at).total_seconds(), 0.0)
    watch.looked_at = at
    if heard:
        watch.heard_at = at
    has_control = control.requests > 0 or watch.just_now.requests > 1
    cut = _cut(watch.usually, plan.slow.usual)
    slow_control = 0 if cut is None else sum(control.buckets[cut:])
    _follow_control(watch, control, slow_control, seconds)
    slow_treated = 0 if cut is None else sum(treated.buckets[cut:])
    errors = plan.errors.at_least(_usual_errors(plan, watch, control))
    watch.error_score = grown(watch.error_score, errors, bad=treated.errors, good=treated.requests - treated.errors)
    if cut is not None:
        shares = plan.slow if has_control else plan.slow_alone
        slow = shares.at_least(_usual_slow(plan, watch, control, cut))
        watch.slow_score = grown(watch.slow_score, slow, bad=slow_treated, good=treated.requests - slow_treated)
    _add(watch.treated, treated, slow_treated)
    _add(watch.control, control, slow_control)
    watch.stage_requests += treated.requests
    watch.open_requests = max(0, watch.open_requests + treated.began - treated.requests)
    watch.open_since = (watch.open_since or at) if watch.open_requests >= _MOST_OPEN else None
    _leave_trail(watch, at)


def trouble(plan: Plan, watch: Watch, *, at: datetime) -> Why | None:
    """Return why the rollout must be rolled back now, None when nothing speaks against it."""
    missing_after = timedelta(seconds=plan.missing_after_seconds)
    usually = _share(watch.usually.errors, watch.usually.requests, plan.errors.usual, _PRIOR)
    if watch.error_score >= plan.threshold or usually > _MOST_OF_CONTROL:
        return Why.ERRORS
    if watch.slow_score >= plan.threshold:
        return Why.LATENCY
    if at - watch.heard_at > missing_after:
        return Why.MISSING_METRICS
    if watch.open_since is not None and at - watch.open_since > missing_after:
        return Why.HANGING
    return None


def may_go_on(plan: Plan, watch: Watch) -> bool:
    """Return whether enough was seen in this stage, and nothing is under suspicion just now."""
    is_calm = max(watch.error_score, watch.slow_score) < plan.threshold / 2
    return is_calm and watch.stage_requests >= plan.least_requests


def next_stage(watch: Watch) -> None:
    """Begin to count for the next stage; the scores go on."""
    watch.stage_requests = 0


def _cut(usually: Recent, share: float) -> int | None:
    """Return from which bucket on a time is slow: at most `share` of the control is; None when too little is known."""
    total = sum(usually.buckets)
    if total < _LEAST_CONTROL:
        return None
    above = 0.0
    for bucket in range(BUCKETS - 1, 0, -1):
        above += usually.buckets[bucket]
        if above > share * total:
            return min(bucket + 1, BUCKETS - 1)
    return 1


def _usual_errors(plan: Plan, watch: Watch, control: Side) -> float:
    usual = plan.errors.usual
    at_once = _at_once(control.errors, control.requests, usual)
    if control.errors:
        # Chance gives the two sides unequal parts of a bad moment.
        at_once += 2 * (at_once * (1 - at_once) / control.requests) ** 0.5
    return max(
        _share(watch.usually.errors, watch.usually.requests, usual, _PRIOR),
        _share(watch.just_now.errors, watch.just_now.requests, usual, _PRIOR_NEAR),
        at_once,
    )


def _usual_slow(plan: Plan, watch: Watch, control: Side, cut: int) -> float:
    usual, known = plan.slow.usual, sum(watch.usually.buckets)
    share = _share(sum(watch.usually.buckets[cut:]), known, usual, _PRIOR)
    # The cut was chosen by the same requests: two standard errors more, so that chance does not choose it too low.
    share += 2 * (share * (1 - share) / (known + _PRIOR)) ** 0.5
    return max(
        share,
        _share(watch.just_now.slow, watch.just_now.requests, usual, _PRIOR_NEAR),
        _at_once(sum(control.buckets[cut:]), control.requests, usual),
    )


def _at_once(bad: int, of: int, believed: float) -> float:
    return _share(bad, of, believed, _PRIOR_AT_ONCE) if of >= _ENOUGH_AT_ONCE else 0.0


def _share(bad: float, of: float, believed: float, weight: float) -> float:
    return (bad + believed * weight) / (of + weight)


def _follow_control(watch: Watch, control: Side, slow: int, seconds: float) -> None:
    # What is usual is forgotten only while there is something newer: the last stage has no control, and remembers it.
    if control.requests:
        _fade(watch.usually, 0.5 ** (seconds / _HALF_LIFE_SECONDS))
        watch.usually.requests += control.requests
        watch.usually.errors += control.errors
        watch.usually.buckets = [have + more for have, more in zip(watch.usually.buckets, control.buckets, strict=True)]
    _fade(watch.just_now, 0.5 ** (seconds / _NEAR_HALF_LIFE_SECONDS))
    watch.just_now.requests += control.requests
    watch.just_now.errors += control.errors
    watch.just_now.slow += slow


def _fade(recent: Recent, factor: float) -> None:
    recent.requests *= factor
    recent.errors *= factor
    recent.slow *= factor
    recent.buckets = [count * factor for count in recent.buckets]


def _add(totals: Totals, side: Side, slow: int) -> None:
    totals.requests += side.requests
    totals.errors += side.errors
    totals.slow += slow


def _leave_trail(watch: Watch, at: datetime) -> None:
    trail = watch.trail
    if trail and (at - trail[-1].at).total_seconds() < watch.trail_every_seconds * 0.9:
        return
    trail = [*trail, Point(at, round(watch.error_score, 3), round(watch.slow_score, 3))]
    if len(trail) > TRAIL_LENGTH:
        # The same line with half the points: the picture keeps its beginning however long it gets.
        trail = trail[::2]
        watch.trail_every_seconds *= 2
    watch.trail = trail
