"""A schedule and a range in a sentence that a nurse would write. What it means exactly is care rules §2."""

import re

from healthprotocol.care.protocols.model import BoundsDuration, DayOfWeek, Schedule, ValueRange

_DAYS: dict[DayOfWeek, str] = {
    "mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday",
    "sun": "Sunday",
}  # fmt: skip
_UNITS = {"s": "second", "min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year"}
_TIMES = {1: "once", 2: "twice"}
_WHEN = {
    "MORN": "in the morning", "MORN.early": "early in the morning", "MORN.late": "late in the morning",
    "NOON": "at noon", "AFT": "in the afternoon", "AFT.early": "early in the afternoon",
    "AFT.late": "late in the afternoon", "EVE": "in the evening", "EVE.early": "early in the evening",
    "EVE.late": "late in the evening", "NIGHT": "at night", "PHS": "after falling asleep", "HS": "before sleep",
    "WAKE": "after waking", "C": "with meals", "CM": "with breakfast", "CD": "with lunch", "CV": "with dinner",
    "AC": "before meals", "ACM": "before breakfast", "ACD": "before lunch", "ACV": "before dinner",
    "PC": "after meals", "PCM": "after breakfast", "PCD": "after lunch", "PCV": "after dinner",
}  # fmt: skip
_MINUTES_OF_DAY = 1440
_HOURS_OF_DAY = 24
_ANNOTATION = re.compile(r"\{([^{}]*)\}")


def schedule_words(schedule: Schedule) -> str:
    """Return when something is to be done, in one line. Source: care rules §2."""
    if schedule == Schedule():
        return "Once, on the first day of the phase"
    parts = [_cycle(schedule), *_times(schedule), *_limits(schedule)]
    text = ", ".join(part for part in parts if part)
    return text[:1].upper() + text[1:]


def range_words(limits: ValueRange | None, unit: str) -> str:
    """Return an interval with its unit, empty when there is none or it is open at both ends."""
    if limits is None or (limits.low is None and limits.high is None):
        return ""
    if limits.low is None:
        return f"up to {limits.high:g} {unit}"
    if limits.high is None:
        return f"{limits.low:g} {unit} or more"
    return f"{limits.low:g} to {limits.high:g} {unit}"


def outside_words(limits: ValueRange | None, unit: str) -> str:
    """Return what lies outside of an interval, empty when nothing does."""
    if limits is None:
        return ""
    below = "" if limits.low is None else f"below {limits.low:g} {unit}"
    above = "" if limits.high is None else f"above {limits.high:g} {unit}"
    return " or ".join(part for part in (below, above) if part)


def unit_words(unit: str) -> str:
    """Return a UCUM unit as one reads it: of an annotation in braces what it says."""
    return _ANNOTATION.sub(r"\1", unit)


def _cycle(schedule: Schedule) -> str:
    days = _listed([_DAYS[day] for day in schedule.day_of_week])
    if schedule.period is None or schedule.period_unit is None:
        # FHIR: times without a period are of every day.
        every = "every day" if schedule.time_of_day or schedule.when else ""
        return f"every {days}" if days else _frequency(schedule) or every or "once"
    unit = _UNITS[schedule.period_unit]
    every = f"every {unit}" if schedule.period == 1 else f"every {schedule.period:g} {unit}s"
    if days:
        every += f" on {days}"
    frequency = _frequency(schedule)
    return f"{frequency} {every}" if frequency else every


def _frequency(schedule: Schedule) -> str:
    if schedule.frequency is None or (schedule.frequency == 1 and schedule.frequency_max is None):
        return ""
    if schedule.frequency_max is not None:
        return f"{schedule.frequency} to {schedule.frequency_max} times"
    return _TIMES.get(schedule.frequency, f"{schedule.frequency} times")


def _times(schedule: Schedule) -> list[str]:
    found: list[str] = []
    if schedule.time_of_day:
        found.append("at " + _listed([f"{time:%H:%M}" for time in schedule.time_of_day]))
    if schedule.when:
        when = _listed([_WHEN[one] for one in schedule.when])
        found.append(f"{schedule.offset} minutes {when}" if schedule.offset else when)
    if schedule.offsets_minutes:
        found.append(_listed([_offset(minutes) for minutes in schedule.offsets_minutes]))
    return found


def _limits(schedule: Schedule) -> list[str]:
    found: list[str] = []
    if schedule.count is not None:
        found.append(f"{schedule.count} times in all")
    if schedule.bounds_duration is not None:
        found.append(f"for {_duration(schedule.bounds_duration)}")
    if schedule.bounds_range is not None and schedule.bounds_range.high is not None:
        found.append(f"for at most {_duration(schedule.bounds_range.high)}")
    if schedule.bounds_period is not None:
        if schedule.bounds_period.start is not None:
            found.append(f"from {schedule.bounds_period.start}")
        if schedule.bounds_period.end is not None:
            found.append(f"until {schedule.bounds_period.end}")
    if schedule.window_minutes is not None:
        found.append(f"to be done within {_minutes(schedule.window_minutes)}")
    return found


def _duration(bounds: BoundsDuration) -> str:
    unit = _UNITS[bounds.unit]
    return f"{bounds.value:g} {unit}" if bounds.value == 1 else f"{bounds.value:g} {unit}s"


def _offset(minutes: int) -> str:
    day, rest = divmod(minutes, _MINUTES_OF_DAY)
    clock = f"{rest // 60:02}:{rest % 60:02}"
    return clock if day == 0 else f"day {day + 1} {clock}"


def _minutes(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    if rest:
        return f"{minutes} minutes"
    if hours > _HOURS_OF_DAY and hours % _HOURS_OF_DAY == 0:
        return f"{hours // _HOURS_OF_DAY} days"
    return "1 hour" if hours == 1 else f"{hours} hours"


def _listed(words: list[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
