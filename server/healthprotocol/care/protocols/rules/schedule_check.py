"""
What a schedule must not say: FHIR's invariants, contradictions, and plans that nobody can follow.

Everything is looked at arithmetically, so that the most hostile schedule costs no more than an honest one.
Source: care rules §2.7; FHIR R4 Timing, tim-1 … tim-10 (there is no tim-3).
"""

import math
import re
from datetime import timedelta

import msgspec

from healthprotocol.care.protocols.model import BoundsDuration, Schedule
from healthprotocol.care.protocols.rules.cycles import (
    DAYS,
    MICROSECONDS,
    MONTHS,
    CalendarPattern,
    SeriesPattern,
    is_timed,
    pattern_of,
    plannings_of,
    whole,
)
from healthprotocol.care.protocols.rules.day_parts import NEVER_OFFSET
from healthprotocol.foundation.errors import Violation

MOST_ON_A_DAY = 100
MOST_OCCURRENCES = 100_000
LONGEST_DAYS = 36_525
LONGEST_OFFSET_MINUTES = 1_440

# A local day lasts 25 hours when the clock goes back, and a schedule does not know where it will be followed.
_LONGEST_DAY = timedelta(hours=25)
_TOO_MANY = f"Plan no more than {MOST_ON_A_DAY} times on one local day."
_DAYS_AT_MOST = {"d": 1, "wk": 7, "mo": 31, "a": 366}
_NO_TIME = timedelta(0)


def check_schedule(
    schedule: Schedule, *, phase_length_days: int, duration_days: int, phase_start_day: int = 1, pointer: str = ""
) -> list[Violation]:
    """
    Return every reason to refuse a schedule, each with its place under `pointer`; an empty list accepts it.

    The phase and the protocol's `duration_days` say how many days the schedule has. Whether it ever occurs is judged
    for the most favourable starting day, since that is not known yet.

    Source: care rules §2.7.
    """
    normal = _normal(schedule, pointer)
    if isinstance(normal, Violation):
        return [normal]
    faults = _Faults(normal, pointer)
    _check_numbers(faults)
    _check_invariants(faults)
    _check_bounds(faults)
    _check_period(faults)
    _check_times(faults)
    if not faults.found:
        _check_occurrences(faults, days=min(phase_length_days, duration_days - phase_start_day + 1))
    return faults.found


class _Faults:
    """The schedule looked at, and what was found wrong with it."""

    def __init__(self, schedule: Schedule, pointer: str) -> None:
        self.schedule = schedule
        self.pointer = pointer
        self.found: list[Violation] = []

    def add(self, field: str, code: str, detail: str) -> None:
        place = f"{self.pointer}/{field}" if field else self.pointer
        self.found.append(Violation(place, code, detail))


def _normal(schedule: Schedule, pointer: str) -> Schedule | Violation:
    """
    Return the schedule as a decoder would have made it, or what no decoder would have let through.

    One that was built in code, by an importer, has passed none.
    """
    try:
        return msgspec.convert(msgspec.to_builtins(schedule), Schedule)
    except msgspec.ValidationError as error:
        # msgspec ends with "at `$.timeOfDay[0]`" and may quote the value before that.
        path = re.search(r"at `\$(.*)`$", str(error))
        place = re.sub(r"\.|\[", "/", path.group(1)).replace("]", "") if path else ""
        return Violation(pointer + place, "malformed", "This is not of the type or in the range that the field takes.")


def _check_numbers(faults: _Faults) -> None:
    schedule = faults.schedule
    for field, count in (
        ("count", schedule.count),
        ("countMax", schedule.count_max),
        ("frequency", schedule.frequency),
        ("frequencyMax", schedule.frequency_max),
    ):
        if count is not None and not 1 <= count <= MOST_OCCURRENCES:
            faults.add(field, "out_of_range", f"Give a whole number from 1 to {MOST_OCCURRENCES}.")
    for field, length, unit in (
        ("duration", schedule.duration, schedule.duration_unit),
        ("durationMax", schedule.duration_max, schedule.duration_unit),
        ("period", schedule.period, schedule.period_unit),
        ("periodMax", schedule.period_max, schedule.period_unit),
    ):
        # A duration of nothing says that it happens at once; a period of nothing would recur without end.
        is_zero_allowed = field.startswith("duration")
        if length is not None and not _is_length(length, unit, is_zero_allowed=is_zero_allowed):
            least = "from 0" if is_zero_allowed else "greater than 0"
            faults.add(field, "out_of_range", f"Give a length {least} and of no more than a hundred years.")
    if schedule.offset is not None and not 0 <= schedule.offset <= LONGEST_OFFSET_MINUTES:
        faults.add("offset", "out_of_range", f"Give whole minutes from 0 to {LONGEST_OFFSET_MINUTES}.")
    for field, least_value, most in (
        ("countMax", schedule.count, schedule.count_max),
        ("frequencyMax", schedule.frequency or 1, schedule.frequency_max),
        ("durationMax", schedule.duration, schedule.duration_max),
        ("periodMax", schedule.period, schedule.period_max),
    ):
        if least_value is not None and most is not None and most < least_value:
            faults.add(field, "contradiction", f"Let this be no less than {field.removesuffix('Max')}.")


def _is_length(value: float, unit: str | None, *, is_zero_allowed: bool) -> bool:
    if not math.isfinite(value) or value < 0 or (value == 0 and not is_zero_allowed):
        return False
    if unit in MICROSECONDS:
        return value * MICROSECONDS[unit] <= timedelta(days=LONGEST_DAYS) / timedelta(microseconds=1)
    return value * _DAYS_AT_MOST.get(unit or "d", 1) <= LONGEST_DAYS


def _check_invariants(faults: _Faults) -> None:
    """FHIR R4 Timing: what needs what, and what excludes what."""
    schedule = faults.schedule
    for tim, field, is_given, needed, is_there in (
        ("tim-1", "duration", schedule.duration, "durationUnit", schedule.duration_unit),
        ("tim-2", "period", schedule.period, "periodUnit", schedule.period_unit),
        ("tim-6", "periodMax", schedule.period_max, "period", schedule.period),
        ("tim-7", "durationMax", schedule.duration_max, "duration", schedule.duration),
        ("tim-8", "countMax", schedule.count_max, "count", schedule.count),
        ("tim-9", "offset", schedule.offset, "when", schedule.when or None),
    ):
        if is_given is not None and is_there is None:
            faults.add(field, tim, f"Give {needed} with {field}, or neither.")
    if schedule.period_unit is not None and schedule.period is None:
        faults.add("periodUnit", "contradiction", "Give period with periodUnit, or neither.")
    if schedule.offset is not None:
        for index, part in enumerate(schedule.when):
            if part in NEVER_OFFSET:
                faults.add(f"when/{index}", "tim-9", "A meal itself takes no offset: say before or after it.")
    if schedule.time_of_day and schedule.when:
        faults.add("when", "tim-10", "Give timeOfDay or when, not both.")


def _check_bounds(faults: _Faults) -> None:
    schedule = faults.schedule
    given = [
        field
        for field, bounds in (
            ("boundsDuration", schedule.bounds_duration),
            ("boundsRange", schedule.bounds_range),
            ("boundsPeriod", schedule.bounds_period),
        )
        if bounds is not None
    ]
    for field in given[1:]:
        faults.add(field, "contradiction", f"Give one kind of bounds; there is {given[0]} already.")
    if schedule.bounds_duration is not None:
        _check_bound_length(faults, "boundsDuration", schedule.bounds_duration)
    if schedule.bounds_range is not None:
        low, high = schedule.bounds_range.low, schedule.bounds_range.high
        if low is not None:
            _check_bound_length(faults, "boundsRange/low", low)
        if high is not None:
            _check_bound_length(faults, "boundsRange/high", high)
        if low is not None and high is not None and low.unit == high.unit and low.value > high.value:
            faults.add("boundsRange/high", "contradiction", "Let high be no less than low.")
    period = schedule.bounds_period
    if period is not None and period.start is not None and period.end is not None and period.end < period.start:
        faults.add("boundsPeriod/end", "contradiction", "Let the end be no earlier than the start.")


def _check_bound_length(faults: _Faults, field: str, length: BoundsDuration) -> None:
    if not _is_length(length.value, length.unit, is_zero_allowed=False):
        faults.add(
            f"{field}/value", "out_of_range", "Give a length greater than 0 and of no more than a hundred years."
        )
    elif not _is_whole(length.value, length.unit):
        faults.add(f"{field}/value", "not_whole", "Give whole days, months or years, or use hours.")


def _check_period(faults: _Faults) -> None:
    schedule = faults.schedule
    unit = schedule.period_unit
    if unit is None:
        return
    for field, length in (("period", schedule.period), ("periodMax", schedule.period_max)):
        if length is None or not _is_length(length, unit, is_zero_allowed=False):
            continue
        if not _is_whole(length, unit) or (schedule.day_of_week and unit == "wk" and not float(length).is_integer()):
            faults.add(field, "not_whole", "A decimal is possible with s, min and h, and where it makes whole days.")
    if unit in MICROSECONDS:
        if schedule.period is not None and 0 < schedule.period * MICROSECONDS[unit] < (schedule.frequency or 1) * 1e6:
            faults.add("period", "out_of_range", "Plan times that are at least a second apart.")
        for field, times in (
            ("timeOfDay", schedule.time_of_day),
            ("when", schedule.when),
            ("offsets_minutes", schedule.offsets_minutes),
        ):
            if times:
                faults.add(field, "contradiction", "Times of the day do not go with a period in h, min or s.")
    if unit in MONTHS and schedule.day_of_week:
        faults.add("dayOfWeek", "contradiction", "Days of the week do not go with a period in months or years.")


def _is_whole(value: float, unit: str) -> bool:
    """Say whether a length comes to whole days (d, wk) or months (mo, a); h, min and s are always fine."""
    size = DAYS.get(unit) or MONTHS.get(unit)
    if size is None:
        return True
    # A seventh of a week is written with as many digits as a float has.
    return abs(value * size - round(value * size)) < 1e-9 * max(1.0, value * size) and round(value * size) >= 1


def _check_times(faults: _Faults) -> None:
    schedule = faults.schedule
    if schedule.offsets_minutes:
        for field, is_given in (
            ("timeOfDay", bool(schedule.time_of_day)),
            ("when", bool(schedule.when)),
            ("frequency", (schedule.frequency or 1) > 1),
        ):
            if is_given:
                faults.add(field, "contradiction", f"offsets_minutes says when: it does not go with {field}.")
    elif is_timed(schedule) and (schedule.frequency or 1) not in {1, len(plannings_of(schedule))}:
        faults.add("frequency", "contradiction", "Leave frequency out, or let it be the number of times in the day.")


def _check_occurrences(faults: _Faults, *, days: int) -> None:
    """Look at what a schedule without other faults plans: not too much on one day, and something at all."""
    schedule = faults.schedule
    if schedule.period_unit in MICROSECONDS:
        if _most_on_a_day(schedule) > MOST_ON_A_DAY:
            faults.add("period", "too_many", _TOO_MANY)
    elif (schedule.frequency or 1) > MOST_ON_A_DAY:
        # Times of the day can be no more than their list, which the model keeps to a hundred.
        faults.add("frequency", "too_many", _TOO_MANY)
        return
    earliest = _earliest(schedule)
    bound = _longest_bound(schedule)
    if earliest.days >= days or (bound is not None and earliest >= bound):
        faults.add("", "never_occurs", "Nothing of this falls inside its phase and bounds: change one of them.")


def _most_on_a_day(schedule: Schedule) -> int:
    """Return how many instants of a series fall on one local day at most."""
    assert schedule.period is not None
    assert schedule.period_unit is not None
    bound = _longest_bound(schedule)
    span = _LONGEST_DAY if bound is None else min(_LONGEST_DAY, bound)
    step = whole(schedule.period, schedule.period_unit)
    most = -(-(span // timedelta(microseconds=1)) * (schedule.frequency or 1) // max(1, step))
    return most if schedule.count is None else min(most, schedule.count)


def _earliest(schedule: Schedule) -> timedelta:
    """Return how long after the anchor the first occurrence lies, at best, on days of 24 hours."""
    if schedule.period_unit in MICROSECONDS:
        return _NO_TIME
    first, _ = plannings_of(schedule)[0]
    if first >= _NO_TIME:
        return first
    # Hours before the first breakfast lie before the anchor: then it is another day's, or another meal's.
    weekdays = range(7 if schedule.day_of_week else 1)
    return min(_earliest_of(pattern_of(schedule, anchor_weekday=weekday)) for weekday in weekdays)


def _earliest_of(pattern: CalendarPattern | SeriesPattern) -> timedelta:
    assert isinstance(pattern, CalendarPattern)
    # February is the shortest month; a cycle of months begins no sooner than that.
    step = pattern.step_days or pattern.step_months * 28
    return min(
        (
            timedelta(days=first + step * max(turn, -(first // step))) + at
            for day in pattern.days
            for first in (pattern.base_offset + day.offset,)
            for at, _, turn in day.times
        ),
        # Every seventh day of a listed weekday, from another weekday on, never comes.
        default=timedelta.max,
    )


def _longest_bound(schedule: Schedule) -> timedelta | None:
    """Return the length of the bounds with the longest months there are, or None when they have no length."""
    length = schedule.bounds_duration
    if schedule.bounds_range is not None:
        length = schedule.bounds_range.high
    if length is None:
        return None
    if length.unit in MICROSECONDS:
        return timedelta(microseconds=whole(length.value, length.unit))
    return timedelta(days=round(length.value * _DAYS_AT_MOST[length.unit]))
