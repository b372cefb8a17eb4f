"""A dependency that fails is left alone, and tried again by one."""

from healthprotocol.foundation.resilience.circuit_breaker import CircuitBreaker


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def broken(clock: Clock, *, failures: int = 3) -> CircuitBreaker:
    breaker = CircuitBreaker(failures=3, open_seconds=2.0, monotonic=clock)
    for _ in range(failures):
        breaker.failed()
    return breaker


class TestCircuitBreaker:
    def test_allows_calls_until_enough_failed_in_a_row(self) -> None:
        breaker = broken(Clock(), failures=2)
        breaker.succeeded()
        breaker.failed()
        breaker.failed()

        assert breaker.allows()

    def test_refuses_calls_after_that(self) -> None:
        assert not broken(Clock()).allows()

    def test_lets_one_probe_through_after_its_time(self) -> None:
        clock = Clock()
        breaker = broken(clock)

        clock.seconds += 2

        assert [breaker.allows() for _ in range(3)] == [True, False, False]

    def test_trusts_again_after_a_probe_that_went_well(self) -> None:
        clock = Clock()
        breaker = broken(clock)
        clock.seconds += 2
        breaker.allows()

        breaker.succeeded()

        assert [breaker.allows() for _ in range(3)] == [True, True, True]

    def test_refuses_again_after_a_probe_that_failed(self) -> None:
        clock = Clock()
        breaker = broken(clock)
        clock.seconds += 2
        breaker.allows()

        breaker.failed()

        assert not breaker.allows()

    def test_gives_a_probe_up_that_never_came_back(self) -> None:
        clock = Clock()
        breaker = broken(clock)
        clock.seconds += 2
        breaker.allows()

        clock.seconds += 2

        assert breaker.allows()
