"""A schedule, a range and a unit in words."""

from datetime import date, time

import pytest

from healthprotocol.care.protocols.model import BoundsDuration, BoundsPeriod, BoundsRange, Schedule, ValueRange
from healthprotocol.care.reports.rules.words import outside_words, range_words, schedule_words, unit_words

WEEK = BoundsDuration(value=1, unit="wk")
TWO_WEEKS = BoundsDuration(value=2, unit="wk")


class TestScheduleWords:
    @pytest.mark.parametrize(
        ("schedule", "words"),
        [
            (Schedule(), "Once, on the first day of the phase"),
            (Schedule(window_minutes=90), "Once, to be done within 90 minutes"),
            (Schedule(window_minutes=60), "Once, to be done within 1 hour"),
            (Schedule(window_minutes=180), "Once, to be done within 3 hours"),
            (Schedule(window_minutes=10_080), "Once, to be done within 7 days"),
            (Schedule(time_of_day=(time(8), time(20, 30))), "Every day, at 08:00 and 20:30"),
            (Schedule(when=("MORN",)), "Every day, in the morning"),
            (Schedule(when=("AC",), offset=30, period=1, period_unit="d"), "Every day, 30 minutes before meals"),
            (Schedule(day_of_week=("mon", "wed", "fri")), "Every Monday, Wednesday and Friday"),
            (Schedule(period=2, period_unit="wk", day_of_week=("tue",)), "Every 2 weeks on Tuesday"),
            (Schedule(frequency=3, period=1, period_unit="d"), "3 times every day"),
            (Schedule(frequency=1, period=1, period_unit="d"), "Every day"),
            (Schedule(frequency=2), "Twice"),
            (Schedule(frequency=1, frequency_max=4, period=1, period_unit="d"), "1 to 4 times every day"),
            (Schedule(period=8, period_unit="h", count=12), "Every 8 hours, 12 times in all"),
            (Schedule(period=1, period_unit="wk", offsets_minutes=(480, 2000)), "Every week, 08:00 and day 2 09:20"),
            (Schedule(period=1, period_unit="d", bounds_duration=WEEK), "Every day, for 1 week"),
            (
                Schedule(period=1, period_unit="d", bounds_range=BoundsRange(high=TWO_WEEKS)),
                "Every day, for at most 2 weeks",
            ),
            (Schedule(period=1, period_unit="d", bounds_range=BoundsRange(low=WEEK)), "Every day"),
            (
                Schedule(period=1, period_unit="d", bounds_period=BoundsPeriod(start=date(2026, 3, 2))),
                "Every day, from 2026-03-02",
            ),
            (
                Schedule(period=1, period_unit="d", bounds_period=BoundsPeriod(end=date(2026, 3, 9))),
                "Every day, until 2026-03-09",
            ),
        ],
    )
    def test_says(self, schedule: Schedule, words: str) -> None:
        assert schedule_words(schedule) == words


class TestRangeWords:
    @pytest.mark.parametrize(
        ("limits", "words"),
        [
            (None, ""),
            (ValueRange(), ""),
            (ValueRange(high=135), "up to 135 mm[Hg]"),
            (ValueRange(low=3.5), "3.5 mm[Hg] or more"),
            (ValueRange(low=100, high=135), "100 to 135 mm[Hg]"),
        ],
    )
    def test_says(self, limits: ValueRange | None, words: str) -> None:
        assert range_words(limits, "mm[Hg]") == words


class TestOutsideWords:
    @pytest.mark.parametrize(
        ("limits", "words"),
        [
            (None, ""),
            (ValueRange(), ""),
            (ValueRange(high=180), "above 180 kg"),
            (ValueRange(low=50), "below 50 kg"),
            (ValueRange(low=50, high=120), "below 50 kg or above 120 kg"),
        ],
    )
    def test_says(self, limits: ValueRange | None, words: str) -> None:
        assert outside_words(limits, "kg") == words


class TestUnitWords:
    def test_reads_an_annotation_as_its_text(self) -> None:
        assert unit_words("{score}") == "score"
        assert unit_words("mm[Hg]") == "mm[Hg]"
