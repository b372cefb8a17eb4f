"""Changes of a running plan, and what a move is said to do beforehand."""

from datetime import date

import msgspec
import pytest

from healthprotocol.care.assignments.errors import (
    AlreadyOnVersion,
    AssignmentClosed,
    NothingLeftToPlan,
    PastCannotChange,
)
from healthprotocol.care.assignments.model import ActivityAdjustment, Adjustments, Assignment, Move
from healthprotocol.care.assignments.rules.change import adjust, move, preview_move
from healthprotocol.care.protocols.model import Schedule
from tests.support.pure_plans import DAY, MONDAY, activity, assigned, content, instant, moved

NOON = instant("2026-06-03T12:00")
TODAY = date(2026, 6, 3)
NO_WALKS = Adjustments(activities=(ActivityAdjustment(activity_key="walk", skip=True),))


def begins(assignment: Assignment) -> list[tuple[int, date, date]]:
    return [(one.version, one.from_on, one.plan_starts_on) for one in assignment.segments]


class TestAdjust:
    def test_begins_a_segment_with_the_same_version(self) -> None:
        adjusted = adjust(assigned(), NO_WALKS, from_on=TODAY, at=NOON)

        assert begins(adjusted) == [(1, MONDAY, MONDAY), (1, TODAY, MONDAY)]
        assert adjusted.segments[0].adjustments == Adjustments()
        assert adjusted.adjustments == NO_WALKS
        assert (adjusted.revision, adjusted.ends_on) == (2, assigned().ends_on)

    def test_twice_on_a_day_leaves_one_segment(self) -> None:
        adjusted = adjust(adjust(assigned(), NO_WALKS, from_on=TODAY, at=NOON), Adjustments(), from_on=TODAY, at=NOON)

        assert begins(adjusted) == [(1, MONDAY, MONDAY), (1, TODAY, MONDAY)]
        assert adjusted.adjustments == Adjustments()

    def test_holds_for_a_version_that_lies_ahead(self) -> None:
        ahead = moved(assigned(), to_version=2, duration_days=30, from_on=TODAY + 5 * DAY, at=NOON)

        adjusted = adjust(ahead, NO_WALKS, from_on=TODAY, at=NOON)

        assert [one.version for one in adjusted.segments] == [1, 1, 2]
        assert [one.adjustments for one in adjusted.segments[1:]] == [NO_WALKS, NO_WALKS]

    @pytest.mark.parametrize("from_on", [TODAY - DAY, date(2026, 7, 1)])
    def test_the_past_and_what_is_after_the_end_do_not_change(self, from_on: date) -> None:
        with pytest.raises(PastCannotChange):
            adjust(assigned(), NO_WALKS, from_on=from_on, at=NOON)

    def test_before_the_first_day_the_first_day_can_change(self) -> None:
        adjusted = adjust(assigned(), NO_WALKS, from_on=MONDAY, at=NOON - 9 * DAY)

        assert begins(adjusted) == [(1, MONDAY, MONDAY)]
        with pytest.raises(PastCannotChange):
            adjust(assigned(), NO_WALKS, from_on=MONDAY - DAY, at=NOON - 9 * DAY)

    def test_a_closed_one_does_not_change(self) -> None:
        with pytest.raises(AssignmentClosed):
            adjust(assigned(status="stopped"), NO_WALKS, from_on=TODAY, at=NOON)


class TestMove:
    def test_the_plan_day_goes_on_counting(self) -> None:
        after = moved(assigned(), to_version=2, duration_days=40, from_on=TODAY, at=NOON)

        assert begins(after) == [(1, MONDAY, MONDAY), (2, TODAY, MONDAY)]
        assert after.ends_on == MONDAY + 39 * DAY
        assert after.version == 2

    def test_a_restart_begins_with_plan_day_one(self) -> None:
        after = moved(assigned(), to_version=2, duration_days=40, from_on=TODAY, at=NOON, restart=True)

        assert begins(after) == [(1, MONDAY, MONDAY), (2, TODAY, TODAY)]
        assert after.ends_on == TODAY + 39 * DAY

    def test_the_same_version_only_from_the_start(self) -> None:
        with pytest.raises(AlreadyOnVersion):
            moved(assigned(), to_version=1, duration_days=30, from_on=TODAY, at=NOON)

        after = moved(assigned(), to_version=1, duration_days=30, from_on=TODAY, at=NOON, restart=True)

        assert begins(after) == [(1, MONDAY, MONDAY), (1, TODAY, TODAY)]

    def test_a_version_that_would_be_over_is_refused(self) -> None:
        with pytest.raises(NothingLeftToPlan):
            moved(assigned(), to_version=2, duration_days=2, from_on=TODAY, at=NOON)

    def test_keeps_the_adjustments_unless_others_are_given(self) -> None:
        adjusted = assigned(adjustments=NO_WALKS)

        kept = moved(adjusted, to_version=2, duration_days=30, from_on=TODAY, at=NOON)
        dropped = moved(adjusted, to_version=2, duration_days=30, from_on=TODAY, at=NOON, adjustments=Adjustments())

        assert kept.adjustments == NO_WALKS
        assert dropped.adjustments == Adjustments()

    def test_begins_today_unless_another_day_is_asked_for(self) -> None:
        today = move(assigned(), Move(to_version=2), duration_days=30, at=NOON)
        ahead = move(assigned(), Move(to_version=2), duration_days=30, at=NOON - 9 * DAY)

        assert begins(today) == [(1, MONDAY, MONDAY), (2, TODAY, MONDAY)]
        assert begins(ahead) == [(2, MONDAY, MONDAY)]

    def test_drops_what_was_set_for_later(self) -> None:
        ahead = moved(assigned(), to_version=2, duration_days=30, from_on=TODAY + 5 * DAY, at=NOON)

        after = moved(ahead, to_version=3, duration_days=30, from_on=TODAY, at=NOON)

        assert [one.version for one in after.segments] == [1, 3]


class TestPreview:
    def test_says_what_begins_ends_and_changes(self) -> None:
        old = content(
            activity("walk", period=1, period_unit="d"),
            activity("scale", period=1, period_unit="d"),
            activity("rest", period=1, period_unit="d"),
            activity("over", count=1),
            duration_days=10,
        )
        new = content(
            activity("walk", period=2, period_unit="d"),
            activity("scale", more={"title": "Scales"}, period=1, period_unit="d"),
            activity("rest", period=1, period_unit="d"),
            activity("swim", period=5, period_unit="d"),
            duration_days=10,
        )
        before = assigned(duration_days=10)
        after = moved(before, to_version=2, duration_days=10, from_on=TODAY, at=NOON)

        preview = preview_move(before, after, {1: old, 2: new}, from_on=TODAY)

        assert [(one.activity_key, one.planned_after) for one in preview.begins] == [("swim", 1)]
        assert preview.ends == ()
        assert [(one.activity_key, one.planned_before, one.planned_after, one.changed) for one in preview.changes] == [
            ("walk", 8, 4, ("schedule",)),
            ("scale", 8, 8, ("title",)),
        ]
        assert (preview.ends_on_before, preview.ends_on_after) == (before.ends_on, before.ends_on)

    def test_what_is_not_in_the_new_version_ends(self) -> None:
        old, new = content(activity("walk", period=1, period_unit="d")), content(activity("swim"))
        before = assigned()
        after = moved(before, to_version=2, duration_days=30, from_on=TODAY, at=NOON)

        preview = preview_move(before, after, {1: old, 2: new}, from_on=TODAY)

        assert [one.activity_key for one in preview.ends] == ["walk"]
        assert preview.begins == ()

    def test_the_same_times_from_another_day_on_are_a_change(self) -> None:
        both = content(activity("walk", period=7, period_unit="d"), duration_days=30)
        before = assigned()
        after = moved(before, to_version=1, duration_days=30, from_on=TODAY, at=NOON, restart=True)

        preview = preview_move(before, after, {1: both}, from_on=TODAY)

        assert [(one.activity_key, one.planned_before, one.planned_after) for one in preview.changes] == [
            ("walk", 4, 5)
        ]
        assert preview.ends_on_after == TODAY + 29 * DAY

    def test_what_is_taken_out_is_not_planned(self) -> None:
        both = content(activity("walk", period=7, period_unit="d"))
        before = assigned(adjustments=NO_WALKS)
        after = moved(before, to_version=2, duration_days=30, from_on=TODAY, at=NOON, adjustments=Adjustments())

        preview = preview_move(before, after, {1: both, 2: both}, from_on=TODAY)

        assert [one.activity_key for one in preview.begins] == ["walk"]

    def test_a_change_of_definition_in_the_middle_counts_once(self) -> None:
        first = content(activity("walk", period=1, period_unit="d"))
        later = content(
            msgspec.structs.replace(activity("walk"), schedule=Schedule(period=1, period_unit="d"), title="W")
        )
        before = moved(assigned(), to_version=2, duration_days=30, from_on=TODAY + 5 * DAY, at=NOON)
        after = moved(before, to_version=2, duration_days=30, from_on=TODAY, at=NOON)

        preview = preview_move(before, after, {1: first, 2: later}, from_on=TODAY)

        assert preview.changes == preview.begins == preview.ends == ()
