"""How long a plan goes on that does not say so itself, from the schedules of its activities."""

import math

from healthprotocol.care.protocols.model import BoundsDuration, Schedule
from healthprotocol.care.protocols.rules.exchange.limits import MAX_DAYS

# Nothing comes again and nothing says until when: a month to do it in.
ONCE_DAYS = 30
_DAYS = {"s": 1 / 86_400, "min": 1 / 1_440, "h": 1 / 24, "d": 1.0, "wk": 7.0, "mo": 30.5, "a": 365.0}


def horizon_days(schedule: Schedule) -> int | None:
    """Return the days until a schedule has ended, counted from its anchor, or None when it has no end."""
    if schedule.bounds_duration is not None:
        return days_of(schedule.bounds_duration)
    if schedule.bounds_range is not None and schedule.bounds_range.high is not None:
        return days_of(schedule.bounds_range.high)
    bounds = schedule.bounds_period
    if bounds is not None and bounds.start is not None and bounds.end is not None:
        return max(1, (bounds.end - bounds.start).days + 1)
    rhythmic = schedule.day_of_week or schedule.time_of_day or schedule.when
    if schedule.period is None and not rhythmic:
        return 1
    if schedule.count is None:
        return None
    cycles = math.ceil(schedule.count / max(1, schedule.frequency or len(schedule.time_of_day) or 1))
    period = (schedule.period or 1.0) * _DAYS[schedule.period_unit or "d"]
    # A day of the week comes at the latest in the week after.
    return max(1, math.ceil(min(cycles * period, 1e6))) + (7 if schedule.day_of_week else 0)


def days_of(length: BoundsDuration) -> int:
    """Return a length in whole days, rounded up, at least 1; a month counts 30.5 days."""
    return max(1, math.ceil(min(abs(length.value) * _DAYS[length.unit], 1e6)))


def duration_of(phases: list[tuple[list[Schedule], int | None]]) -> int:
    """
    Return the days of a plan from its phases: the schedules in each, and how long it says that it lasts.

    To the end of the last activity, or of the phase around it where that comes first; a year when one has no end. May
    exceed a year.
    """
    lengths = [_phase_days(schedules, length) for schedules, length in phases]
    longest = max(lengths, default=1)
    is_stated = any(length is not None for _, length in phases)
    return longest if longest > 1 or is_stated else ONCE_DAYS


def _phase_days(schedules: list[Schedule], length: int | None) -> int:
    if length is not None:
        return length
    horizons = [horizon_days(schedule) for schedule in schedules]
    return max((MAX_DAYS if days is None else days for days in horizons), default=1)
