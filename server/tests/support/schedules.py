"""Schedules and the frames they lie in, as hypothesis makes them up: every shape that the rules accept."""

from datetime import date, time, timedelta
from typing import Any

from hypothesis import strategies as st

from healthprotocol.care.protocols.model import BoundsDuration, BoundsPeriod, BoundsRange, Schedule
from healthprotocol.care.protocols.rules.frame import Frame
from healthprotocol.care.protocols.rules.schedule_check import check_schedule

# Gaps and overlaps by day and by night, of an hour and of half of one, at midnight, across midnight, and none at all.
ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "America/Havana", "America/Nuuk", "Africa/Cairo",
    "Africa/Casablanca", "Asia/Beirut", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati",
    "Pacific/Pago_Pago", "Atlantic/Azores",
]  # fmt: skip

DAY_NAMES = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
MOMENTS = ["WAKE", "MORN", "MORN.early", "NOON", "AFT.late", "EVE.late", "NIGHT", "HS", "PHS", "AC", "ACM", "PCV", "PC"]

# Few minutes, so that gaps and overlaps are hit, and times of several cycles coincide.
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
_days = st.lists(st.sampled_from(DAY_NAMES), min_size=1, max_size=7, unique=True).map(tuple)
_maybe_count = st.none() | st.integers(1, 40)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """A phase in an assignment of up to 120 days, often near a change of the clock."""
    starts_on = draw(st.dates(date(2024, 1, 1), date(2028, 12, 31)) | st.sampled_from(_CHANGES))
    duration = draw(st.integers(1, 120))
    start_day = draw(st.integers(1, duration))
    anchor_on = starts_on + timedelta(days=start_day - 1)
    ends_on = starts_on + timedelta(days=duration - 1)
    length = draw(st.integers(1, duration))
    return Frame(
        time_zone=draw(st.sampled_from(ZONES)),
        anchor_on=anchor_on,
        last_on=min(ends_on, anchor_on + timedelta(days=length - 1)),
        ends_on=ends_on,
    )


_CHANGES = [
    date(2026, 3, 7), date(2026, 3, 28), date(2026, 3, 27), date(2026, 4, 4), date(2026, 4, 24), date(2026, 9, 5),
    date(2026, 10, 3), date(2026, 10, 24), date(2026, 10, 31), date(2026, 2, 14), date(2027, 1, 31), date(2028, 2, 29),
]  # fmt: skip


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """A schedule that `check_schedule` accepts, if the phase is long enough."""
    fields: dict[str, Any] = draw(st.one_of(_once(), _daily(), _weekly(), _monthly(), _elapsed(), _offsets()))
    fields |= draw(
        st.fixed_dictionaries(
            {"count": _maybe_count},
            optional={
                "window_minutes": st.sampled_from([15, 60, 1_440, 4_000]),
                "lead_minutes": st.sampled_from([10, 60, 1_440]),
            },
        )
    )
    fields |= draw(st.just({}) | _bounds())
    return Schedule(**fields)


def is_accepted(schedule: Schedule) -> bool:
    """Say whether the schedule passes the check in a phase as long as can be."""
    return not check_schedule(schedule, phase_length_days=365, duration_days=365)


def _once() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"frequency": st.none() | st.integers(1, 4)})


def _daily() -> st.SearchStrategy[dict[str, Any]]:
    moments = st.one_of(
        st.fixed_dictionaries({"time_of_day": st.lists(times, min_size=1, max_size=4).map(tuple)}),
        st.fixed_dictionaries(
            {"when": st.lists(st.sampled_from(MOMENTS), min_size=1, max_size=3, unique=True).map(tuple)},
            optional={"offset": st.sampled_from([0, 15, 120, 600])},
        ),
        st.fixed_dictionaries({"frequency": st.integers(1, 4), "period": st.just(1), "period_unit": st.just("d")}),
        st.fixed_dictionaries({"day_of_week": _days}),
    )
    periods = st.one_of(
        st.just({}), st.integers(1, 10).flatmap(lambda days: _period(days, "d", [days, days + 1, days + 3]))
    )
    listed = st.just({}) | st.fixed_dictionaries({"day_of_week": _days})
    return st.tuples(moments, periods, listed).map(lambda parts: {**parts[0], **parts[1], **parts[2]})


def _weekly() -> st.SearchStrategy[dict[str, Any]]:
    moments = st.one_of(
        st.just({}),
        st.fixed_dictionaries({"frequency": st.integers(1, 3)}),
        st.fixed_dictionaries({"time_of_day": st.lists(times, min_size=1, max_size=3).map(tuple)}),
    )
    periods = st.integers(1, 4).flatmap(lambda weeks: _period(weeks, "wk", [weeks, weeks + 1]))
    listed = st.just({}) | st.fixed_dictionaries({"day_of_week": _days})
    return st.tuples(moments, periods, listed).map(lambda parts: {**parts[0], **parts[1], **parts[2]})


def _monthly() -> st.SearchStrategy[dict[str, Any]]:
    moments = st.one_of(
        st.just({}),
        st.fixed_dictionaries({"frequency": st.integers(1, 3)}),
        st.fixed_dictionaries({"time_of_day": st.lists(times, min_size=1, max_size=3).map(tuple)}),
        st.fixed_dictionaries({"when": st.just(("ACM", "HS")), "offset": st.sampled_from([30, 600])}),
        st.fixed_dictionaries({"offsets_minutes": _offset_minutes(100_000)}),
    )
    periods = st.one_of(
        st.integers(1, 3).flatmap(lambda months: _period(months, "mo", [months, months + 1])),
        _period(1, "a", [1, 2]),
    )
    return st.tuples(moments, periods).map(lambda parts: {**parts[0], **parts[1]})


def _elapsed() -> st.SearchStrategy[dict[str, Any]]:
    periods = st.sampled_from([(0.5, "h"), (1, "h"), (8, "h"), (36, "h"), (45, "min"), (1.7, "h"), (90_000, "s")])
    return st.tuples(
        periods.flatmap(lambda period: _period(period[0], period[1], [period[0], period[0] + 2])),
        st.just({}) | st.fixed_dictionaries({"day_of_week": _days}),
        st.just({}) | st.fixed_dictionaries({"frequency": st.integers(1, 3)}),
    ).map(lambda parts: {**parts[0], **parts[1], **parts[2]})


def _offsets() -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(
        st.fixed_dictionaries({"offsets_minutes": _offset_minutes(6_000)}),
        st.just({}) | st.integers(1, 28).flatmap(lambda days: _period(days, "d", [days, days + 2])),
    ).map(lambda parts: {**parts[0], **parts[1]})


def _offset_minutes(most: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(0, most // 30).map(lambda half: half * 30), min_size=1, max_size=6).map(tuple)


def _period(period: float, unit: str, longest: list[float]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"period": st.just(period), "period_unit": st.just(unit)}, optional={"period_max": st.sampled_from(longest)}
    )


def _bounds() -> st.SearchStrategy[dict[str, Any]]:
    lengths = st.builds(
        lambda value, unit: BoundsDuration(value=value, unit=unit),
        st.integers(1, 50),
        st.sampled_from(["h", "d", "wk", "mo", "a", "min"]),
    )
    days = st.dates(date(2024, 1, 1), date(2029, 3, 1))
    return st.one_of(
        st.fixed_dictionaries({"bounds_duration": lengths}),
        st.fixed_dictionaries({"bounds_range": st.builds(BoundsRange, high=st.none() | lengths)}),
        st.fixed_dictionaries({"bounds_period": st.builds(BoundsPeriod, start=st.none() | days, end=st.none() | days)}),
    )
