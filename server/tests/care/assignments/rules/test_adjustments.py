"""What may be different for one patient, and what becomes of an activity by it."""

from datetime import time

import pytest

from healthprotocol.care.assignments.model import (
    NO_ADJUSTMENTS,
    ActivityAdjustment,
    Adjustments,
    DayPart,
    TargetRange,
)
from healthprotocol.care.assignments.rules.adjustments import adjusted_activity, check_adjustments
from healthprotocol.care.protocols.model import Activity, Measurement, Quantity, Schedule, ValueRange
from tests.support.pure_plans import activity, content

PRESSURE = Measurement(
    code="85354-9",
    unit="mm[Hg]",
    components=(
        Quantity(code="8480-6", unit="mm[Hg]", target_range=ValueRange(high=140)),
        Quantity(code="8462-4", unit="mm[Hg]"),
    ),
)
PLAN = content(
    activity("walk", time_of_day=(time(8), time(20)), frequency=2),
    activity("drink", period=1, period_unit="d", frequency=3),
    activity("drops", period=8, period_unit="h"),
    activity("pressure", more={"kind": "measurement", "measurement": PRESSURE}),
)


def faults(*activities: ActivityAdjustment, day_parts: tuple[DayPart, ...] = ()) -> list[tuple[str, str]]:
    found = check_adjustments(Adjustments(activities=activities, day_parts=day_parts), PLAN, pointer="/adjustments")
    return [(one.pointer.removeprefix("/adjustments"), one.code) for one in found]


class TestCheck:
    @pytest.mark.parametrize(
        "one",
        [
            ActivityAdjustment(activity_key="walk", skip=True),
            ActivityAdjustment(activity_key="walk", shift_minutes=-60),
            ActivityAdjustment(activity_key="drops", shift_minutes=60),
            ActivityAdjustment(activity_key="walk", time_of_day=(time(9),)),
            ActivityAdjustment(activity_key="drink", schedule=Schedule(period=2, period_unit="d")),
            ActivityAdjustment(
                activity_key="pressure",
                target_ranges=(TargetRange(code="8480-6", range=ValueRange(low=100, high=130)),),
            ),
        ],
    )
    def test_what_fits_passes(self, one: ActivityAdjustment) -> None:
        assert faults(one) == []

    def test_an_activity_that_is_not_there(self) -> None:
        assert faults(ActivityAdjustment(activity_key="swim")) == [("/activities/0/activity_key", "unknown")]

    def test_an_activity_twice(self) -> None:
        one = ActivityAdjustment(activity_key="walk", skip=True)

        assert faults(one, one) == [("/activities/1/activity_key", "repeated")]

    def test_one_change_of_times_at_most(self) -> None:
        one = ActivityAdjustment(activity_key="walk", skip=True, shift_minutes=5, time_of_day=(time(9),))

        assert faults(one) == [
            ("/activities/0/time_of_day", "contradiction"),
            ("/activities/0/skip", "contradiction"),
        ]

    def test_nothing_to_shift(self) -> None:
        one = ActivityAdjustment(activity_key="drink", shift_minutes=5)

        assert faults(one) == [("/activities/0/shift_minutes", "contradiction")]

    def test_another_schedule_is_checked_like_any(self) -> None:
        one = ActivityAdjustment(activity_key="walk", schedule=Schedule(period=-1, period_unit="d"))

        assert faults(one) == [("/activities/0/schedule/period", "out_of_range")]

    def test_other_times_must_go_with_the_schedule_that_is_there(self) -> None:
        one = ActivityAdjustment(activity_key="drops", time_of_day=(time(9),))

        assert faults(one) == [("/activities/0/time_of_day", "contradiction")]

    def test_targets_are_of_what_is_measured(self) -> None:
        unknown = TargetRange(code="8310-5", range=ValueRange(low=36))
        upside_down = TargetRange(code="8462-4", range=ValueRange(low=90, high=80))

        found = faults(
            ActivityAdjustment(activity_key="pressure", target_ranges=(unknown, upside_down)),
            ActivityAdjustment(activity_key="walk", target_ranges=(unknown,)),
        )

        assert found == [
            ("/activities/0/target_ranges/0/code", "unknown"),
            ("/activities/0/target_ranges/1/range/high", "contradiction"),
            ("/activities/1/target_ranges/0/code", "unknown"),
        ]

    def test_day_parts_are_named_once_and_are_not_before_or_after(self) -> None:
        found = faults(
            day_parts=(
                DayPart(when="CM", time=time(9)),
                DayPart(when="CM", time=time(10)),
                DayPart(when="AC", time=time(9)),
            )
        )

        assert found == [("/day_parts/1/when", "repeated"), ("/day_parts/2/when", "unknown")]


class TestEffect:
    def adjusted(self, key: str, one: ActivityAdjustment | None) -> Activity:
        found = next(activity for activity in PLAN.phases[0].activities if activity.key == key)
        return adjusted_activity(found, one)

    def test_without_one_nothing_changes(self) -> None:
        assert NO_ADJUSTMENTS.of("walk") is None
        assert self.adjusted("walk", None) == PLAN.phases[0].activities[0]

    def test_other_times_stand_for_all_that_said_when(self) -> None:
        changed = self.adjusted("walk", ActivityAdjustment(activity_key="walk", time_of_day=(time(9),)))

        assert changed.schedule == Schedule(time_of_day=(time(9),))

    def test_another_schedule_stands_for_the_whole(self) -> None:
        schedule = Schedule(period=2, period_unit="d")

        changed = self.adjusted("walk", ActivityAdjustment(activity_key="walk", schedule=schedule))

        assert changed.schedule == schedule

    def test_targets_are_replaced_where_they_are_named(self) -> None:
        target = ValueRange(low=100, high=125)
        one = ActivityAdjustment(activity_key="pressure", target_ranges=(TargetRange(code="8480-6", range=target),))

        measurement = self.adjusted("pressure", one).measurement

        assert measurement is not None
        assert [part.target_range for part in measurement.components] == [target, None]
        assert measurement.target_range is None
