"""
Occurrences at elapsed intervals (period in h, min or s): evenly spaced on the UTC line from the anchor's instant.

Source: care rules §2.2 and §2.4.
"""

from datetime import datetime, timedelta

from healthprotocol.care.protocols.rules.cycles import SeriesPattern
from healthprotocol.care.protocols.rules.frame import Planned, Span

# check_schedule lets 100 occurrences of an activity fall on one local day. Twice that means nobody asked it.
_MOST_ON_A_DAY = 200


def series_between(pattern: SeriesPattern, span: Span, first: int, last: int) -> list[Planned]:
    """
    Return the instants of the series on the local days with the ordinals `first` … `last`.

    Raises:
        ValueError: there are so many of them on a day that the schedule cannot have been checked.
    """
    calendar = span.calendar
    start_at = calendar.day(span.first).midnight_at
    ends_at = calendar.day(last + 1).midnight_at
    if span.until_at is not None:
        ends_at = min(ends_at, span.until_at)
    series = _Series(pattern, calendar.midnight_at(span.anchor) + pattern.shift)
    lowest = series.index_from(start_at)
    index = max(lowest, series.index_from(calendar.day(first).midnight_at))
    beyond = series.index_from(ends_at)
    room = None
    if span.count is not None:
        room = span.count - _series_count(series, span, lowest, index, first)
    if beyond - index > (last - first + 1) * _MOST_ON_A_DAY:
        raise ValueError("the schedule was not checked: it plans too much on one day")
    found: list[Planned] = []
    while index < beyond and (room is None or len(found) < room):
        _plan_instant(found, series, span, index)
        index += 1
    return found


class _Series:
    """The instants of a series pattern from its first one on, by number."""

    def __init__(self, pattern: SeriesPattern, origin_at: datetime) -> None:
        self.pattern = pattern
        self.origin_at = origin_at

    def at(self, index: int) -> datetime:
        """Return instant number `index`, to the microsecond below."""
        return self.origin_at + timedelta(microseconds=index * self.pattern.step_us // self.pattern.per_cycle)

    def index_from(self, at: datetime) -> int:
        """Return the number of the first instant that is not before `at`; the series has none below 0."""
        microseconds = (at - self.origin_at) // timedelta(microseconds=1)
        return max(0, -(-microseconds * self.pattern.per_cycle // self.pattern.step_us))

    def has(self, at: datetime) -> bool:
        """Say whether `at` is an instant of the series."""
        return at >= self.origin_at and self.at(self.index_from(at)) == at

    def is_listed(self, weekday: int) -> bool:
        """Say whether the schedule lists this weekday (Monday is 0)."""
        return self.pattern.weekdays is None or weekday in self.pattern.weekdays


def _series_count(series: _Series, span: Span, lowest: int, index: int, first: int) -> int:
    """Return how many instants from number `lowest` up to, not including, `index` fall on listed days."""
    if series.pattern.weekdays is None:
        return index - lowest
    total = 0
    for ordinal in range(span.first, first):
        # Ordinal 1 was a Monday.
        if series.is_listed((ordinal - 1) % 7):
            begins = series.index_from(span.calendar.day(ordinal).midnight_at)
            total += series.index_from(span.calendar.day(ordinal + 1).midnight_at) - max(lowest, begins)
    return total


def _plan_instant(found: list[Planned], series: _Series, span: Span, index: int) -> None:
    planned_at = series.at(index)
    local = span.calendar.local(planned_at)
    if not series.is_listed(local.weekday()):
        return
    slot = 1
    if local.fold:
        repeated = span.calendar.instant(local)
        slot = 2 if series.has(repeated) else 1
        local = local.replace(fold=0)
    closes_at = series.at(index + 1) + series.pattern.growth
    if span.window is not None:
        closes_at = planned_at + span.window + series.pattern.growth
    found.append(span.place(local, slot, planned_at, closes_at=closes_at))
