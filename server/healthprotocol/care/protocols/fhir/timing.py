"""
FHIR Timing to and from a schedule.

Source: FHIR R4 Timing and its invariants tim-1 … tim-10; care rules §2.
"""

import re
from datetime import date, time
from typing import NamedTuple, get_args

import msgspec

from healthprotocol.care.protocols.model import (
    BoundsDuration,
    BoundsPeriod,
    BoundsRange,
    DayOfWeek,
    EventTiming,
    PeriodUnit,
    Schedule,
)
from healthprotocol.care.protocols.rules.exchange.documents import Json
from healthprotocol.care.protocols.rules.exchange.nodes import Node
from healthprotocol.care.protocols.rules.exchange.overlay import json_of

_UCUM = "http://unitsofmeasure.org"
_DAYS: dict[str, DayOfWeek] = {day: day for day in get_args(DayOfWeek)}
_WHENS: dict[str, EventTiming] = {each.lower(): each for each in get_args(EventTiming)}
_UNITS: dict[str, PeriodUnit] = {
    "s": "s", "sec": "s", "second": "s", "min": "min", "minute": "min", "h": "h", "hr": "h", "hour": "h",
    "d": "d", "day": "d", "wk": "wk", "w": "wk", "week": "wk", "mo": "mo", "mth": "mo", "month": "mo",
    "a": "a", "yr": "a", "y": "a", "year": "a",
}  # fmt: skip
_UNIT_NAMES = {"s": "second", "min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year"}
DAYS_OF_CYCLE = "http://hl7.org/fhir/StructureDefinition/timing-daysOfCycle"
_MINUTES_PER_DAY = 1_440
_MAX_CYCLE_DAY = 365
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,6})?)?")
_DAY_NAMES = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
_WRITTEN = (
    "count", "countMax", "duration", "durationMax", "durationUnit", "frequency", "frequencyMax", "period", "periodMax",
    "periodUnit", "dayOfWeek", "timeOfDay", "when", "offset",
)  # fmt: skip
_BOUNDS = ("boundsDuration", "boundsRange", "boundsPeriod")
_WITHIN_PERIOD = ("frequency", "dayOfWeek", "timeOfDay", "when")
_RHYTHM = ("frequency", "period", "periodUnit", "dayOfWeek", "timeOfDay", "when")

# "Institutionally specified times" (FHIR, TimingAbbreviation): these are this institution's.
_CODES: dict[str, Schedule] = {
    "BID": Schedule(time_of_day=(time(8), time(20))),
    "TID": Schedule(time_of_day=(time(8), time(14), time(20))),
    "QID": Schedule(time_of_day=(time(8), time(12), time(16), time(20))),
    "AM": Schedule(time_of_day=(time(8),)),
    "PM": Schedule(time_of_day=(time(20),)),
    "BED": Schedule(time_of_day=(time(22),)),
    "QD": Schedule(period=1, period_unit="d"),
    "QOD": Schedule(period=2, period_unit="d"),
    "WK": Schedule(period=1, period_unit="wk"),
    "MO": Schedule(period=1, period_unit="mo"),
    **{f"Q{hours}H": Schedule(period=hours, period_unit="h") for hours in (1, 2, 3, 4, 6, 8)},
}


class TimingReading(NamedTuple):
    """A schedule, whether the Timing says when at all (not only how long), and where it says it."""

    schedule: Schedule
    says_when: bool
    place: Node


def read_timing(timing: Node) -> TimingReading:
    """Return the schedule of a Timing, mending what is clear and refusing the rest in the report."""
    for name in ("event", "_event"):
        events = timing.get(name)
        if events is not None:
            events.kept("explicit times", _text_of_events(events))
    repeat = timing.get("repeat")
    code = _read_code(timing)
    if repeat is None:
        return TimingReading(code or Schedule(), code is not None, timing)
    has_rhythm = any(name in repeat for name in _RHYTHM)
    schedule = _read_repeat(repeat)
    if code is not None and not has_rhythm:
        # The code is the complete statement, except for the bounds.
        schedule = msgspec.structs.replace(
            code,
            bounds_duration=schedule.bounds_duration,
            bounds_range=schedule.bounds_range,
            bounds_period=schedule.bounds_period,
        )
    is_once = schedule.count == 1 or schedule.count_max == 1
    has_bounds = any(name in repeat for name in _BOUNDS)
    return TimingReading(schedule, has_rhythm or has_bounds or is_once or code is not None, repeat)


def read_cycle_days(action: Node, cycle: TimingReading | None) -> TimingReading | None:
    """
    Return the rhythm of an action on given days of a cycle, or None when it names none.

    The group around it says how long a cycle is (its duration) and how many there are (its count); alone, there is one.
    Source: FHIR R4 extension timing-daysOfCycle.
    """
    extension = next((each for each in action.items("extension") if each.word("url") == DAYS_OF_CYCLE), None)
    days = [each.integer("valueInteger") for each in extension.items("extension")] if extension else []
    offsets = tuple((day - 1) * _MINUTES_PER_DAY for day in days if day is not None and 1 <= day <= _MAX_CYCLE_DAY)
    if extension is None or not offsets:
        return None
    around = cycle.schedule if cycle else Schedule()
    if around.duration is None or around.duration_unit not in {"d", "wk"}:
        return TimingReading(Schedule(offsets_minutes=offsets), says_when=True, place=extension)
    return TimingReading(
        Schedule(
            period=around.duration,
            period_unit=around.duration_unit,
            offsets_minutes=offsets,
            bounds_duration=BoundsDuration(value=around.duration * (around.count or 1), unit=around.duration_unit),
        ),
        says_when=True,
        place=extension,
    )


def write_timing(schedule: Schedule, *, over: Json = None) -> dict[str, Json]:
    """Return the Timing of a schedule, over one that there is: what a schedule does not say stays."""
    timing = dict(over) if isinstance(over, dict) else {}
    found = timing.get("repeat")
    repeat = dict(found) if isinstance(found, dict) else {}
    for name in (*_WRITTEN, *_BOUNDS):
        repeat.pop(name, None)
    wanted = json_of(schedule)
    members = wanted if isinstance(wanted, dict) else {}
    for name in _BOUNDS:
        if written := _write_bounds(name, members.get(name)):
            repeat[name] = written
    repeat.update({name: members[name] for name in _WRITTEN if name in members})
    timing.pop("repeat", None)
    if repeat:
        timing["repeat"] = repeat
    # A code would be taken for the whole statement.
    timing.pop("code", None)
    return timing


def unit_of(text: str | None) -> PeriodUnit | None:
    """Return a UCUM unit of time for its code or its English name, or None."""
    word = (text or "").strip()
    return _UNITS.get(word) or _UNITS.get(word.lower().removesuffix("s")) or _UNITS.get(word.lower())


def read_duration(quantity: Node) -> BoundsDuration | None:
    """Return a FHIR Duration, or None with a refusal when it has no value or unit."""
    value = quantity.number("value")
    unit = unit_of(quantity.word("code")) or unit_of(quantity.word("unit"))
    if value is None or unit is None:
        quantity.refused("duration", "A length of time needs a value and a unit of time.")
        return None
    return BoundsDuration(value=value, unit=unit)


def _read_repeat(repeat: Node) -> Schedule:
    period, period_unit = _read_period(repeat)
    count, count_max = repeat.integer("count"), repeat.integer("countMax")
    if count_max is not None and count is None:
        repeat.adjusted("tim-8", "countMax stands without count; it is taken as count.", at="countMax")
        count, count_max = count_max, None
    duration, duration_max, duration_unit = _read_duration(repeat)
    low_or_high = repeat.get("boundsRange")
    bounds = repeat.get("boundsDuration")
    for name, member in repeat.members():
        if name not in {*_WRITTEN, *_BOUNDS, "id"}:
            member.kept("a part of the timing")
    return Schedule(
        bounds_duration=read_duration(bounds) if bounds else None,
        bounds_range=_read_range(low_or_high) if low_or_high else None,
        bounds_period=_read_dates(repeat),
        count=count,
        count_max=count_max,
        duration=duration,
        duration_max=duration_max,
        duration_unit=duration_unit,
        frequency=repeat.integer("frequency"),
        frequency_max=repeat.integer("frequencyMax"),
        period=period,
        period_max=repeat.number("periodMax") if period is not None else None,
        period_unit=period_unit,
        day_of_week=_read_days(repeat),
        time_of_day=_read_times(repeat),
        when=_read_when(repeat),
        offset=repeat.integer("offset"),
    )


def _read_period(repeat: Node) -> tuple[float | None, PeriodUnit | None]:
    period, unit = repeat.number("period"), _read_unit(repeat, "periodUnit")
    if period == 0 and repeat.integer("count") == 1:
        repeat.adjusted("period", "Once, with a period of nothing: taken as once.", at="period")
        return None, None
    if period is not None and repeat.integer("count") == 1 and not any(name in repeat for name in _WITHIN_PERIOD):
        sentence = "Once, with a period: planned once, at the start. For a delay, give the phase a later start."
        repeat.adjusted("period", sentence, at="period")
    if period is None and unit is not None:
        repeat.adjusted("tim-2", "periodUnit stands without period; one unit is taken.", at="periodUnit")
        return 1.0, unit
    return period, unit


def _read_duration(repeat: Node) -> tuple[float | None, float | None, PeriodUnit | None]:
    duration, most = repeat.number("duration"), repeat.number("durationMax")
    unit = _read_unit(repeat, "durationUnit")
    if duration is None or unit is None:
        if duration is not None or most is not None:
            # How long it takes plans nothing, so leaving it out does no harm.
            repeat.adjusted("tim-1", "A duration without its value or unit is left out.", at="duration")
        return None, None, None
    return duration, most, unit


def _read_unit(repeat: Node, name: str) -> PeriodUnit | None:
    word = repeat.word(name)
    if name not in repeat:
        return None
    unit = unit_of(word)
    if unit is None:
        repeat.refused("unit", "This must be s, min, h, d, wk, mo or a.", at=name)
    elif unit != word:
        repeat.adjusted("unit", f"The unit is taken as {unit}.", at=name)
    return unit


def _read_range(bounds: Node) -> BoundsRange:
    low, high = bounds.get("low"), bounds.get("high")
    return BoundsRange(low=read_duration(low) if low else None, high=read_duration(high) if high else None)


def _read_dates(repeat: Node) -> BoundsPeriod | None:
    period = repeat.get("boundsPeriod")
    if period is None:
        return None
    return BoundsPeriod(start=_read_date(period, "start"), end=_read_date(period, "end"))


def _read_date(period: Node, name: str) -> date | None:
    word = period.word(name)
    if name not in period:
        return None
    try:
        found = date.fromisoformat((word or "")[:10])
    except ValueError:
        period.refused("date", "A whole date is needed here, such as 2026-03-01.", at=name)
        return None
    if word and len(word) > len("2026-03-01"):
        period.adjusted("date", "Only the date is used, not the time of day.", at=name)
    return found


def _read_days(repeat: Node) -> tuple[DayOfWeek, ...]:
    days: dict[DayOfWeek, None] = {}
    for node in repeat.items("dayOfWeek"):
        word = node.value.strip().lower() if isinstance(node.value, str) else ""
        day = _DAYS.get(word[:3]) if word[:3] == word or word in _DAY_NAMES else None
        if day is None:
            node.refused("dayOfWeek", "A day must be mon, tue, wed, thu, fri, sat or sun.")
            continue
        if day != node.value:
            node.adjusted("dayOfWeek", f"The day is taken as {day}.")
        days[day] = None
    return tuple(days)


def _read_times(repeat: Node) -> tuple[time, ...]:
    times: dict[time, None] = {}
    for node in repeat.items("timeOfDay"):
        match = _TIME.fullmatch(node.value.strip()) if isinstance(node.value, str) else None
        try:
            found = time.fromisoformat(_padded(match)) if match else None
        except ValueError:
            found = None
        if found is None:
            node.refused("timeOfDay", "A time of day is needed here, such as 08:00:00.")
            continue
        times[found] = None
    return tuple(times)


def _padded(match: re.Match[str]) -> str:
    hour, minute, second, fraction = match.groups()
    padded = f".{fraction[1:]:0<6}" if fraction else ""
    return f"{int(hour):02}:{minute}:{second or '00'}{padded}"


def _read_when(repeat: Node) -> tuple[EventTiming, ...]:
    found: dict[EventTiming, None] = {}
    for node in repeat.items("when"):
        event = _WHENS.get(node.value.strip().lower()) if isinstance(node.value, str) else None
        if event is None:
            node.refused("when", "This is no event of a patient's day that FHIR knows.")
            continue
        found[event] = None
    return tuple(found)


def _read_code(timing: Node) -> Schedule | None:
    code = timing.get("code")
    if code is None:
        return None
    words = [each.word("code") for each in code.items("coding")] + [code.word("text")]
    for word in words:
        schedule = _CODES.get((word or "").upper())
        if schedule is not None:
            code.adjusted("institution", "A code for a rhythm is planned at this institution's usual times.")
            return schedule
    code.kept("a code for a rhythm")
    return None


def _text_of_events(events: Node) -> str:
    if isinstance(events.value, list) and all(isinstance(each, str) for each in events.value):
        return ", ".join(str(each) for each in events.value)
    return events.compact()


def _write_bounds(name: str, value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        return {}
    if name == "boundsDuration":
        unit = str(value["unit"])
        return {"value": value["value"], "unit": _UNIT_NAMES[unit], "system": _UCUM, "code": unit}
    if name == "boundsRange":
        return {side: _write_bounds("boundsDuration", value[side]) for side in ("low", "high") if side in value}
    return dict(value)
