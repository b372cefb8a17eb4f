"""What a schedule must not say, and where the fault is pointed at."""

import math
from datetime import UTC, date, time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthprotocol.care.protocols.model import BoundsDuration, BoundsPeriod, BoundsRange, Schedule
from healthprotocol.care.protocols.rules.expansion import planned_between
from healthprotocol.care.protocols.rules.schedule_check import MOST_ON_A_DAY, check_schedule
from tests.support.schedules import frames, schedules
from tests.support.stopwatch import processor_seconds


def faults(*, phase_length_days: int = 30, duration_days: int = 30, **fields: Any) -> list[tuple[str, str]]:
    found = check_schedule(
        Schedule(**fields), phase_length_days=phase_length_days, duration_days=duration_days, pointer="/schedule"
    )
    return [(one.pointer, one.code) for one in found]


def days(value: float, unit: Any = "d") -> BoundsDuration:
    return BoundsDuration(value=value, unit=unit)


class TestInvariants:
    @pytest.mark.parametrize(
        ("fields", "field", "code"),
        [
            ({"duration": 5}, "duration", "tim-1"),
            ({"period": 1}, "period", "tim-2"),
            ({"duration": -1, "duration_unit": "h"}, "duration", "out_of_range"),
            ({"period": -1, "period_unit": "d"}, "period", "out_of_range"),
            ({"period": 0, "period_unit": "d"}, "period", "out_of_range"),
            ({"period_max": 2, "period_unit": "d"}, "periodMax", "tim-6"),
            ({"duration_max": 2, "duration_unit": "h"}, "durationMax", "tim-7"),
            ({"count_max": 2}, "countMax", "tim-8"),
            ({"offset": 10}, "offset", "tim-9"),
            ({"when": ("AC", "CM"), "offset": 10}, "when/1", "tim-9"),
            ({"when": ("MORN",), "time_of_day": (time(8),)}, "when", "tim-10"),
        ],
    )
    def test_fhir_says_so(self, fields: dict[str, Any], field: str, code: str) -> None:
        assert (f"/schedule/{field}", code) in faults(**fields)

    def test_a_duration_of_nothing_is_fine(self) -> None:
        assert faults(duration=0, duration_unit="min") == []


class TestContradictions:
    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"period_unit": "d"}, "periodUnit"),
            ({"count": 3, "count_max": 2}, "countMax"),
            ({"frequency": 3, "frequency_max": 2}, "frequencyMax"),
            ({"duration": 3, "duration_max": 2, "duration_unit": "h"}, "durationMax"),
            ({"period": 3, "period_max": 2, "period_unit": "d"}, "periodMax"),
            ({"period": 1, "period_unit": "mo", "day_of_week": ("mon",)}, "dayOfWeek"),
            ({"period": 1, "period_unit": "a", "day_of_week": ("mon",)}, "dayOfWeek"),
            ({"period": 4, "period_unit": "h", "time_of_day": (time(8),)}, "timeOfDay"),
            ({"period": 40, "period_unit": "min", "when": ("MORN",)}, "when"),
            ({"period": 4_000, "period_unit": "s", "offsets_minutes": (5,)}, "offsets_minutes"),
            ({"frequency": 3, "time_of_day": (time(8), time(20))}, "frequency"),
            ({"frequency": 2, "when": ("AC",)}, "frequency"),
            ({"frequency": 2, "offsets_minutes": (5, 10)}, "frequency"),
            ({"offsets_minutes": (5,), "time_of_day": (time(8),)}, "timeOfDay"),
            ({"offsets_minutes": (5,), "when": ("MORN",)}, "when"),
            ({"bounds_duration": days(1), "bounds_range": BoundsRange(high=days(2))}, "boundsRange"),
            ({"bounds_range": BoundsRange(low=days(3), high=days(2))}, "boundsRange/high"),
            ({"bounds_period": BoundsPeriod(start=date(2026, 2, 2), end=date(2026, 2, 1))}, "boundsPeriod/end"),
        ],
    )
    def test_is_pointed_at(self, fields: dict[str, Any], field: str) -> None:
        assert (f"/schedule/{field}", "contradiction") in faults(**fields)

    @pytest.mark.parametrize(
        "fields",
        [
            {"frequency": 2, "time_of_day": (time(8), time(20))},
            {"frequency": 1, "time_of_day": (time(8), time(20))},
            {"frequency": 3, "when": ("AC",)},
            {"frequency": 2, "frequency_max": 4},
            {"count": 2, "count_max": 4},
            {"bounds_range": BoundsRange(low=days(3))},
            {"bounds_range": BoundsRange(low=days(3, "wk"), high=days(28))},
            {"bounds_period": BoundsPeriod(start=date(2026, 2, 2))},
            {"duration_unit": "h"},
        ],
    )
    def test_what_goes_together_passes(self, fields: dict[str, Any]) -> None:
        assert faults(**fields) == []


class TestNumbers:
    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"count": 0}, "count"),
            ({"count": 1_000_000_000}, "count"),
            ({"frequency": -2}, "frequency"),
            ({"period": 1e300, "period_unit": "a"}, "period"),
            ({"period": 1e12, "period_unit": "h"}, "period"),
            ({"period": math.inf, "period_unit": "d"}, "period"),
            ({"period": math.nan, "period_unit": "d"}, "period"),
            ({"duration": 101, "duration_unit": "a"}, "duration"),
            ({"when": ("HS",), "offset": 1_441}, "offset"),
            ({"when": ("HS",), "offset": -1}, "offset"),
            ({"bounds_duration": days(0)}, "boundsDuration/value"),
            ({"bounds_duration": days(-4, "h")}, "boundsDuration/value"),
            ({"bounds_duration": days(math.inf, "h")}, "boundsDuration/value"),
            ({"period": 0.000001, "period_unit": "s", "count": 50}, "period"),
            ({"period": 1, "period_unit": "min", "frequency": 61, "count": 50}, "period"),
        ],
    )
    def test_out_of_range(self, fields: dict[str, Any], field: str) -> None:
        assert (f"/schedule/{field}", "out_of_range") in faults(**fields)

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"period": 0.5, "period_unit": "d"}, "period"),
            ({"period": 1.5, "period_unit": "mo"}, "period"),
            ({"period": 1, "period_max": 1.5, "period_unit": "wk"}, "periodMax"),
            ({"period": 1 / 7, "period_unit": "wk", "day_of_week": ("mon",)}, "period"),
            ({"bounds_duration": days(0.5)}, "boundsDuration/value"),
            ({"bounds_range": BoundsRange(high=days(2.5, "mo"))}, "boundsRange/high/value"),
        ],
    )
    def test_a_decimal_that_makes_no_whole_days(self, fields: dict[str, Any], field: str) -> None:
        assert (f"/schedule/{field}", "not_whole") in faults(**fields)

    def test_a_seventh_of_a_week_is_a_day(self) -> None:
        assert faults(period=2 / 7, period_unit="wk") == []
        assert faults(period=1.5, period_unit="h") == []


class TestForm:
    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"time_of_day": (time(8, tzinfo=UTC),)}, "timeOfDay/0"),
            ({"when": ("LUNCH",)}, "when/0"),
            ({"time_of_day": (time(8), time(9, tzinfo=UTC))}, "timeOfDay/1"),
            ({"window_minutes": 0}, "window_minutes"),
            ({"lead_minutes": -5}, "lead_minutes"),
            ({"offsets_minutes": (5, 10**9)}, "offsets_minutes/1"),
            ({"period": "1", "period_unit": "d"}, "period"),
        ],
    )
    def test_what_was_built_in_code_is_held_to_the_model(self, fields: dict[str, Any], field: str) -> None:
        assert faults(**fields) == [(f"/schedule/{field}", "malformed")]

    def test_lists_of_an_importer_are_as_good_as_tuples(self) -> None:
        assert faults(time_of_day=[time(8), time(20)], day_of_week=["mon"]) == []

    def test_all_faults_come_at_once(self) -> None:
        found = faults(period=-1, period_unit="h", time_of_day=(time(8),), count_max=2, offset=10)

        assert [field for field, _ in found] == [
            "/schedule/period",
            "/schedule/countMax",
            "/schedule/offset",
            "/schedule/timeOfDay",
        ]

    def test_no_detail_quotes_a_value(self) -> None:
        found = check_schedule(
            Schedule(period=-12345, period_unit="h", count=987654321, offset=77777),
            phase_length_days=9,
            duration_days=9,
        )

        told = " ".join(one.detail for one in found)
        assert not any(value in told for value in ("12345", "987654321", "77777"))


class TestTooMany:
    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"frequency": 101}, "frequency"),
            ({"frequency": 101, "period": 1, "period_unit": "a"}, "frequency"),
            ({"frequency": 1, "period": 14, "period_unit": "min"}, "period"),
            ({"frequency": 101, "period": 1, "period_unit": "h"}, "period"),
            ({"period": 1, "period_unit": "min", "bounds_duration": days(2, "h")}, "period"),
        ],
    )
    def test_on_one_local_day(self, fields: dict[str, Any], field: str) -> None:
        assert faults(**fields) == [(f"/schedule/{field}", "too_many")]

    @pytest.mark.parametrize(
        "fields",
        [
            {"frequency": 100},
            {"period": 15, "period_unit": "min"},
            {"period": 5, "period_unit": "min", "bounds_duration": days(1, "h")},
            {"period": 5, "period_unit": "min", "count": 12},
            {"frequency": 200, "period": 1, "period_unit": "h", "count": 100},
            {"time_of_day": tuple(time(i // 60, i % 60) for i in range(100))},
        ],
    )
    def test_a_hundred_is_not_too_many(self, fields: dict[str, Any]) -> None:
        assert faults(**fields) == []


class TestNeverOccurs:
    @pytest.mark.parametrize(
        "fields",
        [
            {"phase_length_days": 2, "offsets_minutes": (2_880,)},
            {"time_of_day": (time(8),), "bounds_duration": days(3, "h")},
            {"time_of_day": (time(8),), "bounds_range": BoundsRange(high=days(30, "min"))},
            {"phase_length_days": 1, "when": ("PHS",), "offset": 120},
            {"duration_days": 0},
        ],
    )
    def test_in_its_phase_and_bounds(self, fields: dict[str, Any]) -> None:
        assert faults(**fields) == [("/schedule", "never_occurs")]

    @pytest.mark.parametrize(
        "fields",
        [
            {"phase_length_days": 1, "day_of_week": ("sun",), "period": 3, "period_unit": "wk"},
            {"phase_length_days": 1, "day_of_week": ("sun",), "period": 7, "period_unit": "d"},
            {"phase_length_days": 1, "when": ("ACM",), "offset": 600},
            {"phase_length_days": 40, "when": ("ACM",), "offset": 600, "period": 1, "period_unit": "mo"},
            {"bounds_duration": days(1, "min")},
            {"bounds_duration": days(1, "a"), "period": 2, "period_unit": "mo"},
            {"period": 8, "period_unit": "h", "day_of_week": ("mon",), "bounds_duration": days(1, "h")},
        ],
    )
    def test_what_occurs_from_some_day_on_passes(self, fields: dict[str, Any]) -> None:
        assert faults(duration_days=60, **fields) == []

    def test_a_phase_after_the_protocols_end_holds_nothing(self) -> None:
        found = check_schedule(Schedule(), phase_start_day=8, phase_length_days=7, duration_days=7)

        assert [(one.pointer, one.code) for one in found] == [("", "never_occurs")]


_numbers = st.one_of(
    st.none(),
    st.integers(-(10**18), 10**18),
    st.floats(),
    st.sampled_from([0, -1, 1, 0.000001, 1e9, 1e308, 5e-324]),
)
_NUMBER_FIELDS = (
    "count", "countMax", "duration", "durationMax", "frequency", "frequencyMax", "period", "periodMax", "offset",
    "window_minutes", "lead_minutes",
)  # fmt: skip
_units = st.none() | st.sampled_from(["s", "min", "h", "d", "wk", "mo", "a"])


class TestHostileInput:
    @given(
        numbers=st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(_NUMBER_FIELDS, _numbers),
        ),
        units=st.fixed_dictionaries({"periodUnit": _units, "durationUnit": _units}),
        bound=st.none() | st.fixed_dictionaries({"value": _numbers, "unit": _units}),
    )
    @settings(deadline=None)
    def test_is_answered_at_once(self, numbers: dict[str, Any], units: dict[str, Any], bound: Any) -> None:
        raw = {**numbers, **units, "boundsDuration": bound}
        try:
            schedule = msgspec.convert({key: value for key, value in raw.items() if value is not None}, Schedule)
        except msgspec.ValidationError:
            return

        def check() -> object:
            return check_schedule(schedule, phase_length_days=365, duration_days=365)

        assert processor_seconds(check, enough=0.5) < 0.5

    @given(schedules(), frames())
    @settings(deadline=None)
    def test_what_passes_plans_no_more_than_a_hundred_a_day(self, schedule: Schedule, frame: Any) -> None:
        if check_schedule(schedule, phase_length_days=365, duration_days=365):
            return

        planned = planned_between(schedule, frame, from_on=frame.anchor_on, to_on=frame.anchor_on)

        assert len(planned) <= MOST_ON_A_DAY
