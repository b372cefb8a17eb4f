"""An assignment's plan on the calendar."""

from datetime import date, time

import pytest

from healthprotocol.care.assignments.model import ActivityAdjustment, Adjustments, Assignment, DayPart
from healthprotocol.care.assignments.rules.plan import Contents, planned_activities, segment_on
from healthprotocol.care.protocols.model import Phase, ProtocolContent
from tests.support.pure_plans import DAY, MONDAY, activity, assigned, content, instant, local, moved

NOON = instant("2026-06-03T12:00")
DAILY = content(activity("walk", time_of_day=(time(8),)))


def planned(assignment: Assignment, contents: Contents, from_on: date, to_on: date) -> list[tuple[str, str]]:
    return [
        (part.activity.key, one.planned_local.isoformat(timespec="minutes"))
        for part in planned_activities(assignment, contents, from_on=from_on, to_on=to_on)
        for one in part.planned()
    ]


class TestPlannedActivities:
    def test_each_day_is_planned_with_the_segment_in_force(self) -> None:
        evenings = content(activity("walk", time_of_day=(time(20),)))
        after = moved(assigned(), to_version=2, duration_days=30, from_on=date(2026, 6, 4), at=NOON)

        found = planned(after, {1: DAILY, 2: evenings}, date(2026, 6, 3), date(2026, 6, 5))

        assert found == [("walk", "2026-06-03T08:00"), ("walk", "2026-06-04T20:00"), ("walk", "2026-06-05T20:00")]

    def test_a_restart_counts_plan_days_from_its_own_day(self) -> None:
        weekly = content(activity("weigh", period=7, period_unit="d"))
        after = moved(assigned(), to_version=1, duration_days=30, from_on=date(2026, 6, 4), at=NOON, restart=True)

        found = planned(after, {1: weekly}, MONDAY, date(2026, 6, 12))

        assert found == [("weigh", "2026-06-01T00:00"), ("weigh", "2026-06-04T00:00"), ("weigh", "2026-06-11T00:00")]

    def test_phases_lie_where_their_days_say(self) -> None:
        phases = (
            Phase(title="First", start_day=1, length_days=2, activities=(activity("rest", period=1, period_unit="d"),)),
            Phase(title="Then", start_day=3, length_days=9, activities=(activity("walk", period=2, period_unit="d"),)),
        )
        plan = ProtocolContent(title="Two", duration_days=6, phases=phases)

        found = planned(assigned(duration_days=6), {1: plan}, MONDAY - 9 * DAY, MONDAY + 90 * DAY)

        assert found == [
            ("rest", "2026-06-01T00:00"),
            ("rest", "2026-06-02T00:00"),
            ("walk", "2026-06-03T00:00"),
            ("walk", "2026-06-05T00:00"),
        ]
        assert planned(assigned(duration_days=6), {1: plan}, MONDAY, MONDAY) == [("rest", "2026-06-01T00:00")]

    def test_nothing_of_a_segment_is_planned_after_its_own_last_day(self) -> None:
        longer = moved(assigned(duration_days=3), to_version=2, duration_days=9, from_on=date(2026, 6, 3), at=NOON)

        found = planned(
            longer, {1: DAILY, 2: content(activity("swim", period=4, period_unit="d"))}, MONDAY, MONDAY + 9 * DAY
        )

        assert found == [("walk", "2026-06-01T08:00"), ("walk", "2026-06-02T08:00"), ("swim", "2026-06-05T00:00"),
                         ("swim", "2026-06-09T00:00")]  # fmt: skip

    def test_adjustments_shift_times_and_meals(self) -> None:
        plan = content(activity("walk", time_of_day=(time(8),)), activity("pill", when=("CM",)))
        adjustments = Adjustments(
            activities=(ActivityAdjustment(activity_key="walk", shift_minutes=90),),
            day_parts=(DayPart(when="CM", time=time(9, 15)),),
        )

        found = planned(assigned(adjustments=adjustments), {1: plan}, MONDAY, MONDAY)

        assert found == [("walk", "2026-06-01T09:30"), ("pill", "2026-06-01T09:15")]

    def test_a_version_that_was_not_loaded_is_an_error(self) -> None:
        with pytest.raises(KeyError):
            planned(assigned(), {2: DAILY}, MONDAY, MONDAY)

    def test_says_what_is_taken_out(self) -> None:
        adjustments = Adjustments(activities=(ActivityAdjustment(activity_key="walk", skip=True),))

        parts = list(planned_activities(assigned(adjustments=adjustments), {1: DAILY}, from_on=MONDAY, to_on=MONDAY))

        assert [part.is_taken_out for part in parts] == [True]
        assert parts[0].planned()[0].planned_local == local("2026-06-01T08:00")


class TestSegmentOn:
    def test_goes_on_with_the_plan_through_a_move_and_begins_it_anew_with_a_restart(self) -> None:
        after = moved(assigned(), to_version=2, duration_days=30, from_on=date(2026, 6, 4), at=NOON)
        restarted = moved(assigned(), to_version=2, duration_days=30, from_on=date(2026, 6, 4), at=NOON, restart=True)

        assert segment_on(after, date(2026, 6, 4)).plan_starts_on == MONDAY
        assert segment_on(restarted, date(2026, 6, 4)).plan_starts_on == date(2026, 6, 4)
        assert segment_on(restarted, date(2026, 6, 3)).plan_starts_on == MONDAY

    def test_before_the_first_day_the_first_segment_speaks(self) -> None:
        assert segment_on(assigned(), MONDAY - DAY) == assigned().segments[0]
