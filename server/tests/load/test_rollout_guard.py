"""
The figures that the guard of rollouts is held to, by seeded simulation: false alarms a day, time to find a bad change.

Errors: 0.5 % is usual, 2 % must be found, at a threshold of ln(10^4). The rule that it replaces rolls back when more
than 0.5 % of a minute's requests fail.
"""

import random

import pytest

from healthprotocol.foundation.flags.guard import Why, may_go_on
from tests.load.simulation import (
    Service,
    is_tripped_within_a_day,
    naive_trips_within_a_day,
    quantile,
    requests_until_found,
)

SEED = 20_261_122
FAST = 0.02
HEALTHY = (20.0, 0.001, FAST)


class TestFalseAlarms:
    @pytest.mark.parametrize(("share", "days", "most"), [(0.001, 600, 0.0), (0.003, 600, 0.02)])
    def test_are_rare(self, share: float, days: int, most: float) -> None:
        chance = random.Random(SEED)

        tripped = sum(is_tripped_within_a_day(chance, share, per_second=20) for _ in range(days))

        assert tripped / days <= most

    @pytest.mark.parametrize(("share", "least"), [(0.001, 0.2), (0.003, 0.99)])
    def test_are_daily_with_a_fixed_window(self, share: float, least: float) -> None:
        chance = random.Random(SEED)

        tripped = sum(naive_trips_within_a_day(chance, share, per_second=20) for _ in range(100))

        assert tripped / 100 >= least


class TestABadChange:
    @pytest.mark.parametrize(
        ("share", "per_second", "most_seconds"), [(0.05, 20, 23), (0.02, 20, 95), (0.5, 20, 1.5), (0.05, 2, 230)]
    )
    def test_is_found_in_time(self, share: float, per_second: float, most_seconds: float) -> None:
        chance = random.Random(SEED)

        needed = [requests_until_found(chance, share) for _ in range(4_000)]

        assert quantile(needed, 0.99) / per_second <= most_seconds

    def test_costs_about_eight_failed_requests(self) -> None:
        chance = random.Random(SEED)

        failures = [requests_until_found(chance, 0.05) * 0.05 for _ in range(4_000)]

        assert 7 <= sum(failures) / len(failures) <= 11


class TestTheWholeGuard:
    """Both tests together, second by second, with a control beside."""

    def test_lets_a_healthy_change_be(self) -> None:
        found = [Service(seed).seconds_until_trouble(HEALTHY, HEALTHY, most=900) for seed in range(20)]

        assert found == [(None, None)] * 20

    def test_finds_errors_with_a_control_beside(self) -> None:
        found = [Service(seed).seconds_until_trouble((20, 0.05, FAST), HEALTHY, most=120) for seed in range(100)]

        assert {why for _, why in found} == {Why.ERRORS}
        assert quantile([seconds or 999 for seconds, _ in found], 0.99) <= 45

    def test_finds_a_change_that_takes_twice_as_long(self) -> None:
        found: list[int] = []
        for seed in range(40):
            service = Service(seed)
            for _ in range(30):
                service.second(HEALTHY, HEALTHY)
            seconds, why = service.seconds_until_trouble((20, 0.001, 2 * FAST), HEALTHY, most=120)
            assert why == Why.LATENCY
            found.append(seconds or 999)

        assert quantile(found, 0.99) <= 30

    def test_lets_a_tenth_slower_be(self) -> None:
        found = [Service(seed).seconds_until_trouble((20, 0.001, 1.1 * FAST), HEALTHY, most=900) for seed in range(10)]

        assert found == [(None, None)] * 10

    def test_does_not_blame_what_happens_to_both(self) -> None:
        for seed in range(20):
            service = Service(seed)
            for second in range(300):
                # A database that stumbles: for three seconds half of all requests fail, and the others crawl.
                now = (20.0, 0.5, 1.0) if 100 <= second < 103 else HEALTHY
                assert service.second(now, now) is None, (seed, second)

    def test_ends_when_both_sides_go_on_failing(self) -> None:
        service = Service(SEED)
        for _ in range(60):
            service.second(HEALTHY, HEALTHY)

        seconds, why = service.seconds_until_trouble((20.0, 0.5, FAST), (20.0, 0.5, FAST), most=60)

        assert why == Why.ERRORS
        assert seconds is not None
        assert 10 <= seconds <= 40

    def test_at_one_per_cent_finds_errors_by_their_number_not_by_the_clock(self) -> None:
        found = [
            Service(seed).seconds_until_trouble((0.2, 0.5, FAST), (19.8, 0.001, FAST), most=400) for seed in range(40)
        ]

        assert {why for _, why in found} == {Why.ERRORS}
        assert quantile([seconds or 999 for seconds, _ in found], 0.9) <= 150

    def test_goes_on_watching_without_a_control(self) -> None:
        service = Service(SEED)
        for _ in range(120):
            service.second(HEALTHY, HEALTHY)

        seconds, why = service.seconds_until_trouble((40, 0.05, FAST), None, most=60)

        assert why == Why.ERRORS
        assert seconds is not None
        assert seconds <= 20


class TestMissingMetrics:
    def test_roll_back_after_half_a_minute(self) -> None:
        service = Service(SEED)
        service.second(HEALTHY, HEALTHY)

        found = [service.second(None, None, heard=False) for _ in range(40)]

        assert found.index(Why.MISSING_METRICS) == 30

    def test_are_not_missing_when_nobody_comes(self) -> None:
        service = Service(SEED)

        assert {service.second(None, None) for _ in range(120)} == {None}
        assert not may_go_on(service.plan, service.watch)

    def test_are_missing_when_requests_begin_and_do_not_end(self) -> None:
        service = Service(SEED)
        why = None
        for second in range(60):
            service.watch.open_requests += 1
            why = why or (service.second(None, HEALTHY), second)[0]

        assert why == Why.HANGING


class TestTheNextStage:
    def test_needs_enough_requests_and_no_suspicion(self) -> None:
        service = Service(SEED)
        for _ in range(3):
            service.second(HEALTHY, HEALTHY)
        assert not may_go_on(service.plan, service.watch)

        for _ in range(10):
            service.second(HEALTHY, HEALTHY)
        assert may_go_on(service.plan, service.watch)

        service.watch.error_score = service.plan.threshold * 0.6
        assert not may_go_on(service.plan, service.watch)


class TestTheTrail:
    def test_keeps_its_beginning_and_its_length(self) -> None:
        service = Service(SEED)
        for _ in range(1_000):
            service.second(None, None)

        trail = service.watch.trail
        assert 100 <= len(trail) <= 240
        assert (trail[0].at - service.at).total_seconds() <= -990
