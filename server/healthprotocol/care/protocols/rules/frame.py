"""
Where a schedule lies: the days a phase covers, the bounds of the schedule, and one occurrence placed in them.

Source: care rules §1.2, §2.1 and §3.1.
"""

from datetime import date, datetime, timedelta

from msgspec import Struct

from healthprotocol.care.protocols.model import BoundsDuration, Schedule
from healthprotocol.care.protocols.rules.cycles import DAYS, MONTHS, whole
from healthprotocol.care.protocols.rules.day_parts import DayParts
from healthprotocol.care.protocols.rules.local_time import LocalCalendar, add_months, calendar_of


class Planned(Struct, frozen=True, gc=False):
    """
    One planned occurrence of an activity.

    `planned_local` is the naive wall time that was meant; in a gap of the clock it does not exist, and `planned_at` is
    then later by the gap. `slot` tells apart occurrences with the same `planned_local`: the n untimed ones of a cycle,
    or in an elapsed-time series the second pass through an hour that the clock repeats.
    """

    planned_local: datetime
    slot: int
    planned_at: datetime
    opens_at: datetime
    closes_at: datetime


class Frame(Struct, frozen=True, kw_only=True):
    """
    Where a phase of an assignment lies on the calendar.

    `anchor_on` is the local date that begins the phase, `last_on` the last that phase and assignment share, and
    `ends_on` the assignment's last, beyond which no window stays open.
    """

    time_zone: str
    anchor_on: date
    last_on: date
    ends_on: date
    day_parts: DayParts = ()


class Span(Struct, frozen=True):
    """
    A schedule in its frame.

    `first` … `last` are the ordinals of the days that may be planned and `until_at` the instant that ends them early;
    `end_ordinal` is the day whose midnight ends the assignment. `window` None means the default closing time.
    """

    calendar: LocalCalendar
    anchor: date
    first: int
    last: int
    until_at: datetime | None
    end_ordinal: int
    count: int | None
    lead: timedelta
    window: timedelta | None

    def place(self, local: datetime, slot: int, planned_at: datetime, *, closes_at: datetime) -> Planned:
        """Return the occurrence, its window cut at the end of the assignment's last local day."""
        closes_at = min(closes_at, self.calendar.day(self.end_ordinal).midnight_at)
        return Planned(local, slot, planned_at, min(planned_at - self.lead, closes_at), closes_at)


def span_of(schedule: Schedule, frame: Frame) -> Span:
    """
    Return the schedule placed in its frame.

    Raises:
        ValueError: there is no such time zone.
    """
    calendar = calendar_of(frame.time_zone)
    first, last = frame.anchor_on.toordinal(), min(frame.last_on, frame.ends_on).toordinal()
    until_at = _end_of_bounds(schedule, frame.anchor_on, calendar)
    bounds = schedule.bounds_period
    if bounds is not None and bounds.start is not None:
        first = max(first, bounds.start.toordinal())
    if until_at is not None:
        last = min(last, calendar.local_date(until_at).toordinal())
    return Span(
        calendar=calendar,
        anchor=frame.anchor_on,
        first=first,
        last=last,
        until_at=until_at,
        end_ordinal=frame.ends_on.toordinal() + 1,
        count=schedule.count,
        lead=timedelta(minutes=schedule.lead_minutes or 0),
        window=None if schedule.window_minutes is None else timedelta(minutes=schedule.window_minutes),
    )


def _end_of_bounds(schedule: Schedule, anchor_on: date, calendar: LocalCalendar) -> datetime | None:
    """Return the exclusive end of the bounds as an instant, or None when they are open. Source: care rules §2.1."""
    if schedule.bounds_period is not None:
        end = schedule.bounds_period.end
        return None if end is None else _midnight_after(end, 1, calendar)
    length: BoundsDuration | None = schedule.bounds_duration
    if schedule.bounds_range is not None:
        length = schedule.bounds_range.high
    if length is None:
        return None
    amount = whole(length.value, length.unit)
    if length.unit in MONTHS:
        return calendar.midnight_at(add_months(anchor_on, amount))
    if length.unit in DAYS:
        return _midnight_after(anchor_on, amount, calendar)
    return calendar.midnight_at(anchor_on) + timedelta(microseconds=amount)


def _midnight_after(day: date, days: int, calendar: LocalCalendar) -> datetime:
    return calendar.day(min(day.toordinal() + days, date.max.toordinal() - 1)).midnight_at
