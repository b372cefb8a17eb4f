"""When a rollout goes on, and what is kept as evidence."""

from datetime import datetime
from typing import Any

from healthprotocol.foundation.errors import Invalid, Violation
from healthprotocol.foundation.flags import guard
from healthprotocol.operations.flags.model import Rollout, RolloutStage, Stored

MOST_STAGES = 20
_LONGEST_HOLD_SECONDS = 30 * 86_400.0
_WHOLE = 100.0


def require_good_stages(stages: tuple[RolloutStage, ...]) -> None:
    """Return when percentages grow from above 0 to 100 and each is held for some time. Raises Invalid."""
    violations: list[Violation] = []
    if not 1 <= len(stages) <= MOST_STAGES:
        raise Invalid(violations=[Violation("/stages", "count", f"1 to {MOST_STAGES} stages.")])
    below = 0.0
    for number, stage in enumerate(stages):
        if not below < stage.percentage <= _WHOLE:
            violations.append(Violation(f"/stages/{number}/percentage", "order", "Percentages grow, up to 100."))
        if not 0 < stage.hold_seconds <= _LONGEST_HOLD_SECONDS:
            violations.append(Violation(f"/stages/{number}/hold_seconds", "range", "Held for up to 30 days."))
        below = stage.percentage
    if stages[-1].percentage != _WHOLE:
        violations.append(Violation("/stages", "end", "The last stage is 100 per cent."))
    if violations:
        raise Invalid(violations=violations)


def require_a_change(stored: Stored, installation: Stored, declared: str, variant: str) -> None:
    """Return when not everybody has the variant anyhow. Raises Invalid: treated and control would be the same."""
    has = stored.state.default or installation.state.default or declared
    if has == variant:
        text = f"Whom no rule names has {variant} already: choose another variant, or another default first."
        raise Invalid(violations=[Violation("/variant", "no_change", text)])


def is_due(rollout: Rollout, at: datetime) -> bool:
    """Return whether a stage was held long enough, on enough requests, without suspicion, and nobody bade it rest."""
    return rollout.paused_at is None and at >= rollout.held_until and guard.may_go_on(rollout.plan, rollout.watch)


def is_forgotten(rollout: Rollout, at: datetime) -> bool:
    """Return whether it was paused for as long as a pause may be."""
    return rollout.paused_until is not None and at >= rollout.paused_until


def evidence(rollout: Rollout) -> dict[str, Any]:
    """Return what was known when something was decided: counts, shares, scores. No ids."""
    watch, plan = rollout.watch, rollout.plan
    return {
        "percentage": rollout.percentage,
        "threshold": round(plan.threshold, 3),
        "error_score": round(watch.error_score, 3),
        "latency_score": round(watch.slow_score, 3),
        "treated": _side(watch.treated),
        "control": _side(watch.control),
        "open_requests": watch.open_requests,
        "heard_at": watch.heard_at.isoformat(),
        "why": rollout.why,
    }


def _side(totals: guard.Totals) -> dict[str, Any]:
    requests = totals.requests
    return {
        "requests": requests,
        "errors": totals.errors,
        "error_share": round(totals.errors / requests, 5) if requests else None,
        "slow": totals.slow,
        "slow_share": round(totals.slow / requests, 5) if requests else None,
    }
