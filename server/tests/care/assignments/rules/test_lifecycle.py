"""The life of an assignment: what may follow what, and what it leaves behind."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from healthprotocol.care.assignments.errors import (
    AssignmentAlreadyPaused,
    AssignmentAlreadyStarted,
    AssignmentClosed,
    AssignmentNotPaused,
    AssignmentNotStarted,
    NothingLeftToPlan,
    PastCannotChange,
)
from healthprotocol.care.assignments.model import Assignment, AssignmentStatus, Segment
from healthprotocol.care.assignments.rules.lifecycle import (
    check_start,
    complete,
    ends_at,
    is_over,
    mark_entered_in_error,
    pause,
    resume,
    start,
    stop,
    whole_days_between,
)
from healthprotocol.care.assignments.rules.plan import segments_between
from healthprotocol.care.entries.rules.occurrences import occurrences
from healthprotocol.care.protocols.rules.local_time import calendar_of
from healthprotocol.foundation.errors import Conflict
from tests.support.pure_plans import DAY, MONDAY, activity, assigned, content, instant, moved

NOON = instant("2026-06-03T12:00")


class TestCheckStart:
    def test_a_day_and_a_zone_that_are_fine(self) -> None:
        assert check_start(MONDAY, time_zone="Asia/Kathmandu") == []

    def test_every_fault_at_once(self) -> None:
        found = check_start(date(9999, 12, 31), time_zone="Mars/Olympus")

        assert [(one.pointer, one.code) for one in found] == [("/starts_on", "out_of_range"), ("/time_zone", "unknown")]


class TestStart:
    def test_makes_a_proposed_one_active(self) -> None:
        started = start(assigned(status="proposed"))

        assert (started.status, started.revision) == ("active", 2)

    @pytest.mark.parametrize("status", ["active", "paused"])
    def test_only_once(self, status: AssignmentStatus) -> None:
        with pytest.raises(AssignmentAlreadyStarted):
            start(assigned(status=status))


class TestPauseAndResume:
    def test_a_pause_is_kept_with_its_instants(self) -> None:
        paused = pause(assigned(), at=NOON, reason="in hospital")
        resumed = resume(paused, at=NOON + 2 * DAY)

        assert (paused.status, paused.reason) == ("paused", "in hospital")
        assert (resumed.status, resumed.reason) == ("active", None)
        assert [(one.from_at, one.to_at, one.shift_days) for one in resumed.pauses] == [(NOON, NOON + 2 * DAY, 0)]
        assert resumed.ends_on == assigned().ends_on
        assert resumed.segments == assigned().segments

    def test_a_paused_one_is_not_paused_again(self) -> None:
        with pytest.raises(AssignmentAlreadyPaused):
            pause(assigned(status="paused"), at=NOON)

    def test_only_a_paused_one_is_resumed(self) -> None:
        with pytest.raises(AssignmentNotPaused):
            resume(assigned(), at=NOON)

    def test_a_proposed_one_is_not_paused(self) -> None:
        with pytest.raises(AssignmentNotStarted):
            pause(assigned(status="proposed"), at=NOON)

    def test_pauses_do_not_overlap_though_clocks_do(self) -> None:
        resumed = resume(pause(assigned(), at=NOON), at=NOON - timedelta(seconds=2))
        again = pause(resumed, at=NOON - timedelta(seconds=1))

        assert resumed.pauses[0].to_at == NOON
        assert again.pauses[1].from_at == NOON


class TestShift:
    def test_moves_the_rest_of_the_plan_by_the_whole_days_paused(self) -> None:
        resumed = resume(pause(assigned(), at=NOON), at=NOON + 5 * DAY, shift=True)

        assert resumed.ends_on == assigned().ends_on + 5 * DAY
        assert resumed.pauses[0].shift_days == 5
        assert [(one.from_on, one.plan_starts_on) for one in resumed.segments] == [
            (MONDAY, MONDAY),
            (date(2026, 6, 8), MONDAY + 5 * DAY),
        ]

    def test_the_plan_goes_on_where_it_stopped(self) -> None:
        steps = content(*(activity(f"step-{day}", offsets_minutes=(day * 1_440 + 900,)) for day in range(30)))
        resumed = resume(pause(assigned(), at=NOON), at=NOON + 2 * DAY, shift=True)

        planned = occurrences(
            resumed, {1: steps}, from_on=MONDAY, to_on=resumed.ends_on, standing={}, at=instant("2026-05-01T00:00")
        )

        due = [one.activity_key for one in planned if one.state != "not_applicable"]
        assert due == [f"step-{day}" for day in range(30)]

    @pytest.mark.parametrize(
        ("resumed_at", "days"),
        [("2026-06-03T11:59", 0), ("2026-06-03T12:00", 0), ("2026-06-04T11:59", 0), ("2026-06-04T12:00", 1)],
    )
    def test_a_part_of_a_day_does_not_count(self, resumed_at: str, days: int) -> None:
        assert whole_days_between(NOON, instant(resumed_at), time_zone="UTC") == days

    def test_days_are_those_of_the_wall_clock(self) -> None:
        # From 02:00 to 02:00 over the night in which Berlin's clock goes back: 25 hours, one day.
        from_at, to_at = instant("2026-10-24T12:00"), instant("2026-10-25T12:59")

        assert whole_days_between(from_at, to_at, time_zone="Europe/Berlin") == 0
        assert whole_days_between(from_at, to_at + timedelta(minutes=1), time_zone="Europe/Berlin") == 1

    def test_days_before_the_plan_begins_took_nothing_of_it(self) -> None:
        resumed = resume(pause(assigned(), at=NOON - 9 * DAY), at=NOON, shift=True)

        assert resumed.pauses[0].shift_days == 2

    def test_a_plan_of_which_nothing_is_left_does_not_move(self) -> None:
        paused = pause(assigned(duration_days=3), at=instant("2026-06-03T20:00"))

        resumed = resume(paused, at=instant("2026-06-05T08:00"), shift=True)

        assert (resumed.ends_on, resumed.pauses[0].shift_days) == (date(2026, 6, 3), 0)
        assert resumed.segments == paused.segments

    def test_a_change_that_lies_ahead_moves_with_the_plan(self) -> None:
        ahead = moved(assigned(), to_version=2, duration_days=30, from_on=date(2026, 6, 15), at=NOON)

        resumed = resume(pause(ahead, at=NOON), at=NOON + 3 * DAY, shift=True)

        assert [(one.version, one.from_on, one.plan_starts_on) for one in resumed.segments] == [
            (1, MONDAY, MONDAY),
            (1, date(2026, 6, 6), MONDAY + 3 * DAY),
            (2, date(2026, 6, 18), MONDAY + 3 * DAY),
        ]

    def test_a_change_on_the_day_of_the_resumption_leaves_no_hole(self) -> None:
        ahead = moved(assigned(), to_version=2, duration_days=30, from_on=date(2026, 6, 6), at=NOON)

        resumed = resume(pause(ahead, at=NOON), at=NOON + 3 * DAY, shift=True)

        assert [(one.version, one.from_on) for one in resumed.segments] == [
            (1, MONDAY),
            (1, date(2026, 6, 6)),
            (2, date(2026, 6, 9)),
        ]

    def test_a_segment_that_is_over_stays(self) -> None:
        after = moved(assigned(), to_version=2, duration_days=30, from_on=date(2026, 6, 3), at=NOON)

        resumed = resume(pause(after, at=NOON + DAY), at=NOON + 3 * DAY, shift=True)

        assert [(one.version, one.from_on, one.plan_starts_on) for one in resumed.segments] == [
            (1, MONDAY, MONDAY),
            (2, date(2026, 6, 3), MONDAY),
            (2, date(2026, 6, 6), MONDAY + 2 * DAY),
        ]


class TestEnd:
    def test_stopping_keeps_when_and_why(self) -> None:
        stopped = stop(assigned(), at=NOON, reason="after away")

        assert (stopped.status, stopped.stopped_at, stopped.reason) == ("stopped", NOON, "after away")

    def test_completing_keeps_when(self) -> None:
        completed = complete(assigned(status="paused"), at=NOON)

        assert (completed.status, completed.stopped_at) == ("completed", NOON)

    def test_a_proposed_one_neither_stops_nor_completes(self) -> None:
        with pytest.raises(AssignmentNotStarted):
            stop(assigned(status="proposed"), at=NOON, reason="no")
        with pytest.raises(AssignmentNotStarted):
            complete(assigned(status="proposed"), at=NOON)

    @pytest.mark.parametrize("status", ["completed", "stopped", "entered_in_error"])
    def test_a_closed_one_takes_no_act(self, status: AssignmentStatus) -> None:
        closed = assigned(status=status)

        for act in (
            lambda: start(closed),
            lambda: pause(closed, at=NOON),
            lambda: resume(closed, at=NOON),
            lambda: stop(closed, at=NOON, reason="no"),
            lambda: complete(closed, at=NOON),
        ):
            with pytest.raises(AssignmentClosed):
                act()

    @pytest.mark.parametrize("status", ["proposed", "active", "paused", "completed", "stopped"])
    def test_anything_can_have_been_an_error(self, status: AssignmentStatus) -> None:
        marked = mark_entered_in_error(assigned(status=status), reason="wrong patient")

        assert (marked.status, marked.reason) == ("entered_in_error", "wrong patient")

    def test_an_error_is_an_error_once(self) -> None:
        with pytest.raises(AssignmentClosed):
            mark_entered_in_error(assigned(status="entered_in_error"))

    def test_it_is_over_when_its_last_local_day_is(self) -> None:
        assignment = assigned(duration_days=1, time_zone="Asia/Kathmandu")

        assert ends_at(assignment) == instant("2026-06-01T18:15")
        assert not is_over(assignment, instant("2026-06-01T18:14"))
        assert is_over(assignment, instant("2026-06-01T18:15"))


class Life(RuleBasedStateMachine):
    """Acts in any order, at times that go on: the plan stays whole, and its past stays as it was."""

    def __init__(self) -> None:
        super().__init__()
        self.contents = {
            version: content(activity("walk", period=1, period_unit="d"), duration_days=version * 10)
            for version in (1, 2, 3)
        }
        self.now = NOON
        self.assignment = assigned(status="proposed", duration_days=10)

    @initialize(zone=st.sampled_from(["UTC", "Europe/Berlin", "America/Santiago", "Pacific/Kiritimati"]))
    def begin(self, zone: str) -> None:
        self.assignment = assigned(status="proposed", duration_days=10, time_zone=zone)

    @rule(minutes=st.integers(1, 6_000))
    def time_goes_on(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def is_started(self) -> None:
        self._act({"proposed"}, "active", start)

    @rule()
    def is_paused(self) -> None:
        self._act({"active"}, "paused", lambda one: pause(one, at=self.now))

    @rule(shift=st.booleans())
    def is_resumed(self, shift: bool) -> None:
        self._act({"paused"}, "active", lambda one: resume(one, at=self.now, shift=shift))

    @precondition(lambda self: self.now > NOON + 20 * DAY)
    @rule()
    def is_stopped(self) -> None:
        self._act({"active", "paused"}, "stopped", lambda one: stop(one, at=self.now, reason="enough"))

    @precondition(lambda self: self.now > NOON + 20 * DAY)
    @rule()
    def is_completed(self) -> None:
        self._act({"active", "paused"}, "completed", lambda one: complete(one, at=self.now))

    @rule(version=st.integers(1, 3), ahead=st.integers(0, 5), restart=st.booleans())
    def is_moved(self, version: int, ahead: int, restart: bool) -> None:
        before = self.assignment
        from_on = self._today() + ahead * DAY
        past = self._planned(before, from_on - DAY)
        try:
            self.assignment = moved(
                before,
                to_version=version,
                duration_days=self.contents[version].duration_days,
                from_on=from_on,
                at=self.now,
                restart=restart,
            )
        except (AssignmentClosed, PastCannotChange, NothingLeftToPlan):
            return
        except Conflict:
            assert not restart
            return
        assert self._planned(self.assignment, from_on - DAY) == past

    @invariant()
    def segments_follow_each_other(self) -> None:
        begins = [segment.from_on for segment in self.assignment.segments]
        assert begins == sorted(set(begins))
        assert self.assignment.segments[-1].from_on <= self.assignment.ends_on

    @invariant()
    def every_day_has_one_segment(self) -> None:
        assignment = self.assignment
        covered = [
            first + timedelta(days=day)
            for _, first, last in segments_between(assignment, from_on=assignment.starts_on, to_on=assignment.ends_on)
            for day in range((last - first).days + 1)
        ]
        begins_on = assignment.segments[0].from_on
        assert covered == [begins_on + timedelta(days=day) for day in range((assignment.ends_on - begins_on).days + 1)]

    @invariant()
    def the_plan_ends_with_its_last_segment(self) -> None:
        last = self.assignment.segments[-1]
        assert self.assignment.ends_on == last.plan_starts_on + timedelta(
            days=self.contents[last.version].duration_days - 1
        )

    @invariant()
    def pauses_follow_each_other(self) -> None:
        times = [at for one in self.assignment.pauses for at in (one.from_at, one.to_at) if at is not None]
        assert times == sorted(times)
        is_last_open = bool(self.assignment.pauses) and self.assignment.pauses[-1].to_at is None
        assert is_last_open or self.assignment.status != "paused"

    def _act(self, allowed: set[str], to_status: str, act: Callable[[Assignment], Assignment]) -> None:
        before = self.assignment
        past = self._planned(before, self._today() - DAY)
        if before.status not in allowed:
            with pytest.raises(Conflict):
                act(before)
            return
        self.assignment = act(before)
        assert self.assignment.status == to_status
        assert self.assignment.revision == before.revision + 1
        assert self._planned(self.assignment, self._today() - DAY) == past

    def _planned(self, assignment: Assignment, to_on: date) -> list[tuple[str, datetime]]:
        found = occurrences(
            assignment, self.contents, from_on=assignment.starts_on, to_on=to_on, standing={}, at=self.now
        )
        return [(one.id, one.planned_at) for one in found]

    def _today(self) -> date:
        return calendar_of(self.assignment.time_zone).local_date(self.now)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


class TestSegment:
    def test_a_segment_is_a_plain_value(self) -> None:
        one = Segment(version=1, from_on=MONDAY, plan_starts_on=MONDAY)

        assert msgspec.json.decode(msgspec.json.encode(one), type=Segment) == one
