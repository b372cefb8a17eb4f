"""What the rule is told of the pulses: no stall of this process is taken for a crowd at the server."""

import pytest

from healthprotocol.foundation.db.pool.sensing import Sensing


def look(sensing: Sensing, pulses: list[float], *, late: float = 0.0) -> float:
    for pulse in pulses:
        sensing.feel(pulse)
    return sensing.look(1.0, oldest_since=None, lent=0, late=late).pulse


class TestPulses:
    def test_are_told_as_their_mean(self) -> None:
        assert look(Sensing(), [0.0001, 0.0003]) == pytest.approx(0.0002)

    def test_one_stall_among_many_makes_no_crowd(self) -> None:
        sensing = Sensing()
        look(sensing, [0.0001] * 5)

        assert look(sensing, [0.0001] * 9 + [0.3]) < 0.001

    def test_that_are_nearly_all_slow_do(self) -> None:
        sensing = Sensing()
        look(sensing, [0.0001] * 5)

        assert look(sensing, [0.012] * 8 + [0.0001] * 2) > 0.004

    def test_of_a_distant_server_are_told_as_they_are(self) -> None:
        sensing = Sensing()
        look(sensing, [0.03] * 5)

        assert look(sensing, [0.03, 0.032]) == pytest.approx(0.031)

    def test_are_not_blamed_for_what_this_process_was_late_by(self) -> None:
        assert look(Sensing(), [0.004, 0.006], late=0.003) == pytest.approx(0.004)

    def test_are_never_told_as_quicker_than_the_quickest(self) -> None:
        assert look(Sensing(), [0.004, 0.006], late=1.0) == pytest.approx(0.004)
