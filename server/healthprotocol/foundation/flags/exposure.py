"""
Which side of a rollout each request was on, and how it ended, added up in the process.

Nothing of who or what is kept: for each rollout and side a number of requests, of errors, and a histogram of times.
"""

from bisect import bisect_left
from collections.abc import Mapping
from uuid import UUID

import msgspec

from healthprotocol.foundation.flags.model import Arm, Decision

# 1 ms times the square root of two, up to 46 s; what took longer lies behind the last bound.
BOUNDS_SECONDS: tuple[float, ...] = tuple(round(0.001 * 2 ** (step / 2), 6) for step in range(32))
BUCKETS = len(BOUNDS_SECONDS) + 1
MOST_ROLLOUTS = 50


class Outcome(msgspec.Struct, kw_only=True):
    """
    How requests of one side went.

    So many `began` and were shown the side, so many ended, and of those some as `errors`. `buckets[i]` took at most
    BOUNDS_SECONDS[i], the last one took longer.
    """

    rollout_id: UUID
    arm: Arm
    began: int = 0
    requests: int = 0
    errors: int = 0
    buckets: list[int] = msgspec.field(default_factory=lambda: [0] * BUCKETS)


class Outcomes:
    """The sums of one process, taken and begun anew every second."""

    def __init__(self) -> None:
        self._sums: dict[tuple[UUID, Arm], Outcome] = {}

    def began(self, rollout_id: UUID, arm: Arm) -> None:
        """Count a request in."""
        outcome = self._outcome(rollout_id, arm)
        if outcome is not None:
            outcome.began += 1

    def ended(self, arms: Mapping[UUID, Arm], *, is_error: bool, seconds: float) -> None:
        """Count a request out."""
        for rollout_id, arm in arms.items():
            outcome = self._outcome(rollout_id, arm)
            if outcome is None:
                continue
            outcome.requests += 1
            outcome.errors += is_error
            outcome.buckets[bisect_left(BOUNDS_SECONDS, seconds)] += 1

    def take(self) -> list[Outcome]:
        """Return the sums since the last time, and begin anew."""
        taken = list(self._sums.values())
        self._sums = {}
        return taken

    def give_back(self, outcomes: list[Outcome]) -> None:
        """Add sums that could not be written: they are written with the next ones."""
        for one in outcomes:
            outcome = self._outcome(one.rollout_id, one.arm)
            if outcome is None:
                continue
            outcome.began += one.began
            outcome.requests += one.requests
            outcome.errors += one.errors
            outcome.buckets = [have + more for have, more in zip(outcome.buckets, one.buckets, strict=True)]

    def _outcome(self, rollout_id: UUID, arm: Arm) -> Outcome | None:
        found = self._sums.get((rollout_id, arm))
        if found is None and len(self._sums) < 2 * MOST_ROLLOUTS:
            found = self._sums[rollout_id, arm] = Outcome(rollout_id=rollout_id, arm=arm)
        return found


class Exposures:
    """What one request was shown of running rollouts. The first answer counts: a request is on one side."""

    __slots__ = ("_outcomes", "arms")

    def __init__(self) -> None:
        self.arms: dict[UUID, Arm] | None = None
        self._outcomes: Outcomes | None = None

    def note(self, decision: Decision, outcomes: Outcomes) -> None:
        """Remember a decision that has an arm, and count the request in when it is the first of its rollout."""
        if decision.arm is None or decision.rollout_id is None:
            return
        if self.arms is None:
            self.arms = {}
            self._outcomes = outcomes
        if decision.rollout_id not in self.arms:
            self.arms[decision.rollout_id] = decision.arm
            outcomes.began(decision.rollout_id, decision.arm)

    def ended(self, *, is_error: bool, seconds: float) -> None:
        """Count the request out, on each of its sides. The same again does nothing."""
        if self._outcomes is not None and self.arms is not None:
            self._outcomes.ended(self.arms, is_error=is_error, seconds=seconds)
            self.arms = None
