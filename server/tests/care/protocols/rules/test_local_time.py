"""Local days as instants, and months that clamp."""

from datetime import UTC, date, datetime, timedelta
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.care.protocols.rules.local_time import LocalCalendar, add_months, calendar_of, is_time_zone


class TestCalendar:
    def test_a_time_in_a_gap_goes_on_with_the_offset_before_it(self) -> None:
        at = calendar_of("America/New_York").instant(datetime.fromisoformat("2026-03-08T02:30"))

        assert at == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)

    def test_a_time_that_comes_twice_is_the_first(self) -> None:
        at = calendar_of("America/New_York").instant(datetime.fromisoformat("2026-11-01T01:30").replace(fold=1))

        assert at == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)

    def test_a_day_on_which_the_clock_changes_is_not_even(self) -> None:
        calendar = calendar_of("Europe/Berlin")

        assert not calendar.day(date(2026, 3, 29).toordinal()).is_even
        assert calendar.day(date(2026, 3, 30).toordinal()).is_even

    def test_forgets_days_rather_than_grow_without_end(self) -> None:
        calendar = LocalCalendar(calendar_of("UTC").zone)
        first = date(2000, 1, 1).toordinal()

        for ordinal in range(first, first + 8_000):
            calendar.day(ordinal)

        assert len(calendar._days) < 7_301
        assert calendar.day(first).midnight_at == datetime(2000, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "Asia/Kolkata"])
    def test_knows_zones(self, name: str) -> None:
        assert is_time_zone(name)

    @pytest.mark.parametrize(
        "name", ["", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "Europe", "\0", "x" * 5_000]
    )
    def test_knows_what_is_no_zone(self, name: str) -> None:
        assert not is_time_zone(name)

    @pytest.mark.parametrize("name", ["localtime", "posixrules", "right/UTC", "posix/Europe/Berlin"])
    def test_takes_no_table_of_the_machines_own(self, name: str) -> None:
        assert not is_time_zone(name)

    def test_knows_every_zone_of_the_requirements(self) -> None:
        names = files("tzdata").joinpath("zones").read_text().split()

        assert len(names) > 500
        assert all(is_time_zone(name) for name in names)


class TestAddMonths:
    @pytest.mark.parametrize(
        ("day", "months", "expected"),
        [
            (date(2027, 1, 31), 1, date(2027, 2, 28)),
            (date(2027, 1, 31), 2, date(2027, 3, 31)),
            (date(2028, 2, 29), 12, date(2029, 2, 28)),
            (date(2028, 2, 29), 48, date(2032, 2, 29)),
            (date(2026, 12, 1), 1, date(2027, 1, 1)),
            (date(9999, 12, 1), 1, date.max),
        ],
    )
    def test_clamps_to_the_last_day(self, day: date, months: int, expected: date) -> None:
        assert add_months(day, months) == expected

    @given(st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.integers(0, 100))
    def test_is_never_before_and_never_far(self, day: date, months: int) -> None:
        later = add_months(day, months)

        assert timedelta(days=28 * months) <= later - day <= timedelta(days=31 * months)
