"""
A schedule laid on the calendar: what is planned between two local dates, and when each occurrence opens and closes.

The cost depends on the days asked for, not on how long the assignment runs: cycle k is computed from the anchor, and
`count` is counted, not listed. Source: care rules §1.2, §2 and §3.1.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from healthprotocol.care.protocols.model import Schedule
from healthprotocol.care.protocols.rules.cycles import CalendarPattern, PatternDay, SeriesPattern, pattern_of
from healthprotocol.care.protocols.rules.frame import Frame, Planned, Span, span_of
from healthprotocol.care.protocols.rules.local_time import add_months
from healthprotocol.care.protocols.rules.series import series_between

__all__ = ["Frame", "Planned", "planned_between"]


def planned_between(
    schedule: Schedule, frame: Frame, *, from_on: date, to_on: date, shift_minutes: int = 0
) -> list[Planned]:
    """
    Return what a schedule plans on the local dates `from_on` … `to_on`, both inclusive, sorted by `planned_local`.

    The schedule must have passed `check_schedule`. `shift_minutes` moves every planned time for one patient.

    Raises:
        ValueError: there is no such zone, or the schedule plans so much on a day that it cannot have been checked.

    Source: care rules §2.
    """
    span = span_of(schedule, frame)
    first = max(span.first, from_on.toordinal())
    last = min(span.last, to_on.toordinal())
    if first > last:
        return []
    pattern = pattern_of(
        schedule,
        anchor_weekday=frame.anchor_on.weekday(),
        shift_minutes=shift_minutes,
        day_parts=frame.day_parts,
    )
    if isinstance(pattern, SeriesPattern):
        return series_between(pattern, span, first, last)
    if pattern.step_months:
        return _months_between(pattern, span, first, last)
    return _days_between(pattern, span, first, last)


def _days_between(pattern: CalendarPattern, span: Span, first: int, last: int) -> list[Planned]:
    found: list[Planned] = []
    room = None
    if span.count is not None:
        room = span.count - _count_before(pattern, span, first)
        if room <= 0:
            return found
    for cycle, start, day in _pattern_days_between(pattern, span, first, last):
        ordinal = start + day.offset
        if pattern.closes_with_cycle:
            closes_on = start + pattern.step_days + pattern.growth_days
        else:
            closes_on = ordinal + 1 + pattern.growth_days
        times = day.times if cycle >= day.settled else tuple(time for time in day.times if cycle >= time[2])
        _plan_day(found, span, times, ordinal=ordinal, closes_on=closes_on, growth_days=pattern.growth_days)
        if room is not None and len(found) >= room:
            return found[:room]
    return found


def _pattern_days_between(
    pattern: CalendarPattern, span: Span, first: int, last: int
) -> Iterator[tuple[int, int, PatternDay]]:
    """Yield (cycle, its first ordinal, day) for the days of the pattern that fall on `first` … `last`, in order."""
    base = span.anchor.toordinal() + pattern.base_offset
    cycle = (first - base) // pattern.step_days
    while True:
        start = base + cycle * pattern.step_days
        for day in pattern.days:
            ordinal = start + day.offset
            if ordinal > last:
                return
            if ordinal >= first:
                yield cycle, start, day
        cycle += 1
        if start + pattern.step_days > last:
            return


def _count_before(pattern: CalendarPattern, span: Span, ordinal: int) -> int:
    """Return how many occurrences the pattern plans from the first possible day up to the day before `ordinal`."""
    base = span.anchor.toordinal() + pattern.base_offset
    total = 0
    for day in pattern.days:
        start = base + day.offset
        earliest = -((start - span.first) // pattern.step_days)
        latest = (ordinal - 1 - start) // pattern.step_days
        for _, _, first_cycle in day.times:
            total += max(0, latest - max(earliest, first_cycle) + 1)
    return total


def _plan_day(
    found: list[Planned],
    span: Span,
    times: tuple[tuple[timedelta, int, int], ...],
    *,
    ordinal: int,
    closes_on: int,
    growth_days: int,
) -> None:
    """Append the occurrences of one local day. `closes_on` is the day whose midnight closes them, without a window."""
    day = span.calendar.day(ordinal)
    if not day.is_even or span.until_at is not None or (span.window is not None and growth_days):
        _plan_uneven_day(found, span, times, ordinal=ordinal, closes_on=closes_on, growth_days=growth_days)
        return
    midnight, midnight_at = day.midnight, day.midnight_at
    lead, window = span.lead, span.window
    end_at = span.calendar.day(span.end_ordinal).midnight_at
    closes_at = span.calendar.day(min(closes_on, span.end_ordinal)).midnight_at
    for at, slot, _ in times:
        planned_at = midnight_at + at
        if window is not None:
            closes_at = min(planned_at + window, end_at)
        opens_at = planned_at - lead if lead else planned_at
        found.append(Planned(midnight + at, slot, planned_at, opens_at, closes_at))


def _plan_uneven_day(
    found: list[Planned],
    span: Span,
    times: tuple[tuple[timedelta, int, int], ...],
    *,
    ordinal: int,
    closes_on: int,
    growth_days: int,
) -> None:
    """Do the same time by time: the clock changes on this day, the bounds end on it, or its windows grow by days."""
    day = span.calendar.day(ordinal)
    for at, slot, _ in times:
        local = day.midnight + at
        planned_at = span.calendar.instant(local)
        if span.until_at is not None and planned_at >= span.until_at:
            continue
        if span.window is None:
            closes_at = _close_of_day(span, planned_at, closes_on)
        else:
            closes_at = span.calendar.instant(local + timedelta(days=growth_days)) + span.window
        found.append(span.place(local, slot, planned_at, closes_at=closes_at))


def _close_of_day(span: Span, planned_at: datetime, closes_on: int) -> datetime:
    """
    Return the midnight that closes a day, or the next one when the planned time fell in a gap that reaches past it.

    In Nuuk the clock goes from 23:00 to midnight: 23:30 becomes 00:30 of the next day, and closes with that one.
    """
    closes_at = span.calendar.day(min(closes_on, span.end_ordinal)).midnight_at
    if closes_at <= planned_at:
        closes_at = span.calendar.day(min(closes_on + 1, span.end_ordinal)).midnight_at
    return closes_at


def _months_between(pattern: CalendarPattern, span: Span, first: int, last: int) -> list[Planned]:
    """
    Expand cycles of months.

    Their lengths differ, so with `count` all cycles from the anchor on are listed: a phase has at most 13.
    """
    since = first if span.count is None else span.first
    cycles: dict[tuple[int, timedelta, int], int] = {}
    reach = pattern.days[-1].offset
    cycle = max(0, _months_from(span.anchor, since - reach) // pattern.step_months - 1)
    start = _cycle_start(pattern, span, cycle)
    while start + pattern.days[0].offset <= last:
        for day in pattern.days:
            if since <= start + day.offset <= last:
                for at, slot, _ in day.times:
                    cycles.setdefault((start + day.offset, at, slot), cycle)
        cycle += 1
        start = _cycle_start(pattern, span, cycle)
    keys = sorted(cycles)[: span.count]
    found: list[Planned] = []
    for ordinal, at, slot in keys:
        if ordinal >= first:
            grown = _grown_days(pattern, span, cycles[ordinal, at, slot])
            closes_on = ordinal + 1 + grown
            if pattern.closes_with_cycle:
                closes_on = _cycle_start(pattern, span, cycles[ordinal, at, slot] + 1, grows=True)
            _plan_day(found, span, ((at, slot, 0),), ordinal=ordinal, closes_on=closes_on, growth_days=grown)
    return found


def _months_from(anchor: date, ordinal: int) -> int:
    day = date.fromordinal(max(1, ordinal))
    return (day.year - anchor.year) * 12 + day.month - anchor.month


def _cycle_start(pattern: CalendarPattern, span: Span, cycle: int, *, grows: bool = False) -> int:
    growth = pattern.growth_months if grows else 0
    return add_months(span.anchor, cycle * pattern.step_months + growth).toordinal()


def _grown_days(pattern: CalendarPattern, span: Span, cycle: int) -> int:
    """Return by how many days periodMax lets this cycle's occurrences stay open longer."""
    if not pattern.growth_months:
        return 0
    return _cycle_start(pattern, span, cycle, grows=True) - _cycle_start(pattern, span, cycle)
