"""FHIR Timing to and from schedules."""

from datetime import date, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from healthprotocol.care.protocols.fhir.timing import read_cycle_days, read_duration, read_timing, unit_of, write_timing
from healthprotocol.care.protocols.model import BoundsDuration, BoundsPeriod, BoundsRange, Schedule
from healthprotocol.care.protocols.rules.exchange.documents import Json
from healthprotocol.care.protocols.rules.exchange.report import Finding
from tests.care.protocols.fhir.resources import node
from tests.support.schedules import schedules


def schedule_of(**repeat: Any) -> Schedule:
    found, findings = reading(repeat)
    assert not [finding for finding in findings if finding.outcome == "refused"]
    return found


def reading(repeat: Any) -> tuple[Schedule, tuple[Finding, ...]]:
    timing = node({"repeat": repeat})
    return read_timing(timing).schedule, timing.report.findings()


def codes(repeat: Any, outcome: str) -> dict[str, str]:
    return {each.pointer.removeprefix("/repeat/"): each.code for each in reading(repeat)[1] if each.outcome == outcome}


class TestRepeat:
    @settings(max_examples=200, deadline=None)
    @given(schedules())
    def test_is_read_as_it_was_written(self, schedule: Schedule) -> None:
        ours = Schedule(
            offsets_minutes=schedule.offsets_minutes,
            window_minutes=schedule.window_minutes,
            lead_minutes=schedule.lead_minutes,
        )

        read = read_timing(node(write_timing(schedule))).schedule

        for name in Schedule.__struct_fields__:
            expected = getattr(Schedule() if getattr(ours, name) else schedule, name)
            if name not in {"bounds_range", "bounds_period", "time_of_day"} or expected not in EMPTY:
                assert getattr(read, name) == (
                    tuple(dict.fromkeys(expected)) if isinstance(expected, tuple) else expected
                )

    def test_takes_every_kind_of_bounds(self) -> None:
        days = {"value": 5, "code": "d"}

        assert schedule_of(boundsDuration=days).bounds_duration == BoundsDuration(value=5, unit="d")
        assert schedule_of(boundsRange={"high": {"value": 2, "unit": "weeks"}}).bounds_range == BoundsRange(
            high=BoundsDuration(value=2, unit="wk")
        )
        assert schedule_of(boundsPeriod={"start": "2026-03-01T08:00:00Z"}).bounds_period == BoundsPeriod(
            start=date(2026, 3, 1)
        )

    def test_takes_odd_forms_whose_meaning_is_clear(self) -> None:
        schedule = schedule_of(
            dayOfWeek=["Monday", "TUE", "wed"], timeOfDay=["8:00", "20:15:30", "21:00:00.5"], frequency="1",
            period="2", periodUnit="weeks", countMax=4,
        )  # fmt: skip

        assert schedule == Schedule(
            day_of_week=("mon", "tue", "wed"),
            time_of_day=(time(8), time(20, 15, 30), time(21, 0, 0, 500_000)),
            frequency=1, period=2, period_unit="wk", count=4,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("repeat", "place", "code"),
        [
            ({"countMax": 3, "period": 1, "periodUnit": "d"}, "countMax", "tim-8"),
            ({"count": 1, "period": 0, "periodUnit": "d"}, "period", "period"),
            ({"count": 1, "period": 6, "periodUnit": "wk"}, "period", "period"),
            ({"frequency": 3, "periodUnit": "d"}, "periodUnit", "tim-2"),
            ({"duration": 30}, "duration", "tim-1"),
            ({"durationMax": 30, "durationUnit": "min"}, "duration", "tim-1"),
            ({"period": 1, "periodUnit": "Day"}, "periodUnit", "unit"),
            ({"dayOfWeek": ["MON"]}, "dayOfWeek/0", "dayOfWeek"),
            ({"boundsPeriod": {"end": "2026-03-01T00:00:00Z"}}, "boundsPeriod/end", "date"),
        ],
    )
    def test_says_what_it_mended(self, repeat: Any, place: str, code: str) -> None:
        assert codes(repeat, "adjusted")[place] == code
        assert codes(repeat, "refused") == {}

    @pytest.mark.parametrize(
        ("repeat", "place"),
        [
            ({"period": 1, "periodUnit": "moon"}, "periodUnit"),
            ({"period": "often"}, "period"),
            ({"period": True}, "period"),
            ({"period": 1e13}, "period"),
            ({"count": 1.5}, "count"),
            ({"dayOfWeek": ["someday"]}, "dayOfWeek/0"),
            ({"dayOfWeek": [1]}, "dayOfWeek/0"),
            ({"timeOfDay": ["25:00"]}, "timeOfDay/0"),
            ({"timeOfDay": [8]}, "timeOfDay/0"),
            ({"when": ["LUNCH"]}, "when/0"),
            ({"when": [1]}, "when/0"),
            ({"boundsDuration": {"value": 3}}, "boundsDuration"),
            ({"boundsPeriod": {"start": "2026"}}, "boundsPeriod/start"),
            ({"boundsPeriod": {"end": 2026}}, "boundsPeriod/end"),
        ],
    )
    def test_refuses_what_is_unclear_with_its_place(self, repeat: Any, place: str) -> None:
        assert place in codes(repeat, "refused")

    def test_keeps_what_it_does_not_know(self) -> None:
        timing = node({"repeat": {"period": 1, "periodUnit": "d", "mood": "good"}, "event": ["2026-03-01T08:00:00Z"]})

        read_timing(timing)

        assert [(each.pointer, each.text) for each in timing.report.kept_parts()] == [
            ("/event", "2026-03-01T08:00:00Z"),
            ("/repeat/mood", '"good"'),
        ]

    def test_keeps_events_that_are_computed(self) -> None:
        timing = node({"_event": [{"extension": [{"url": "cqf"}]}]})

        reading = read_timing(timing)

        assert not reading.says_when
        assert [each.what for each in timing.report.kept_parts()] == ["explicit times"]


EMPTY = (None, BoundsRange(), BoundsPeriod())


class TestCodes:
    @pytest.mark.parametrize(
        ("code", "schedule"),
        [
            ("BID", Schedule(time_of_day=(time(8), time(20)))),
            ("tid", Schedule(time_of_day=(time(8), time(14), time(20)))),
            ("QOD", Schedule(period=2, period_unit="d")),
            ("Q6H", Schedule(period=6, period_unit="h")),
        ],
    )
    def test_are_planned_at_the_institutions_times_and_said_so(self, code: str, schedule: Schedule) -> None:
        timing = node({"code": {"coding": [{"code": code}]}})

        assert read_timing(timing).schedule == schedule
        assert [finding.code for finding in timing.report.findings()] == ["institution"]

    def test_may_stand_as_text(self) -> None:
        assert read_timing(node({"code": {"text": "QD"}})).schedule == Schedule(period=1, period_unit="d")

    def test_go_together_with_bounds(self) -> None:
        bounds = {"boundsDuration": {"value": 10, "code": "d"}}

        schedule = read_timing(node({"code": {"text": "AM"}, "repeat": bounds})).schedule

        assert schedule == Schedule(time_of_day=(time(8),), bounds_duration=BoundsDuration(value=10, unit="d"))

    def test_give_way_to_a_rhythm_that_is_spelled_out(self) -> None:
        repeat = {"frequency": 3, "period": 1, "periodUnit": "d"}

        schedule = read_timing(node({"code": {"text": "BID"}, "repeat": repeat})).schedule

        assert schedule == Schedule(frequency=3, period=1, period_unit="d")

    def test_that_nobody_knows_are_kept(self) -> None:
        timing = node({"code": {"text": "now and then"}})

        assert not read_timing(timing).says_when
        assert [each.what for each in timing.report.kept_parts()] == ["a code for a rhythm"]


class TestCycleDays:
    URL = "http://hl7.org/fhir/StructureDefinition/timing-daysOfCycle"

    def action(self, *days: Any) -> Any:
        inner = [{"url": "day", "valueInteger": day} for day in days]
        return node({"extension": [{"url": self.URL, "extension": inner}]})

    def test_repeat_with_the_cycle_around(self) -> None:
        cycle = read_timing(node({"repeat": {"count": 6, "duration": 21, "durationUnit": "d"}}))

        reading = read_cycle_days(self.action(1, 8), cycle)

        assert reading is not None
        assert reading.schedule == Schedule(
            period=21, period_unit="d", offsets_minutes=(0, 7 * 1440),
            bounds_duration=BoundsDuration(value=126, unit="d"),
        )  # fmt: skip

    def test_alone_are_days_of_one_cycle(self) -> None:
        reading = read_cycle_days(self.action(3), None)

        assert reading is not None
        assert reading.schedule == Schedule(offsets_minutes=(2 * 1440,))

    def test_that_are_none_say_nothing(self) -> None:
        assert read_cycle_days(self.action(0, 1000), None) is None
        assert read_cycle_days(node({}), None) is None


class TestWriting:
    def test_leaves_what_a_schedule_does_not_say(self) -> None:
        over: Json = {"event": ["2026"], "code": {"text": "BID"}, "repeat": {"id": "r", "frequency": 3, "period": 1}}

        written = write_timing(Schedule(period=2, period_unit="d"), over=over)

        assert written == {"event": ["2026"], "repeat": {"id": "r", "period": 2, "periodUnit": "d"}}

    def test_of_nothing_is_nothing(self) -> None:
        assert write_timing(Schedule(), over={"repeat": {"count": 3}}) == {}

    def test_names_units_for_people_too(self) -> None:
        schedule = Schedule(bounds_range=BoundsRange(low=BoundsDuration(value=1.5, unit="h")))

        length = {"value": Decimal("1.5"), "unit": "hour", "system": "http://unitsofmeasure.org", "code": "h"}
        assert write_timing(schedule) == {"repeat": {"boundsRange": {"low": length}}}


class TestUnits:
    @pytest.mark.parametrize(
        ("word", "unit"), [("days", "d"), ("D", "d"), ("s", "s"), ("mo", "mo"), (None, None), ("x", None)]
    )
    def test_are_known_by_code_and_name(self, word: str | None, unit: str | None) -> None:
        assert unit_of(word) == unit

    def test_of_a_length_are_needed(self) -> None:
        quantity = node({"value": 3})

        assert read_duration(quantity) is None
        assert quantity.report.is_refused
