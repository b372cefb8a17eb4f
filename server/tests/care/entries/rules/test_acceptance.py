"""When an entry may be made, and when it is late."""

from datetime import time, timedelta

import pytest

from healthprotocol.care.entries.errors import OccurrenceClosed, OccurrenceNotApplicable, OccurrenceNotOpenYet
from healthprotocol.care.entries.model import Occurrence
from healthprotocol.care.entries.rules.acceptance import check_effective_at, require_acceptable
from healthprotocol.care.entries.rules.occurrences import occurrences
from tests.support.pure_plans import MONDAY, activity, assigned, content, instant


def walk(status: str = "active") -> Occurrence:
    plan = content(activity("walk", time_of_day=(time(18),), window_minutes=60))
    assignment = assigned(time_zone="Europe/Berlin", status="active" if status == "active" else "proposed")
    found = occurrences(
        assignment, {1: plan}, from_on=MONDAY, to_on=MONDAY, standing={}, at=instant("2026-05-01T00:00")
    )
    return next(found)


def is_late(at: str, *, effective_at: str | None = None, late_days: int = 7) -> bool:
    """The walk is planned for 16:00 UTC and closes at 17:00."""
    return require_acceptable(
        walk(),
        effective_at=instant(effective_at or at),
        at=instant(at),
        time_zone="Europe/Berlin",
        late_days=late_days,
    )


class TestRequireAcceptable:
    @pytest.mark.parametrize("at", ["2026-06-01T16:00", "2026-06-01T16:59:59"])
    def test_in_its_window_it_is_in_time(self, at: str) -> None:
        assert not is_late(at)

    @pytest.mark.parametrize("at", ["2026-06-01T17:00", "2026-06-05T12:00", "2026-06-08T17:00"])
    def test_up_to_a_week_after_its_window_it_is_late(self, at: str) -> None:
        assert is_late(at)
        assert is_late(at, effective_at="2026-06-01T16:30")

    def test_after_that_it_is_refused(self) -> None:
        with pytest.raises(OccurrenceClosed):
            is_late("2026-06-08T17:00:01")

    def test_an_organisation_may_say_how_long(self) -> None:
        assert is_late("2026-06-10T12:00", late_days=30)
        with pytest.raises(OccurrenceClosed):
            is_late("2026-06-01T17:00:01", late_days=0)

    def test_before_its_window_on_the_same_local_day_it_is_in_time(self) -> None:
        assert not is_late("2026-05-31T22:00")
        assert not is_late("2026-06-01T16:30", effective_at="2026-05-31T22:00")

    @pytest.mark.parametrize(
        ("at", "effective_at"),
        [("2026-05-31T21:59", None), ("2026-06-01T16:30", "2026-05-31T21:59"), ("2026-05-20T12:00", None)],
    )
    def test_before_that_day_it_is_refused(self, at: str, effective_at: str | None) -> None:
        with pytest.raises(OccurrenceNotOpenYet):
            is_late(at, effective_at=effective_at)

    def test_what_is_not_due_takes_none(self) -> None:
        at = instant("2026-06-01T16:30")

        with pytest.raises(OccurrenceNotApplicable):
            require_acceptable(walk(status="proposed"), effective_at=at, at=at, time_zone="Europe/Berlin")


class TestCheckEffectiveAt:
    NOW = instant("2026-06-01T16:30")

    def test_a_clock_may_be_a_little_ahead(self) -> None:
        assert check_effective_at(self.NOW + timedelta(minutes=5), at=self.NOW) == []

    def test_the_future_is_refused(self) -> None:
        found = check_effective_at(self.NOW + timedelta(minutes=6), at=self.NOW)

        assert [(one.pointer, one.code) for one in found] == [("/effective_at", "out_of_range")]

    def test_an_instant_has_an_offset(self) -> None:
        found = check_effective_at(self.NOW.replace(tzinfo=None), at=self.NOW)

        assert [(one.pointer, one.code) for one in found] == [("/effective_at", "malformed")]
