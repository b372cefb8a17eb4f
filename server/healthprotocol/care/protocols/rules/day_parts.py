"""
When the parts of a day are: FHIR EventTiming as wall time, by default or as the patient lives.

Source: care rules §2.4; HL7 v3 TimingEvent and FHIR EventTiming.
"""

from collections.abc import Mapping
from datetime import time, timedelta

from healthprotocol.care.protocols.model import EventTiming

DEFAULT_DAY_PARTS: Mapping[EventTiming, time] = {
    "WAKE": time(7, 0),
    "MORN.early": time(6, 0),
    "MORN": time(8, 0),
    "MORN.late": time(10, 0),
    "NOON": time(12, 0),
    "AFT.early": time(13, 0),
    "AFT": time(15, 0),
    "AFT.late": time(16, 0),
    "EVE.early": time(18, 0),
    "EVE": time(19, 0),
    "EVE.late": time(21, 0),
    "NIGHT": time(22, 0),
    "HS": time(22, 0),
    "PHS": time(23, 0),
    "CM": time(7, 30),
    "CD": time(12, 30),
    "CV": time(18, 30),
}

# tim-9: these name the meal itself, so nothing can come before or after them.
NEVER_OFFSET: frozenset[EventTiming] = frozenset({"C", "CM", "CD", "CV"})

_MEALS: Mapping[EventTiming, tuple[EventTiming, ...]] = {
    "C": ("CM", "CD", "CV"),
    "AC": ("CM", "CD", "CV"),
    "PC": ("CM", "CD", "CV"),
    "ACM": ("CM",),
    "ACD": ("CD",),
    "ACV": ("CV",),
    "PCM": ("CM",),
    "PCD": ("CD",),
    "PCV": ("CV",),
}

DayParts = tuple[tuple[EventTiming, time], ...]
"""A patient's own times for some day parts, as sorted pairs; the rest keep their defaults."""


def times_of(when: EventTiming, *, offset_minutes: int = 0, day_parts: DayParts = ()) -> list[timedelta]:
    """
    Return the wall times that `when` names, as time since local midnight.

    `offset_minutes` goes before for AC, ACM, ACD, ACV and after for all others, so a time may be negative (the evening
    before) or 24 hours and more (after midnight).
    """
    own = dict(day_parts)
    offset = timedelta(minutes=-offset_minutes if when.startswith("AC") else offset_minutes)
    return [since_midnight(own.get(part, DEFAULT_DAY_PARTS[part])) + offset for part in _MEALS.get(when, (when,))]


def since_midnight(at: time) -> timedelta:
    """Return a wall time as time since local midnight."""
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond)
