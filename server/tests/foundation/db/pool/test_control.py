"""The rule for the size: grows on wait, gives way to a crowd, shrinks slowly, and does not swing."""

import math
from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from healthprotocol.foundation.db.pool.control import TICK_SECONDS, Bounds, Control, Rule, Seen, decide, rule_of

RULE = Rule()
BOUNDS = Bounds(2, 40)
CALM, BETWEEN, CROWDED = 0.0002, 0.0012, 0.006


def look(at: float, *, wait: float = 0.0, short: int = 0, used: int = 4, pulse: float = CALM) -> Seen:
    return Seen(at=at, wait=wait, short=short, most_used=used, pulses=20, pulse=pulse, best_pulse=0.0001)


def follow(control: Control, seconds: float, *, start: float = 0.0, bounds: Bounds = BOUNDS, **what: float) -> Control:
    for tick in range(round(seconds / TICK_SECONDS)):
        short, used = int(what.get("short", 0)), int(what.get("used", control.size))
        seen = look(start + tick * TICK_SECONDS, wait=what.get("wait", 0.0), short=short, used=used,
                    pulse=what.get("pulse", CALM))  # fmt: skip
        control = decide(control, seen, bounds, RULE)
    return control


class TestGrowth:
    def test_a_queue_before_a_calm_server_is_met_within_a_second(self) -> None:
        assert follow(Control(size=4), 1.0, wait=0.3, short=50).size == 40

    def test_is_never_more_than_who_waits(self) -> None:
        control = decide(Control(size=20, fresh_since=0.9), look(1.0, wait=1.0, short=3), BOUNDS, RULE)

        assert (control.size, control.changed) == (23, 1)

    def test_needs_a_wait_above_the_target(self) -> None:
        assert follow(Control(size=4), 10.0, wait=RULE.target_wait, short=5).size == 4

    def test_needs_one_who_waits_because_of_the_size(self) -> None:
        assert follow(Control(size=4), 10.0, wait=1.0, short=0).size == 4

    def test_does_not_happen_before_a_server_that_is_neither_calm_nor_crowded(self) -> None:
        control = follow(Control(size=14), 1.0, pulse=BETWEEN)

        assert follow(control, 60.0, start=1.0, wait=0.3, short=50, pulse=BETWEEN).size == control.size

    def test_goes_no_further_than_what_is_granted(self) -> None:
        assert follow(Control(size=4), 5.0, wait=0.3, short=50, bounds=Bounds(2, 7)).size == 7


class TestACrowd:
    def test_is_given_way_to_down_to_what_never_makes_one(self) -> None:
        assert follow(Control(size=32), 10.0, pulse=CROWDED, wait=0.3, short=50).size == RULE.harmless

    def test_is_given_way_to_from_what_is_used_not_from_what_may_be(self) -> None:
        control = decide(Control(size=32), look(0.0, used=15, pulse=CROWDED), BOUNDS, RULE)

        assert control.size == 12

    def test_that_others_make_does_not_keep_a_few_from_growing(self) -> None:
        """A slow pulse at a size that cannot be its cause: a queue without end would be the price."""
        control = follow(Control(size=2), 5.0, pulse=CROWDED, wait=0.3, short=50)

        assert control.size == RULE.harmless

    def test_is_seen_sooner_by_many_processes(self) -> None:
        assert (rule_of(1).harmless, rule_of(2).harmless, rule_of(16).harmless) == (12, 6, 4)

    def test_is_not_believed_of_a_few_pulses(self) -> None:
        seen = Seen(at=0.0, wait=0.0, short=0, most_used=8, pulses=3, pulse=CROWDED, best_pulse=0.0001)

        assert decide(Control(size=8), seen, BOUNDS, RULE).size == 8

    def test_is_not_a_server_that_is_far_away(self) -> None:
        far = Seen(at=0.0, wait=0.3, short=9, most_used=8, pulses=20, pulse=0.0302, best_pulse=0.03)

        assert decide(Control(size=8, fresh_since=-0.1), far, BOUNDS, RULE).size > 8

    def test_soon_after_a_growth_makes_the_next_one_wait_longer(self) -> None:
        control, patience = Control(size=8), [0.0]
        for swing in range(8):
            start = swing * 10.0
            # Slow work beside the crowd: as calm as it ever was for long enough, each time.
            control = follow(control, 8.0, start=start, wait=0.3, short=50)
            control = follow(control, 2.0, start=start + 8.0, pulse=CROWDED, wait=0.3, short=50)
            patience.append(control.regret)

        assert patience == sorted(patience)
        assert patience[-1] > patience[1] > 0.0
        assert patience[-1] <= RULE.longest_patience


class TestWhatIsRemembered:
    def crowded_at_16(self) -> Control:
        """Given way from 24, and half a minute of calm since."""
        control = follow(Control(size=24), 0.3, pulse=CROWDED, wait=0.1, short=5)
        control = follow(control, 29.0, start=1.0)
        assert RULE.harmless < control.size < 24
        return control

    def test_a_few_calm_pulses_do_not_lead_past_what_was_crowded(self) -> None:
        control = before = self.crowded_at_16()
        for tick in range(RULE.sure_pulses):
            seen = Seen(at=30 + tick / 10, wait=0.1, short=5, most_used=control.size, pulses=1, pulse=CALM,
                        best_pulse=0.0001)  # fmt: skip
            control = decide(control, seen, BOUNDS, RULE)

        assert control.size == before.size

    def test_very_many_need_no_patience(self) -> None:
        """Work that turns slow right behind a crowd, before a server that has nothing to do, is met at once."""
        control = msgspec.structs.replace(self.crowded_at_16(), patience=4.0, crowded_at=29.0)
        pulses = 3 * math.ceil(RULE.sure_pulses * (1 + control.doubt))
        seen = Seen(at=30.1, wait=0.1, short=50, most_used=16, pulses=pulses, pulse=CALM, best_pulse=0.0001)
        begun = decide(control, msgspec.structs.replace(seen, at=30.0), BOUNDS, RULE)

        assert decide(begun, seen, BOUNDS, RULE).size > control.size
        assert decide(begun, msgspec.structs.replace(seen, pulses=pulses // 3), BOUNDS, RULE).size == control.size

    def test_many_calm_pulses_do(self) -> None:
        assert follow(self.crowded_at_16(), 2.0, start=30.0, wait=0.1, short=50).size > 24

    def test_and_loans_during_which_nobody_can_begin(self) -> None:
        control = self.crowded_at_16()
        for tick in range(10):
            seen = Seen(at=30 + tick / 10, wait=0.1, short=50, most_used=control.size)
            control = decide(control, seen, BOUNDS, RULE)

        assert control.size > 24


class TestDoubt:
    LATE = RULE.doubtful_wait * 2

    def test_lets_work_that_is_late_for_long_try_a_quarter_more(self) -> None:
        control = follow(Control(size=12), RULE.doubt + 0.15, pulse=BETWEEN, wait=self.LATE, short=50)

        assert control.size == 15

    def test_goes_on_while_no_crowd_follows(self) -> None:
        assert follow(Control(size=10), 10.0, pulse=BETWEEN, wait=self.LATE, short=50).size == BOUNDS.most

    def test_needs_that_the_server_is_not_crowded(self) -> None:
        assert follow(Control(size=16), 10.0, pulse=CROWDED, wait=self.LATE, short=50).size == RULE.harmless

    def test_waits_longer_after_each_crowd_that_followed(self) -> None:
        control, grew = Control(size=12), []
        for tick in range(6_000):
            # A server that is crowded from 15 on, and never calm.
            pulse = CROWDED if control.size >= 15 else BETWEEN
            control = decide(control, look(tick / 10, wait=self.LATE, short=50, used=control.size, pulse=pulse),
                             BOUNDS, RULE)  # fmt: skip
            if control.changed == 1:
                grew.append(tick / 10)

        pauses = [round(later - before) for before, later in pairwise(grew)]
        assert pauses == sorted(pauses)
        assert len(grew) < 10
        assert RULE.longest_doubt <= pauses[-1] < RULE.longest_doubt + 5


class TestIdleness:
    def test_shrinks_by_half_of_the_surplus_each_half_minute(self) -> None:
        control = follow(Control(size=40), RULE.idle_window + 0.2, used=2)

        assert control.size == 22

    def test_keeps_what_the_busiest_moment_needed_and_a_quarter(self) -> None:
        assert follow(Control(size=40), 600.0, used=8).size == 11

    def test_never_goes_below_the_least(self) -> None:
        assert follow(Control(size=40), 3600.0, used=0, bounds=Bounds(5, 40)).size == 5


class TestAlways:
    @given(
        st.lists(
            st.tuples(st.floats(0, 5), st.integers(0, 300), st.integers(0, 70), st.floats(0, 0.1), st.integers(0, 50)),
            max_size=60,
        ),
        st.integers(1, 10),
        st.integers(1, 60),
    )
    def test_the_size_is_within_its_bounds_and_a_growth_at_most_a_half(
        self, looks: list[tuple[float, int, int, float, int]], least: int, most: int
    ) -> None:
        bounds = Bounds(min(least, most), most)
        control = Control(size=bounds.least)
        for tick, (wait, short, used, pulse, pulses) in enumerate(looks):
            seen = Seen(at=tick * 0.1, wait=wait, short=short, most_used=used, pulses=pulses, pulse=pulse,
                        best_pulse=pulse / 2 if pulses else None)  # fmt: skip
            before, control = control, decide(control, seen, bounds, RULE)

            assert bounds.least <= control.size <= bounds.most
            assert control.size <= max(before.size * 1.5 + 1, bounds.least)
            assert control.changed == (control.size > before.size) - (control.size < before.size)

    @settings(deadline=None, max_examples=30)
    @given(st.floats(0.0, 0.01), st.integers(2, 40), st.integers(0, 100))
    def test_the_same_load_turns_the_size_at_most_twice(self, pulse: float, size: int, short: int) -> None:
        control, turns, last = Control(size=size), 0, 0
        for tick in range(3_000):
            used = control.size if short else min(size, control.size)
            seen = look(tick * TICK_SECONDS, wait=0.05 if short else 0.0, short=short, used=used, pulse=pulse)
            control = decide(control, seen, BOUNDS, RULE)
            turns += control.changed == -last and control.changed != 0
            last = control.changed or last

        assert turns <= 2
