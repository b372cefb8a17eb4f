"""Counts by day: which occurrences count, and as what."""

from datetime import date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.care.adherence.model import DayCount, Tally
from healthprotocol.care.adherence.rules.counting import add, day_counts, next_change_at
from healthprotocol.care.assignments.model import AssignmentId
from healthprotocol.care.entries.model import Occurrence, OccurrenceId, OccurrenceState
from tests.support.pure_plans import ISAR, LECH, instant, local

CLOSED = instant("2026-06-02T00:00")


def occurrence(
    state: OccurrenceState,
    *,
    key: str = "walk",
    planned: str = "2026-06-01T08:00",
    closes_at: datetime = CLOSED,
    late: bool = False,
    of: AssignmentId = ISAR,
) -> Occurrence:
    return Occurrence(
        id=OccurrenceId("any"),
        assignment_id=of,
        activity_key=key,
        kind="task",
        title="Walk",
        planned_at=instant(planned),
        planned_local=local(planned),
        slot=1,
        opens_at=instant(planned),
        closes_at=closes_at,
        state=state,
        late=late,
    )


class TestDayCounts:
    def test_add_up_by_day_assignment_and_activity(self) -> None:
        found = day_counts(
            [
                occurrence("completed"),
                occurrence("completed", late=True),
                occurrence("missed"),
                occurrence("skipped", key="swim"),
                occurrence("missed", planned="2026-05-31T08:00"),
                occurrence("completed", of=LECH),
            ],
            at=CLOSED,
        )

        assert [(str(one.day), one.assignment_id, one.activity_key, *counts(one)) for one in found] == [
            ("2026-05-31", ISAR, "walk", 0, 0, 1, 0),
            ("2026-06-01", ISAR, "swim", 0, 1, 0, 0),
            ("2026-06-01", ISAR, "walk", 2, 0, 1, 1),
            ("2026-06-01", LECH, "walk", 1, 0, 0, 1),
        ]

    @pytest.mark.parametrize("state", ["not_yet_open", "open", "not_applicable"])
    def test_what_is_not_decided_does_not_count(self, state: OccurrenceState) -> None:
        assert day_counts([occurrence(state)], at=CLOSED) == []

    @pytest.mark.parametrize("state", ["completed", "skipped"])
    def test_what_is_done_counts_when_its_window_closes(self, state: OccurrenceState) -> None:
        assert day_counts([occurrence(state)], at=CLOSED - timedelta(microseconds=1)) == []
        assert len(day_counts([occurrence(state)], at=CLOSED)) == 1

    def test_what_was_skipped_late_is_skipped(self) -> None:
        (count,) = day_counts([occurrence("skipped", late=True)], at=CLOSED)

        assert counts(count) == (0, 1, 0, 0)


def counts(one: DayCount | Tally) -> tuple[int, int, int, int]:
    return one.completed, one.skipped, one.missed, one.on_time


class TestAdd:
    @given(st.lists(st.builds(Tally, *[st.integers(0, 9)] * 4), max_size=6))
    def test_the_order_does_not_matter(self, tallies: list[Tally]) -> None:
        one, other = Tally(), Tally()
        for tally in tallies:
            one = add(one, tally)
        for tally in reversed(tallies):
            other = add(other, tally)

        assert one == other
        assert one.due == sum(tally.due for tally in tallies)

    def test_a_day_can_be_added(self) -> None:
        day = DayCount(assignment_id=ISAR, activity_key="walk", day=date(2026, 6, 1), completed=2, missed=1, on_time=1)

        assert add(Tally(1, 1, 1, 1), day) == Tally(3, 1, 2, 2)


class TestNextChange:
    def test_is_when_the_next_window_closes(self) -> None:
        later = CLOSED + timedelta(hours=5)

        found = [
            occurrence("missed"),
            occurrence("open", closes_at=later),
            occurrence("completed", closes_at=later + timedelta(hours=1)),
            occurrence("not_applicable", closes_at=CLOSED + timedelta(hours=1)),
        ]

        assert next_change_at(found, at=CLOSED) == later

    def test_is_never_when_all_are_closed(self) -> None:
        assert next_change_at([occurrence("missed")], at=CLOSED) is None


class TestRollups:
    def test_a_day_count_is_a_plain_value(self) -> None:
        (count,) = day_counts([occurrence("completed")], at=CLOSED)

        assert msgspec.json.decode(msgspec.json.encode(count), type=DayCount) == count
