"""Missed in a row, low adherence, silence."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.care.alerts.rules.planned import (
    adherence_low,
    missed_in_row,
    next_look_at,
    no_entry,
    planned_findings,
)
from healthprotocol.care.assignments.model import AssignmentId
from healthprotocol.care.entries.model import Occurrence, OccurrenceId, OccurrenceState

NOW = datetime(2026, 3, 20, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def planned(days_ago: float, state: OccurrenceState = "missed", *, key: str = "walk") -> Occurrence:
    """An occurrence that closed (or will close) so many days ago, two hours after it opened."""
    closes_at = NOW - days_ago * DAY
    return Occurrence(
        id=OccurrenceId(f"{key}{days_ago}"),
        assignment_id=AssignmentId(UUID(int=1)),
        activity_key=key,
        kind="exercise",
        title="Walk",
        planned_at=closes_at - 2 * HOUR,
        planned_local=(closes_at - 2 * HOUR).replace(tzinfo=None),
        slot=1,
        opens_at=closes_at - 2 * HOUR,
        closes_at=closes_at,
        state=state,
    )


class TestMissedInRow:
    @pytest.mark.parametrize(("states", "holds"), [("mmm", True), ("cmmm", True), ("mm", False), ("mmmc", False)])
    def test_counts_back_from_the_newest(self, states: str, holds: bool) -> None:
        words: dict[str, OccurrenceState] = {"m": "missed", "c": "completed"}
        found = missed_in_row([planned(9 - place, words[letter]) for place, letter in enumerate(states)])

        assert (found.holds, found.fires) == (holds, holds)
        assert (found.rule, found.activity_key, found.detail.title) == ("missed_in_row", "walk", "Walk")

    def test_what_was_skipped_with_a_reason_breaks_the_row(self) -> None:
        assert not missed_in_row([planned(3), planned(2), planned(1, "skipped")]).holds

    def test_says_how_many(self) -> None:
        assert missed_in_row([planned(day) for day in (5, 4, 3, 2, 1)]).detail.missed == 5


class TestAdherenceLow:
    def test_holds_below_half_of_at_least_five_in_seven_days(self) -> None:
        found = adherence_low(
            [*(planned(day) for day in (5, 4, 3)), planned(2, "completed"), planned(1, "skipped")], at=NOW
        )

        assert found.holds
        assert (found.detail.ratio, found.detail.due, found.detail.days) == (0.2, 5, 7)

    def test_half_is_enough(self) -> None:
        ones = [planned(day, "completed" if day % 2 else "missed") for day in range(6)]

        assert not adherence_low(ones, at=NOW).holds

    def test_four_are_too_few_to_say(self) -> None:
        assert not adherence_low([planned(day) for day in range(4)], at=NOW).holds

    def test_what_closed_earlier_or_has_not_closed_is_not_looked_at(self) -> None:
        found = adherence_low([planned(7), planned(8), planned(-1, "completed")], at=NOW)

        assert (found.holds, found.detail.ratio, found.detail.due) == (False, None, 0)


class TestNoEntry:
    def test_holds_after_three_days_with_something_due(self) -> None:
        found = no_entry([planned(day) for day in (3, 2, 1)], last_entry_at=NOW - 4 * DAY, at=NOW)

        assert found.holds
        assert found.detail.since == NOW - 3 * DAY - 2 * HOUR

    def test_begins_with_the_last_entry_when_something_could_be_done_then(self) -> None:
        last = NOW - 2 * DAY - HOUR
        found = no_entry([planned(day) for day in (4, 2, 1)], last_entry_at=last, at=NOW)

        assert not found.holds
        assert found.detail.since == last

    def test_who_never_recorded_anything_is_silent_from_what_she_missed_first(self) -> None:
        ones = [planned(day) for day in (3, 2, 1)]

        assert no_entry(ones, last_entry_at=None, at=NOW).holds
        assert not no_entry(ones[1:], last_entry_at=None, at=NOW).holds

    def test_who_was_asked_for_nothing_is_not_silent(self) -> None:
        assert not no_entry([], last_entry_at=NOW - 30 * DAY, at=NOW).holds
        assert not no_entry([planned(9), planned(8)], last_entry_at=NOW - 10 * DAY, at=NOW).holds


class TestPlannedFindings:
    def test_says_something_of_each_activity_and_of_the_plan(self) -> None:
        ones = [planned(3), planned(2, key="pill"), planned(1, "completed"), planned(-1, "open", key="later")]

        found = planned_findings(ones, last_entry_at=NOW - DAY, at=NOW)

        assert [(one.rule, one.activity_key) for one in found] == [
            ("no_entry", None),
            ("missed_in_row", "walk"),
            ("missed_in_row", "pill"),
            ("adherence_low", None),
        ]
        assert not any(one.holds for one in found)

    def test_a_silent_patient_is_told_once(self) -> None:
        found = planned_findings([planned(day / 2) for day in range(8, 0, -1)], last_entry_at=None, at=NOW)

        assert {one.rule for one in found if one.fires} == {"no_entry"}
        assert all(one.holds for one in found)

    def test_of_a_patient_who_speaks_each_fires_for_itself(self) -> None:
        ones = [planned(day / 2) for day in range(8, 0, -1)]

        found = planned_findings([*ones, planned(0.2, "skipped", key="pill")], last_entry_at=NOW - HOUR, at=NOW)

        assert {one.rule for one in found if one.fires} == {"missed_in_row", "adherence_low"}


class TestNextLookAt:
    def test_is_when_the_next_window_closes(self) -> None:
        assert next_look_at([planned(-1, "open"), planned(-2, "open")], last_entry_at=None, at=NOW) == NOW + DAY

    def test_is_when_a_silence_has_lasted(self) -> None:
        assert next_look_at([], last_entry_at=NOW - DAY, at=NOW) == NOW + 2 * DAY
        assert next_look_at([planned(2)], last_entry_at=None, at=NOW) == NOW + DAY - 2 * HOUR

    def test_is_never_when_nothing_will_change(self) -> None:
        assert next_look_at([planned(-1, "not_applicable"), planned(9)], last_entry_at=None, at=NOW) is None

    @given(
        st.lists(st.tuples(st.integers(-12, 60), st.sampled_from(["completed", "skipped"])), max_size=12),
        st.lists(st.integers(-12, 60), max_size=12),
        st.integers(0, 60) | st.none(),
    )
    def test_nothing_is_said_otherwise_before_it(
        self, done: list[tuple[int, OccurrenceState]], others: list[int], last_hours: int | None
    ) -> None:
        def told(at: datetime) -> list[tuple[str, bool, bool]]:
            ones = [planned(quarter / 4, state) for quarter, state in done if NOW - quarter * DAY / 4 <= NOW]
            ones += [planned(quarter / 4, "missed" if NOW - quarter * DAY / 4 <= at else "open") for quarter in others]
            ones.sort(key=lambda one: one.planned_at)
            last = None if last_hours is None else NOW - last_hours * HOUR
            said = planned_findings(ones, last_entry_at=last, at=at)
            looked = next_look_at(ones, last_entry_at=last, at=at)
            looks.append(looked)
            return [(f"{one.rule}/{one.activity_key}", one.holds, one.fires) for one in said]

        looks: list[datetime | None] = []
        first = told(NOW)
        until = looks[0] or NOW + 30 * DAY

        for part in (0.3, 0.6, 0.99):
            assert told(NOW + (until - NOW) * part) == first
