"""
A schedule as a pattern that repeats: what is planned in one cycle, and how far apart the cycles lie.

A pattern knows no dates, only the weekday of its anchor, so that it is made once and laid on any calendar.
Schedules are taken as checked (`schedule_check`). Source: care rules §2.2-2.4.
"""

from collections.abc import Iterable
from datetime import timedelta
from fractions import Fraction
from functools import lru_cache

from msgspec import Struct

from healthprotocol.care.protocols.model import DayOfWeek, Schedule
from healthprotocol.care.protocols.rules.day_parts import DayParts, since_midnight, times_of

WEEKDAYS: tuple[DayOfWeek, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

MICROSECONDS: dict[str, int] = {"s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000}
DAYS: dict[str, int] = {"d": 1, "wk": 7}
MONTHS: dict[str, int] = {"mo": 1, "a": 12}

# check_schedule lets 100 occurrences of an activity fall on one local day. Twice that means nobody asked it.
MOST_PLANNED = 200

# What happens once is a cycle so long that no assignment sees its second.
ONCE_DAYS = 10_000_000

Planning = tuple[timedelta, int]
"""A wall time, as time since the midnight of the day it is planned for, and the slot."""


class PatternDay(Struct, frozen=True, gc=False):
    """
    What a cycle plans on its day `offset` (days from the cycle's start).

    Each time of `times` is a time since midnight, its slot, and the first cycle that has it: a time that overflows
    its cycle by two days (`offsets_minutes`) belongs to the day from the third cycle on. From cycle `settled` on all
    of them are there.
    """

    offset: int
    times: tuple[tuple[timedelta, int, int], ...]
    settled: int


class CalendarPattern(Struct, frozen=True, gc=False):
    """
    Cycles of whole local days (`step_days`) or of months (`step_months`); the other of the two is 0.

    `base_offset` is where cycle 0 begins, in days from the anchor: at most 6 before it, for weeks begin on Monday.
    `closes_with_cycle` says that an occurrence stays open to the end of its cycle, else of its day. `growth_*` is
    what periodMax exceeds period by.
    """

    step_days: int
    step_months: int
    base_offset: int
    days: tuple[PatternDay, ...]
    closes_with_cycle: bool
    growth_days: int
    growth_months: int


class SeriesPattern(Struct, frozen=True, gc=False):
    """
    Evenly spaced instants: number j lies j · `step_us` / `per_cycle` microseconds after the anchor.

    `weekdays` (Monday is 0) keeps those whose local day is listed; None keeps all. `shift` moves the whole series.
    """

    step_us: int
    per_cycle: int
    weekdays: frozenset[int] | None
    shift: timedelta
    growth: timedelta


@lru_cache(maxsize=2_048)
def pattern_of(
    schedule: Schedule, *, anchor_weekday: int, shift_minutes: int = 0, day_parts: DayParts = ()
) -> CalendarPattern | SeriesPattern:
    """
    Return the pattern of a checked schedule whose anchor falls on `anchor_weekday` (Monday is 0).

    `shift_minutes` moves every planned time, as wall time or, for h, min and s, as elapsed time.
    """
    if schedule.period_unit in MICROSECONDS and schedule.period is not None:
        return _series(schedule, shift=timedelta(minutes=shift_minutes))
    plannings = plannings_of(schedule, day_parts)
    shifted = [(at + timedelta(minutes=shift_minutes), slot) for at, slot in plannings]
    if schedule.period_unit in MONTHS and schedule.period is not None:
        return _months(schedule, shifted)
    return _days(schedule, shifted, anchor_weekday)


def is_timed(schedule: Schedule) -> bool:
    """Say whether the schedule names wall times, so that its occurrences close with their day."""
    return bool(schedule.time_of_day or schedule.when or schedule.offsets_minutes)


def plannings_of(schedule: Schedule, day_parts: DayParts = ()) -> list[Planning]:
    """
    Return what a calendar schedule plans on one of its days, sorted and without duplicates.

    Raises:
        ValueError: it plans so much that it cannot have been checked.

    Source: care rules §2.4.
    """
    if schedule.time_of_day:
        times: Iterable[timedelta] = map(since_midnight, schedule.time_of_day)
    elif schedule.when:
        minutes = schedule.offset or 0
        times = (at for part in schedule.when for at in times_of(part, offset_minutes=minutes, day_parts=day_parts))
    elif schedule.offsets_minutes:
        times = (timedelta(minutes=minutes) for minutes in schedule.offsets_minutes)
    else:
        slots = schedule.frequency or 1
        if slots > MOST_PLANNED:
            raise ValueError("the schedule was not checked: it plans too much on one day")
        return [(timedelta(0), slot) for slot in range(1, slots + 1)]
    return [(at, 1) for at in sorted(set(times))]


def whole(value: float, unit: str) -> int:
    """
    Return a length in the whole steps of its unit: microseconds for h, min, s; days for d, wk; months for mo, a.

    The decimal is taken as written (0.1 h is 360 s exactly) and rounded to the step.
    """
    size = MICROSECONDS.get(unit) or DAYS.get(unit) or MONTHS[unit]
    return round(Fraction(str(value)) * size)


def _series(schedule: Schedule, *, shift: timedelta) -> SeriesPattern:
    assert schedule.period is not None
    assert schedule.period_unit is not None
    growth = schedule.period_max - schedule.period if schedule.period_max is not None else 0
    listed = frozenset(WEEKDAYS.index(day) for day in schedule.day_of_week)
    return SeriesPattern(
        step_us=whole(schedule.period, schedule.period_unit),
        per_cycle=schedule.frequency or 1,
        weekdays=listed or None,
        shift=shift,
        growth=timedelta(microseconds=whole(growth, schedule.period_unit)),
    )


def _months(schedule: Schedule, plannings: list[Planning]) -> CalendarPattern:
    assert schedule.period is not None
    assert schedule.period_unit is not None
    step = whole(schedule.period, schedule.period_unit)
    return CalendarPattern(
        step_days=0,
        step_months=step,
        base_offset=0,
        days=_pattern_days(plannings, [0], None),
        closes_with_cycle=not is_timed(schedule),
        growth_days=0,
        growth_months=0 if schedule.period_max is None else whole(schedule.period_max, schedule.period_unit) - step,
    )


def _days(schedule: Schedule, plannings: list[Planning], anchor_weekday: int) -> CalendarPattern:
    unit = schedule.period_unit or "d"
    repeats = bool(schedule.time_of_day or schedule.when or schedule.day_of_week)
    step = 1 if repeats else ONCE_DAYS
    if schedule.period is not None:
        step = whole(schedule.period, unit)
    listed = [WEEKDAYS.index(day) for day in schedule.day_of_week]
    cycle, base, starts = step, 0, [0]
    if listed and unit == "wk" and schedule.period is not None:
        base, starts = -anchor_weekday, sorted(set(listed))
    elif listed:
        # After seven cycles the weekdays come round again, whatever the step.
        cycle = 7 * step
        starts = [turn * step for turn in range(7) if (anchor_weekday + turn * step) % 7 in listed]
    return CalendarPattern(
        step_days=cycle,
        step_months=0,
        base_offset=base,
        days=_pattern_days(plannings, starts, cycle),
        closes_with_cycle=not (listed or is_timed(schedule) or schedule.period is None),
        growth_days=0 if schedule.period_max is None else whole(schedule.period_max, unit) - step,
        growth_months=0,
    )


def _pattern_days(plannings: list[Planning], starts: list[int], cycle_days: int | None) -> tuple[PatternDay, ...]:
    """
    Fold what the cycle plans into its own days.

    Times a whole number of cycles apart fall on the same wall times, one of them some cycles earlier; keeping the
    earliest leaves no duplicates to look for later, and lets occurrences be counted without listing them. Months have
    no fixed length (`cycle_days` None) and are not folded.
    """
    first_cycles: dict[tuple[int, timedelta, int], int] = {}
    for start in starts:
        for at, slot in plannings:
            # A timedelta's days round down and its rest is never negative, also before midnight.
            day = start + at.days
            turn, day = divmod(day, cycle_days) if cycle_days else (0, day)
            key = (day, at - timedelta(days=at.days), slot)
            first_cycles[key] = min(turn, first_cycles.get(key, turn))
    by_day: dict[int, list[tuple[timedelta, int, int]]] = {}
    for (day, at, slot), turn in sorted(first_cycles.items()):
        by_day.setdefault(day, []).append((at, slot, turn))
    return tuple(
        PatternDay(day, tuple(times), max(turn for _, _, turn in times)) for day, times in sorted(by_day.items())
    )
