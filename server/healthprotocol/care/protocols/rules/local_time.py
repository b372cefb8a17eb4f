"""
Local calendar days of an IANA zone as instants, and calendar months that clamp.

Source: care rules §2.2 (months) and §2.6 (gaps and overlaps); RFC 5545 §3.3.5.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from msgspec import Struct

ONE_DAY = timedelta(days=1)

# A zone remembers this many days before it forgets all: twenty years, about one megabyte.
_REMEMBERED_DAYS = 7_300


class LocalDay(Struct, frozen=True, gc=False):
    """
    One local day: its first instant, the naive midnight, and whether the clock runs through it unchanged.

    On an even day a wall time is `midnight_at` plus the time of day; on the others ask `LocalCalendar.instant`.
    """

    midnight_at: datetime
    midnight: datetime
    is_even: bool


class LocalCalendar:
    """The local days of one IANA time zone. Made by `calendar_of`, shared, and cheap to ask twice."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._days: dict[int, LocalDay] = {}

    def day(self, ordinal: int) -> LocalDay:
        """Return the local day with this proleptic ordinal (`date.toordinal`)."""
        found = self._days.get(ordinal)
        if found is not None:
            return found
        midnight = datetime.fromordinal(ordinal)
        midnight_at = self.instant(midnight)
        day = LocalDay(midnight_at, midnight, self.instant(midnight + ONE_DAY) - midnight_at == ONE_DAY)
        if len(self._days) >= _REMEMBERED_DAYS:
            self._days.clear()
        self._days[ordinal] = day
        return day

    def midnight_at(self, day: date) -> datetime:
        """Return the instant at which the local date `day` begins."""
        return self.day(day.toordinal()).midnight_at

    def instant(self, local: datetime) -> datetime:
        """
        Return the instant of a naive wall time.

        One in a gap is taken with the offset in force before the gap; one that exists twice is the first.

        Source: care rules §2.6. PEP 495 gives `fold=0` just this meaning, so nothing is left to compute.
        """
        return local.replace(tzinfo=self.zone, fold=0).astimezone(UTC)

    def local(self, at: datetime) -> datetime:
        """Return the naive wall time at an instant; `fold` is 1 the second time a wall time comes."""
        return at.astimezone(self.zone).replace(tzinfo=None)

    def local_date(self, at: datetime) -> date:
        """Return the local date at an instant."""
        return at.astimezone(self.zone).date()


@lru_cache(maxsize=1_024)
def calendar_of(time_zone: str) -> LocalCalendar:
    """
    Return the calendar of an IANA zone.

    Raises:
        ValueError: there is no such zone.
    """
    if time_zone not in _zones():
        raise ValueError("no such IANA time zone")
    return LocalCalendar(ZoneInfo(time_zone))


@cache
def _zones() -> frozenset[str]:
    # Not whatever has a table: the machine has more of them, which count leap seconds (`right/UTC`) or say where it
    # stands itself.
    return frozenset(available_timezones() - {"localtime"})


def is_time_zone(name: str) -> bool:
    """Say whether `name` is an IANA zone known here (to the machine, or else the tzdata of the requirements)."""
    try:
        calendar_of(name)
    except ValueError:
        return False
    return True


def add_months(day: date, months: int) -> date:
    """
    Return the same day of the month `months` later, clamped to that month's last day: 31 January + 1 is 28 February.

    A result past the year 9999 is 31 December 9999, since nothing is planned there.

    Source: care rules §2.2.
    """
    month_index = day.year * 12 + day.month - 1 + months
    year, month = month_index // 12, month_index % 12 + 1
    if year > date.max.year:
        return date.max
    return date(year, month, min(day.day, monthrange(year, month)[1]))
