"""Ratios, weeks and streaks."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.care.adherence.model import DayCount, Tally
from healthprotocol.care.adherence.rules.ratios import adherence, on_time_ratio, ratio, streak_days, tally, week_of
from tests.support.pure_plans import DAY, ISAR, MONDAY


def day(
    number: int, *, completed: int = 0, skipped: int = 0, missed: int = 0, on_time: int | None = None, key: str = "walk"
) -> DayCount:
    return DayCount(
        assignment_id=ISAR,
        activity_key=key,
        day=MONDAY + number * DAY,
        completed=completed,
        skipped=skipped,
        missed=missed,
        on_time=completed if on_time is None else on_time,
    )


class TestRatio:
    def test_is_what_was_completed_of_what_was_due(self) -> None:
        assert ratio(Tally(completed=3, skipped=1, missed=4)) == 3 / 8

    def test_in_time_leaves_out_what_was_late(self) -> None:
        assert on_time_ratio(Tally(completed=3, skipped=1, missed=0, on_time=1)) == 1 / 4

    def test_when_nothing_was_due_is_unknown_and_not_zero(self) -> None:
        assert ratio(Tally()) is None
        assert on_time_ratio(Tally()) is None

    @given(st.lists(st.builds(day, st.integers(0, 30), completed=st.integers(0, 5), missed=st.integers(0, 5))))
    def test_is_from_none_to_all(self, days: list[DayCount]) -> None:
        total = tally(days)

        share = ratio(total)

        assert share is None or 0 <= share <= 1
        assert (share is None) == (total.due == 0)


class TestAdherence:
    def test_of_several_activities_is_the_ratio_of_the_sums(self) -> None:
        counted = [day(0, completed=1, key="weigh"), day(0, completed=1, missed=8, key="walk")]

        found = adherence(counted, from_on=MONDAY, to_on=MONDAY)

        assert found.ratio == 2 / 10
        assert [(one.activity_key, one.ratio) for one in found.by_activity] == [("walk", 1 / 9), ("weigh", 1.0)]

    def test_weeks_are_iso_weeks_of_local_dates(self) -> None:
        new_year = date(2026, 12, 28)
        first = (new_year - MONDAY).days
        counted = [day(first + 6, missed=1), day(first + 7, completed=1), day(first, completed=1, on_time=0)]

        found = adherence(counted, from_on=new_year, to_on=new_year + 30 * DAY)

        assert [(one.week, one.starts_on, one.ratio, one.on_time_ratio) for one in found.by_week] == [
            ("2026-W53", new_year, 0.5, 0.0),
            ("2027-W01", date(2027, 1, 4), 1.0, 1.0),
        ]

    def test_leaves_out_other_days(self) -> None:
        counted = [day(-1, missed=1), day(0, completed=1), day(1, skipped=1), day(2, missed=1)]

        found = adherence(counted, from_on=MONDAY, to_on=MONDAY + DAY)

        assert (found.completed, found.skipped, found.missed) == (1, 1, 0)
        assert (found.from_on, found.to_on) == (MONDAY, MONDAY + DAY)

    def test_of_nothing_is_unknown(self) -> None:
        found = adherence([], from_on=MONDAY, to_on=MONDAY)

        assert (found.ratio, found.on_time_ratio, found.by_activity, found.by_week) == (None, None, (), ())
        assert found.streak_days == 0

    @given(
        st.lists(
            st.builds(
                day,
                st.integers(0, 40),
                completed=st.integers(0, 4),
                skipped=st.integers(0, 2),
                missed=st.integers(0, 2),
                key=st.sampled_from(["walk", "weigh", "swim"]),
            )
        )
    )
    def test_parts_add_up_to_the_whole(self, counted: list[DayCount]) -> None:
        found = adherence(counted, from_on=MONDAY, to_on=MONDAY + 40 * DAY)

        for parts in (found.by_activity, found.by_week):
            assert sum(one.completed for one in parts) == found.completed
            assert sum(one.skipped for one in parts) == found.skipped
            assert sum(one.missed for one in parts) == found.missed


class TestStreak:
    @pytest.mark.parametrize(
        ("counted", "streak"),
        [
            ([], 0),
            ([day(0, completed=1)], 1),
            ([day(0, completed=1), day(1, completed=2), day(2, missed=1)], 0),
            ([day(0, missed=1), day(1, completed=2), day(2, completed=1)], 2),
            ([day(0, completed=1), day(1, completed=1, skipped=1), day(2, completed=1)], 1),
            ([day(0, completed=1), day(5, completed=1), day(9, completed=1)], 3),
            ([day(0, completed=1), day(1), day(2, completed=1)], 2),
            ([day(0, completed=1, on_time=0), day(1, completed=1)], 2),
            ([day(0, completed=1), day(1, completed=1), day(1, missed=1, key="swim")], 0),
        ],
    )
    def test_counts_back_from_the_last_day_with_something_due(self, counted: list[DayCount], streak: int) -> None:
        assert streak_days(counted) == streak


class TestWeekOf:
    @given(st.dates(date(1900, 1, 8), date(2200, 1, 1)))
    def test_is_a_monday_of_the_same_week(self, one: date) -> None:
        monday = week_of(one)

        assert monday.isocalendar()[2] == 1
        assert timedelta(0) <= one - monday < timedelta(days=7)
