"""Streams of requests that fail with a known share, for the guard of rollouts and for the rule that it replaced."""

import math
import random
from collections import deque
from datetime import UTC, datetime, timedelta

from healthprotocol.foundation.flags.exposure import BOUNDS_SECONDS, BUCKETS
from healthprotocol.foundation.flags.guard import Plan, Side, Watch, look, trouble
from healthprotocol.foundation.flags.sequential import THRESHOLD, Shares, grown

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECONDS_A_DAY = 86_400
USUAL = Shares(0.005, 0.02)


def gap(chance: random.Random, share: float) -> int:
    """Return how many requests succeed before the next that fails."""
    return int(math.log(1.0 - chance.random()) / math.log(1.0 - share))


def is_tripped_within_a_day(chance: random.Random, share: float, *, per_second: float) -> bool:
    """Return whether the guard's test of errors rolls back a change that is none, on one day."""
    score, left = 0.0, int(per_second * SECONDS_A_DAY)
    while left > 0:
        good = gap(chance, share)
        left -= good + 1
        if left < 0:
            return False
        score = grown(grown(score, USUAL, bad=0, good=good), USUAL, bad=1, good=0)
        if score >= THRESHOLD:
            return True
    return False


def naive_trips_within_a_day(chance: random.Random, share: float, *, per_second: float) -> bool:
    """Return whether the rule "more than 0.5 % of a minute's requests" does."""
    window, limit = 60 * per_second, 0.005
    failures: deque[int] = deque()
    at, end = 0, int(per_second * SECONDS_A_DAY)
    while True:
        at += gap(chance, share) + 1
        if at > end:
            return False
        failures.append(at)
        while failures[0] <= at - window:
            failures.popleft()
        if len(failures) > limit * window:
            return True


def requests_until_found(chance: random.Random, share: float) -> int:
    """Return how many requests of a bad change the guard's test of errors needs."""
    score, seen = 0.0, 0
    while score < THRESHOLD:
        good = gap(chance, share)
        seen += good + 1
        score = grown(grown(score, USUAL, bad=0, good=good), USUAL, bad=1, good=0)
    return seen


def times(chance: random.Random, count: int, *, median_seconds: float, spread: float = 0.5) -> list[int]:
    """Return the histogram of so many lognormal times."""
    buckets = [0] * BUCKETS
    for _ in range(count):
        seconds = median_seconds * math.exp(spread * chance.gauss(0, 1))
        buckets[_bucket(seconds)] += 1
    return buckets


def side(chance: random.Random, count: int, *, share: float, median_seconds: float) -> Side:
    """Return what one side of a rollout does in a second."""
    errors = sum(chance.random() < share for _ in range(count))
    buckets = times(chance, count, median_seconds=median_seconds)
    return Side(began=count, requests=count, errors=errors, buckets=buckets)


def arrivals(chance: random.Random, mean: float) -> int:
    """Return a Poisson number (Knuth), for small means."""
    limit, product, number = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        number += 1
    return number


class Service:
    """A service whose treated and control requests are as they are told, watched second by second."""

    def __init__(self, seed: int, *, plan: Plan | None = None) -> None:
        self.chance = random.Random(seed)
        self.plan = plan or Plan()
        self.watch = Watch.begin(NOON)
        self.at = NOON

    def second(
        self,
        treated: tuple[float, float, float] | None,
        control: tuple[float, float, float] | None,
        *,
        heard: bool = True,
    ) -> str | None:
        """Let a second pass; each side is (requests a second, share of errors, median seconds)."""
        self.at += timedelta(seconds=1)
        sides = [Side() if one is None else self._side(one) for one in (treated, control)]
        look(self.plan, self.watch, *sides, heard=heard, at=self.at)
        return trouble(self.plan, self.watch, at=self.at)

    def _side(self, of: tuple[float, float, float]) -> Side:
        rate, share, median_seconds = of
        count = arrivals(self.chance, rate) if rate else 0
        return side(self.chance, count, share=share, median_seconds=median_seconds)

    def seconds_until_trouble(
        self, treated: tuple[float, float, float], control: tuple[float, float, float] | None, *, most: int
    ) -> tuple[int | None, str | None]:
        """Return after how many seconds the guard finds trouble, and which; None when it does not in so many."""
        for second in range(1, most + 1):
            why = self.second(treated, control)
            if why is not None:
                return second, why
        return None, None


def quantile(values: list[int], share: float) -> int:
    """Return the value below or at which so many of all lie."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _bucket(seconds: float) -> int:
    for number, bound in enumerate(BOUNDS_SECONDS):
        if seconds <= bound:
            return number
    return BUCKETS - 1
