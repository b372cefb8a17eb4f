"""What a schedule plans: the vectors, a second implementation, and what must always hold."""

import json
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from dateutil.rrule import DAILY, HOURLY, MONTHLY, WEEKLY, rrule
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from healthprotocol.care.protocols.model import BoundsDuration, BoundsPeriod, BoundsRange, Schedule
from healthprotocol.care.protocols.rules.expansion import Frame, Planned, planned_between
from healthprotocol.care.protocols.rules.schedule_check import check_schedule
from tests.support.brute_force import WEEKDAYS, brute_force, instant
from tests.support.schedules import frames, is_accepted, schedules, times
from tests.support.shared_data import shared

DAY = timedelta(days=1)
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def everything(schedule: Schedule, frame: Frame) -> list[Planned]:
    return planned_between(schedule, frame, from_on=frame.anchor_on - DAY, to_on=frame.ends_on + DAY)


class TestVectors:
    def test_every_vector_holds(self) -> None:
        vectors = json.loads(shared("recurrence/vectors.json").read_text())
        looked_at = 0

        for vector in [*vectors["named"], *vectors["random"]]:
            schedule, frame = _vector(vector)
            assert [_told(one) for one in everything(schedule, frame)] == vector["expected"], vector["id"]
            looked_at += 1

        print(f"{looked_at} recurrence vectors hold")  # noqa: T201 -- the run is to say how much it looked at
        assert looked_at >= 170

    def test_no_vector_that_occurs_is_refused(self) -> None:
        vectors = json.loads(shared("recurrence/vectors.json").read_text())

        for vector in [*vectors["named"], *vectors["random"]]:
            schedule, _ = _vector(vector)
            phase, days = vector["phase"], vector["duration_days"]
            refused = check_schedule(
                schedule,
                phase_start_day=phase["start_day"],
                phase_length_days=phase["length_days"],
                duration_days=days,
            )
            assert not (vector["expected"] and refused), vector["id"]

    def test_every_refused_vector_is_refused(self) -> None:
        vectors = json.loads(shared("recurrence/vectors.json").read_text())
        accepted = []

        for vector in vectors["refused"]:
            try:
                schedule = msgspec.convert(vector["schedule"], Schedule)
            except msgspec.ValidationError:
                continue
            if not check_schedule(schedule, phase_length_days=365, duration_days=365):
                accepted.append(vector["why"])

        assert len(vectors["refused"]) >= 15
        assert accepted == []


def _vector(vector: dict[str, Any]) -> tuple[Schedule, Frame]:
    starts_on = date.fromisoformat(vector["starts_on"])
    ends_on = starts_on + timedelta(days=vector["duration_days"] - 1)
    anchor_on = starts_on + timedelta(days=vector["phase"]["start_day"] - 1)
    last_on = min(ends_on, anchor_on + timedelta(days=vector["phase"]["length_days"] - 1))
    frame = Frame(time_zone=vector["time_zone"], anchor_on=anchor_on, last_on=last_on, ends_on=ends_on)
    return msgspec.convert(vector["schedule"], Schedule), frame


def _told(one: Planned) -> dict[str, Any]:
    def utc(at: datetime) -> str:
        return at.isoformat().replace("+00:00", "Z")

    return {
        "planned_at": utc(one.planned_at),
        "planned_local": one.planned_local.isoformat(),
        "slot": one.slot,
        "opens_at": utc(one.opens_at),
        "closes_at": utc(one.closes_at),
    }


class TestAgainstBruteForce:
    @given(schedules(), frames())
    @settings(unhurried, max_examples=400)
    def test_both_plan_the_same(self, schedule: Schedule, frame: Frame) -> None:
        assume(is_accepted(schedule))

        assert everything(schedule, frame) == brute_force(schedule, frame)


class TestProperties:
    @given(schedules(), frames(), st.data())
    @settings(unhurried)
    def test_a_window_is_a_slice_of_the_whole(self, schedule: Schedule, frame: Frame, data: st.DataObject) -> None:
        assume(is_accepted(schedule))
        days = st.dates(frame.anchor_on - 3 * DAY, frame.ends_on + 3 * DAY)
        from_on, to_on = data.draw(days), data.draw(days)

        window = planned_between(schedule, frame, from_on=from_on, to_on=to_on)

        whole = everything(schedule, frame)
        assert window == [one for one in whole if from_on <= one.planned_local.date() <= to_on]

    @given(schedules(), frames())
    @settings(unhurried)
    def test_every_occurrence_is_in_its_place(self, schedule: Schedule, frame: Frame) -> None:
        assume(is_accepted(schedule))

        planned = everything(schedule, frame)

        keys = [(one.planned_local, one.slot) for one in planned]
        assert len(keys) == len(set(keys))
        # By the wall clock; in an hour that the clock repeats by the time that passed, which goes through it twice.
        assert all(
            (one.planned_local, one.slot) < (other.planned_local, other.slot)
            or (other.slot > one.slot and one.planned_at < other.planned_at)
            for one, other in pairwise(planned)
        )
        assert schedule.count is None or len(planned) <= schedule.count
        end_at = _midnight(frame.ends_on + DAY, frame.time_zone)
        for one in planned:
            assert frame.anchor_on <= one.planned_local.date() <= frame.last_on
            assert one.opens_at <= one.closes_at <= end_at

    @given(schedules(), frames(), st.integers(1, 100))
    @settings(unhurried)
    def test_a_shorter_phase_plans_a_prefix(self, schedule: Schedule, frame: Frame, days: int) -> None:
        assume(is_accepted(schedule))
        shorter = msgspec.structs.replace(frame, last_on=min(frame.last_on, frame.anchor_on + (days - 1) * DAY))

        prefix = everything(schedule, shorter)

        assert prefix == everything(schedule, frame)[: len(prefix)]

    @given(schedules(), frames(), st.integers(0, 30))
    @settings(unhurried)
    def test_a_longer_assignment_changes_no_planned_time(self, schedule: Schedule, frame: Frame, days: int) -> None:
        assume(is_accepted(schedule))
        longer = msgspec.structs.replace(frame, ends_on=frame.ends_on + days * DAY)

        assert [(one.planned_at, one.slot) for one in everything(schedule, longer)] == [
            (one.planned_at, one.slot) for one in everything(schedule, frame)
        ]

    @given(schedules(), frames())
    @settings(unhurried)
    def test_computing_again_gives_the_same(self, schedule: Schedule, frame: Frame) -> None:
        assume(is_accepted(schedule))

        assert everything(schedule, frame) == everything(schedule, frame)


def _midnight(day: date, time_zone: str) -> datetime:
    return instant(datetime.combine(day, time()), ZoneInfo(time_zone))


class TestAgainstDateutil:
    @given(frames(), st.integers(1, 9), st.integers(1, 30), st.lists(times, min_size=1, max_size=3, unique=True))
    @settings(unhurried)
    def test_times_every_few_days(self, frame: Frame, days: int, count: int, at: list[time]) -> None:
        schedule = Schedule(time_of_day=tuple(at), period=days, period_unit="d", count=count)

        planned = everything(schedule, frame)

        rule = [
            datetime.combine(day.date(), moment)
            for day in rrule(DAILY, dtstart=_start(frame), until=_end(frame), interval=days)
            for moment in sorted(at)
        ]
        assert [one.planned_local for one in planned] == rule[:count]

    @given(frames(), st.integers(1, 4), st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True))
    @settings(unhurried)
    def test_weekdays_every_few_weeks(self, frame: Frame, weeks: int, weekdays: list[int]) -> None:
        names: Any = tuple(WEEKDAYS[day] for day in weekdays)
        schedule = Schedule(day_of_week=names, period=weeks, period_unit="wk")

        planned = everything(schedule, frame)

        rule = rrule(WEEKLY, dtstart=_start(frame), until=_end(frame), interval=weeks, byweekday=weekdays, wkst=0)
        assert [one.planned_local for one in planned] == list(rule)

    @given(frames(), st.integers(1, 3))
    @settings(unhurried)
    def test_months_clamp_to_their_last_day(self, frame: Frame, months: int) -> None:
        schedule = Schedule(period=months, period_unit="mo")

        planned = everything(schedule, frame)

        # The last of the days up to the anchor's that the month has.
        rule = rrule(
            MONTHLY,
            dtstart=_start(frame),
            until=_end(frame),
            interval=months,
            bymonthday=range(1, frame.anchor_on.day + 1),
            bysetpos=-1,
        )
        assert [one.planned_local for one in planned] == list(rule)

    @given(frames(), st.integers(1, 50), st.integers(1, 40))
    @settings(unhurried)
    def test_hours_go_by_on_the_utc_line(self, frame: Frame, hours: int, count: int) -> None:
        schedule = Schedule(period=hours, period_unit="h", count=count)

        planned = everything(schedule, frame)

        start_at, end_at = (_midnight(day, frame.time_zone) for day in (frame.anchor_on, frame.last_on + DAY))
        rule = rrule(HOURLY, dtstart=start_at, until=end_at - timedelta(seconds=1), interval=hours, count=None)
        assert [one.planned_at for one in planned] == list(rule)[:count]


def _start(frame: Frame) -> datetime:
    return datetime.combine(frame.anchor_on, time())


def _end(frame: Frame) -> datetime:
    return datetime.combine(frame.last_on, time(23, 59, 59))


class TestGapsAndOverlaps:
    def test_an_hour_that_comes_twice_has_two_occurrences_with_two_slots(self) -> None:
        frame = _days("Europe/Berlin", date(2026, 10, 25), 1)

        planned = everything(Schedule(period=1, period_unit="h"), frame)

        twice = [one for one in planned if one.planned_local.hour == 2]
        assert len(planned) == 25
        assert [(one.slot, one.planned_at.hour) for one in twice] == [(1, 0), (2, 1)]
        assert [one.planned_local.fold for one in twice] == [0, 0]

    def test_an_hour_that_comes_twice_is_no_second_slot_for_what_came_once(self) -> None:
        frame = _days("Europe/Berlin", date(2026, 10, 25), 1)

        planned = everything(Schedule(period=3, period_unit="h"), frame)

        assert [(one.planned_local.hour, one.slot) for one in planned][:3] == [(0, 1), (2, 1), (5, 1)]
        assert planned[1].planned_at == datetime(2026, 10, 25, 1, tzinfo=UTC)

    def test_a_time_in_a_gap_that_ends_the_day_closes_with_the_next(self) -> None:
        frame = _days("America/Nuuk", date(2026, 3, 28), 2)

        planned = everything(Schedule(time_of_day=(time(23, 30),)), frame)

        assert planned[0].planned_local == local("2026-03-28T23:30")
        assert planned[0].planned_at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
        assert planned[0].closes_at == datetime(2026, 3, 30, 1, 0, tzinfo=UTC)

    def test_a_window_never_ends_before_it_begins(self) -> None:
        frame = _days("America/Nuuk", date(2026, 3, 28), 1)

        planned = everything(Schedule(time_of_day=(time(23, 30),)), frame)

        assert planned[0].opens_at == planned[0].closes_at == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)

    def test_a_day_that_the_calendar_left_out_is_planned_for_the_next(self) -> None:
        frame = _days("Pacific/Apia", date(2011, 12, 30), 1)

        planned = everything(Schedule(time_of_day=(time(8),)), frame)

        assert planned[0].planned_local == local("2011-12-30T08:00")
        assert planned[0].planned_at == datetime(2011, 12, 30, 18, tzinfo=UTC)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _days(time_zone: str, starts_on: date, days: int) -> Frame:
    last_on = starts_on + (days - 1) * DAY
    return Frame(time_zone=time_zone, anchor_on=starts_on, last_on=last_on, ends_on=last_on)


class TestSeries:
    FRAME = Frame(
        time_zone="Europe/Berlin",
        anchor_on=date(2026, 10, 19),
        last_on=date(2026, 11, 1),
        ends_on=date(2026, 11, 1),
    )

    def planned(self, schedule: Schedule, from_on: date, to_on: date) -> list[tuple[str, int]]:
        found = planned_between(schedule, self.FRAME, from_on=from_on, to_on=to_on)
        return [(one.planned_local.isoformat(timespec="minutes"), one.slot) for one in found]

    def test_only_listed_days_count(self) -> None:
        weekend = Schedule(period=8, period_unit="h", day_of_week=("sat", "sun"), count=8)

        assert self.planned(weekend, date(2026, 10, 23), date(2026, 10, 31)) == [
            ("2026-10-24T00:00", 1),
            ("2026-10-24T08:00", 1),
            ("2026-10-24T16:00", 1),
            ("2026-10-25T00:00", 1),
            ("2026-10-25T07:00", 1),
            ("2026-10-25T15:00", 1),
            ("2026-10-25T23:00", 1),
            ("2026-10-31T07:00", 1),
        ]

    def test_only_listed_days_are_counted_before_the_window(self) -> None:
        weekend = Schedule(period=12, period_unit="h", day_of_week=("sat", "sun"), count=6)

        assert self.planned(weekend, date(2026, 10, 26), date(2026, 11, 1)) == [("2026-10-31T11:00", 1)]

    def test_a_count_that_ran_out_before_the_window_leaves_nothing(self) -> None:
        daily = Schedule(period=24, period_unit="h", count=3)

        assert self.planned(daily, date(2026, 10, 23), date(2026, 10, 31)) == []
        assert len(self.planned(daily, date(2026, 10, 19), date(2026, 10, 31))) == 3

    def test_bounds_end_it_to_the_second(self) -> None:
        hourly = Schedule(
            period=1, period_unit="h", bounds_duration=BoundsDuration(value=2.5, unit="h"), window_minutes=30
        )

        assert [time for time, _ in self.planned(hourly, date(2026, 10, 19), date(2026, 10, 31))] == [
            "2026-10-19T00:00",
            "2026-10-19T01:00",
            "2026-10-19T02:00",
        ]

    def test_begins_within_the_bounds(self) -> None:
        daily = Schedule(period=24, period_unit="h", count=2, bounds_period=BoundsPeriod(start=date(2026, 10, 21)))

        assert [time for time, _ in self.planned(daily, date(2026, 10, 19), date(2026, 10, 31))] == [
            "2026-10-21T00:00",
            "2026-10-22T00:00",
        ]


class TestWindow:
    def closings(self, schedule: Schedule, *, days: int = 70) -> list[str]:
        frame = _days("UTC", date(2026, 1, 31), days)
        return [one.closes_at.isoformat()[:16] for one in everything(schedule, frame)]

    def test_grows_by_months_from_the_anchor(self) -> None:
        untimed = Schedule(period=1, period_max=2, period_unit="mo")
        timed = Schedule(period=1, period_max=2, period_unit="mo", time_of_day=(time(8),))

        assert self.closings(untimed) == ["2026-03-31T00:00", "2026-04-11T00:00", "2026-04-11T00:00"]
        assert self.closings(timed) == ["2026-03-01T00:00", "2026-04-01T00:00", "2026-04-11T00:00"]

    def test_grows_by_days_from_its_end(self) -> None:
        fixed = Schedule(period=30, period_max=32, period_unit="d", time_of_day=(time(8),), window_minutes=60)

        assert self.closings(fixed) == ["2026-02-02T09:00", "2026-03-04T09:00", "2026-04-03T09:00"]

    def test_counts_months_from_the_first(self) -> None:
        twice = Schedule(period=1, period_unit="mo", frequency=2, count=3)
        frame = _days("UTC", date(2026, 1, 31), 90)

        found = planned_between(twice, frame, from_on=date(2026, 2, 1), to_on=frame.last_on)

        assert [(one.planned_local.date(), one.slot) for one in found] == [(date(2026, 2, 28), 1)]

    def test_of_what_has_no_time_lasts_as_long_as_its_cycle_or_its_day(self) -> None:
        assert self.closings(Schedule(period=30, period_unit="d"), days=61) == [
            "2026-03-02T00:00",
            "2026-04-01T00:00",
            "2026-04-02T00:00",
        ]
        assert self.closings(Schedule(day_of_week=("mon",), period=4, period_unit="wk"), days=61) == [
            "2026-02-24T00:00",
            "2026-03-24T00:00",
        ]

    def test_in_minutes_is_cut_at_the_end_of_the_assignment(self) -> None:
        assert self.closings(Schedule(time_of_day=(time(20),), window_minutes=300), days=2) == [
            "2026-02-01T01:00",
            "2026-02-02T00:00",
        ]


class TestFrames:
    def test_days_before_and_after_are_empty(self) -> None:
        frame = _days("UTC", date(2026, 6, 1), 5)

        assert planned_between(Schedule(), frame, from_on=date(2026, 5, 1), to_on=date(2026, 5, 31)) == []
        assert planned_between(Schedule(), frame, from_on=date(2026, 6, 6), to_on=date(2026, 6, 30)) == []
        assert planned_between(Schedule(), frame, from_on=date(2026, 6, 3), to_on=date(2026, 6, 1)) == []

    def test_a_count_that_ran_out_before_the_window_leaves_nothing(self) -> None:
        frame = _days("UTC", date(2026, 6, 1), 30)
        schedule = Schedule(time_of_day=(time(8), time(20)), count=5)

        assert planned_between(schedule, frame, from_on=date(2026, 6, 4), to_on=frame.last_on) == []
        assert len(planned_between(schedule, frame, from_on=date(2026, 6, 3), to_on=frame.last_on)) == 1

    def test_times_that_overflow_their_cycle_come_when_it_has_gone_round(self) -> None:
        frame = _days("UTC", date(2026, 6, 1), 4)
        schedule = Schedule(offsets_minutes=(600, 1_500, 2_940), period=1, period_unit="d")

        planned = everything(schedule, frame)

        assert [one.planned_local.isoformat(timespec="hours") for one in planned] == [
            "2026-06-01T10",
            "2026-06-02T01",
            "2026-06-02T10",
            "2026-06-03T01",
            "2026-06-03T10",
            "2026-06-04T01",
            "2026-06-04T10",
        ]

    def test_a_window_in_the_middle_of_a_cycle_holds_its_days_only(self) -> None:
        frame = _days("UTC", date(2026, 6, 1), 60)
        weekly = Schedule(day_of_week=("mon", "wed", "fri"), period=2, period_unit="wk")
        monthly = Schedule(offsets_minutes=(600, 20_000, 40_000), period=1, period_unit="mo")

        def days(schedule: Schedule) -> list[int]:
            found = planned_between(schedule, frame, from_on=date(2026, 6, 16), to_on=date(2026, 6, 17))
            return [one.planned_local.day for one in found]

        assert days(weekly) == [17]
        assert days(monthly) == []
        assert [one.planned_local.day for one in everything(monthly, frame)] == [1, 14, 28, 1, 14, 28]

    def test_of_every_few_days_those_that_are_listed(self) -> None:
        frame = _days("UTC", date(2026, 6, 1), 30)
        schedule = Schedule(day_of_week=("mon", "fri"), period=2, period_unit="d")

        assert [one.planned_local.day for one in everything(schedule, frame)] == [1, 5, 15, 19, 29]

    def test_an_open_range_has_no_end(self) -> None:
        frame = _days("UTC", date(2026, 6, 1), 4)
        schedule = Schedule(time_of_day=(time(8),), bounds_range=BoundsRange(low=BoundsDuration(value=1, unit="d")))

        assert len(everything(schedule, frame)) == 4

    def test_bounds_in_weeks_and_years_follow_the_calendar(self) -> None:
        frame = _days("UTC", date(2028, 2, 29), 365)

        def days(value: float, unit: Any) -> int:
            return len(
                everything(
                    Schedule(
                        time_of_day=(time(8),), bounds_range=BoundsRange(high=BoundsDuration(value=value, unit=unit))
                    ),
                    frame,
                )
            )

        assert [days(2, "wk"), days(1, "mo"), days(1, "a"), days(5, "d"), days(36, "h")] == [14, 29, 365, 5, 2]

    def test_bounds_of_dates_may_be_open_at_either_end(self) -> None:
        frame = _days("UTC", date(2026, 6, 1), 10)

        def days(**bounds: date) -> int:
            return len(everything(Schedule(time_of_day=(time(8),), bounds_period=BoundsPeriod(**bounds)), frame))

        assert days(start=date(2026, 6, 9)) == 2
        assert days(end=date(2026, 6, 2)) == 2
        assert days(end=date.max) == 10


class TestShift:
    def test_moves_wall_times_also_over_midnight(self) -> None:
        frame = _days("Europe/Berlin", date(2026, 3, 28), 3)
        schedule = Schedule(time_of_day=(time(8), time(23, 30)))

        planned = planned_between(schedule, frame, from_on=frame.anchor_on, to_on=frame.last_on, shift_minutes=60)

        assert [one.planned_local for one in planned] == [
            local("2026-03-28T09:00"),
            local("2026-03-29T00:30"),
            local("2026-03-29T09:00"),
            local("2026-03-30T00:30"),
            local("2026-03-30T09:00"),
        ]

    def test_moves_a_series_and_plans_nothing_before_its_phase(self) -> None:
        frame = _days("UTC", date(2026, 6, 1), 1)

        planned = planned_between(
            Schedule(period=8, period_unit="h"),
            frame,
            from_on=frame.anchor_on,
            to_on=frame.last_on,
            shift_minutes=-30,
        )

        assert [(one.planned_local.hour, one.planned_local.minute) for one in planned] == [(7, 30), (15, 30), (23, 30)]


class TestDayParts:
    def test_the_patients_own_meals_move_what_goes_with_them(self) -> None:
        frame = Frame(
            time_zone="UTC",
            anchor_on=date(2026, 6, 1),
            last_on=date(2026, 6, 1),
            ends_on=date(2026, 6, 1),
            day_parts=(("CM", time(9)),),
        )

        planned = everything(Schedule(when=("AC", "HS"), offset=30), frame)

        assert [one.planned_local.time() for one in planned] == [time(8, 30), time(12), time(18), time(22, 30)]

    def test_before_breakfast_by_many_hours_is_the_evening_before(self) -> None:
        frame = _days("UTC", date(2026, 6, 1), 3)

        planned = everything(Schedule(when=("ACM",), offset=600), frame)

        assert [one.planned_local for one in planned] == [local(f"2026-06-0{day}T21:30") for day in (1, 2, 3)]


class TestCost:
    def test_an_unchecked_schedule_is_refused_before_it_is_listed(self) -> None:
        frame = _days("UTC", date(2026, 6, 1), 365)

        with pytest.raises(ValueError, match="was not checked"):
            everything(Schedule(period=0.000001, period_unit="s", count=1_000_000_000), frame)
        with pytest.raises(ValueError, match="was not checked"):
            everything(Schedule(frequency=1_000_000_000), frame)

    def test_a_zone_that_is_none_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no such IANA time zone"):
            everything(Schedule(), _days("Europe/Atlantis", date(2026, 6, 1), 1))

    def test_a_day_at_the_end_of_a_long_count_is_not_counted_one_by_one(self) -> None:
        frame = _days("UTC", date(2026, 6, 1), 365)
        schedule = Schedule(period=15, period_unit="min", count=35_040)

        planned = planned_between(schedule, frame, from_on=frame.last_on, to_on=frame.last_on)

        assert len(planned) == 96
        assert planned[-1].planned_local == local("2027-05-31T23:45")
