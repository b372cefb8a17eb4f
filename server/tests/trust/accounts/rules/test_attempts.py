import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.trust.accounts.rules.attempts import (
    NETWORK,
    PERSON,
    Attempts,
    Lane,
    failed,
    longest_wait,
    network_of,
    wait_seconds,
)


def waits_of(lane: Lane, failures: int) -> list[float]:
    """Return the wait after each failure of somebody who always waits as long as she must."""
    known: Attempts | None = None
    now, waits = 0.0, []
    for _ in range(failures):
        known = failed(known, lane, now=now)
        waits.append(wait_seconds(known, now=now))
        now += waits[-1]
    return waits


class TestWaiting:
    def test_the_first_failures_are_free_then_the_wait_doubles_to_its_end(self) -> None:
        assert waits_of(PERSON, 15) == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]

    def test_a_network_has_more_people(self) -> None:
        assert waits_of(NETWORK, 52) == [*[0] * 49, 1, 2, 4]

    def test_after_an_hour_all_is_forgotten(self) -> None:
        known = Attempts(failures=99, last_at=0.0, open_at=300.0)

        assert failed(known, PERSON, now=3599.0).failures == 100
        assert failed(known, PERSON, now=3600.0).failures == 1

    def test_nobody_waits_who_never_failed(self) -> None:
        assert wait_seconds(None, now=0.0) == 0.0

    @given(st.integers(min_value=0, max_value=10_000_000))
    def test_no_number_of_failures_locks_for_longer_than_the_end(self, failures: int) -> None:
        known = failed(Attempts(failures=failures, last_at=0.0, open_at=0.0), PERSON, now=1.0)

        assert 0 <= wait_seconds(known, now=1.0) <= PERSON.longest_seconds

    @pytest.mark.parametrize(("waits", "seconds"), [([], 0), ([0.0], 0), ([0.2, 0.0], 1), ([3.0, 59.1], 60)])
    def test_retry_after_is_in_whole_seconds_and_never_too_early(self, waits: list[float], seconds: int) -> None:
        assert longest_wait(waits) == seconds


class TestNetworkOf:
    @pytest.mark.parametrize(
        ("address", "network"),
        [
            ("192.0.2.7", "192.0.2"),
            ("::ffff:192.0.2.7", "192.0.2"),
            ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1"),
            ("2001:0DB8::5", "2001:db8:0:0"),
            ("::1", "0:0:0:0"),
            ("testclient", "testclient"),
            (None, ""),
        ],
    )
    def test_is_what_one_attacker_usually_holds(self, address: str | None, network: str) -> None:
        assert network_of(address) == network
