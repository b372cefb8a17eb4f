"""
Occurrences at elapsed intervals (period in h, min or s): evenly spaced on the UTC line from the anchor's instant.

Source: care rules §2.2 and §2.4.
"""

from datetime import datetime, timedelta

from healthprotocol.care.protocols.rules.cycles import MOST_PLANNED, SeriesPattern
from healthprotocol.care.protocols.rules.frame import Planned, Span

_MICROSECOND = timedelta(microseconds=1)


def series_between(pattern: SeriesPattern, span: Span, first: int, last: int) -> list[Planned]:
    """
    Return the instants of the series on the local days with the ordinals `first` … `last`.

    Raises:
        ValueError: there are so many of them on a day that the schedule cannot have been checked.
    """
    calendar = span.calendar
    series = _Series(pattern, calendar.midnight_at(span.anchor) + pattern.shift)
    index = series.index_from(calendar.day(first).midnight_at)
    beyond = series.index_from(calendar.day(last + 1).midnight_at)
    if span.until_at is not None:
        beyond = min(beyond, series.index_from(span.until_at))
    if beyond - index > (last - first + 1) * MOST_PLANNED:
        raise ValueError("the schedule was not checked: it plans too much on one day")
    found: list[Planned] = []
    room = beyond - index
    if span.count is not None:
        room = min(room, span.count - _count_before(series, span, first))
    for ordinal in range(first, last + 1):
        if len(found) >= room:
            break
        end = min(beyond, series.index_from(calendar.day(ordinal + 1).midnight_at))
        if series.is_listed(ordinal):
            end_of_room = index + room - len(found)
            found += [_plan_instant(series, span, number, ordinal) for number in range(index, min(end, end_of_room))]
        index = max(index, end)
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
        microseconds = (at - self.origin_at) // _MICROSECOND
        return max(0, -(-microseconds * self.pattern.per_cycle // self.pattern.step_us))

    def has(self, at: datetime) -> bool:
        """Say whether `at` is an instant of the series."""
        return at >= self.origin_at and self.at(self.index_from(at)) == at

    def is_listed(self, ordinal: int) -> bool:
        """Say whether the schedule lists the weekday of this date. Ordinal 1 was a Monday."""
        return self.pattern.weekdays is None or (ordinal - 1) % 7 in self.pattern.weekdays


def _count_before(series: _Series, span: Span, ordinal: int) -> int:
    """Return how many instants fall on listed days from the first possible day up to the day before `ordinal`."""
    begin = series.index_from(span.calendar.day(span.first).midnight_at)
    if series.pattern.weekdays is None:
        return series.index_from(span.calendar.day(ordinal).midnight_at) - begin
    total = 0
    for day in range(span.first, ordinal):
        end = series.index_from(span.calendar.day(day + 1).midnight_at)
        if series.is_listed(day):
            total += end - begin
        begin = end
    return total


def _plan_instant(series: _Series, span: Span, index: int, ordinal: int) -> Planned:
    planned_at = series.at(index)
    day = span.calendar.day(ordinal)
    slot = 1
    if day.is_even:
        local = day.midnight + (planned_at - day.midnight_at)
    else:
        local = span.calendar.local(planned_at)
        # The second pass through an hour that the clock repeats, if the first had an occurrence at that time, too.
        slot = 2 if local.fold and series.has(span.calendar.instant(local)) else 1
        local = local.replace(fold=0)
    closes_at = series.at(index + 1) + series.pattern.growth
    if span.window is not None:
        closes_at = planned_at + span.window + series.pattern.growth
    return span.place(local, slot, planned_at, closes_at=closes_at)
