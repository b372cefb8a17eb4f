"""
Counts by day, assignment and activity: what rollups keep, and what every ratio is computed from.

Source: care rules §5.1 and §5.3.
"""

from collections.abc import Iterable
from datetime import date, datetime

from healthprotocol.care.adherence.model import DayCount, Tally
from healthprotocol.care.assignments.model import AssignmentId
from healthprotocol.care.entries.model import Occurrence

_COUNTED = {
    "completed": Tally(completed=1, on_time=1),
    "skipped": Tally(skipped=1),
    "missed": Tally(missed=1),
}
_LATE = Tally(completed=1)


def day_counts(occurrences: Iterable[Occurrence], *, at: datetime) -> list[DayCount]:
    """
    Return the counts of occurrences as they stood at `at`, by day, assignment and activity, in that order.

    Only those whose window has closed by `at` count, and what was not applicable never does. An occurrence belongs to
    the local date for which it was planned.

    Source: care rules §5.1.
    """
    tallies: dict[tuple[date, AssignmentId, str], Tally] = {}
    for one in occurrences:
        counted = _LATE if one.late and one.state == "completed" else _COUNTED.get(one.state)
        if counted is None or one.closes_at > at:
            continue
        key = (one.planned_local.date(), one.assignment_id, one.activity_key)
        tallies[key] = add(tallies.get(key, Tally()), counted)
    return [
        DayCount(
            assignment_id=assignment_id,
            activity_key=activity_key,
            day=day,
            completed=tally.completed,
            skipped=tally.skipped,
            missed=tally.missed,
            on_time=tally.on_time,
        )
        for (day, assignment_id, activity_key), tally in sorted(tallies.items())
    ]


def add(one: Tally, other: Tally | DayCount) -> Tally:
    """Return the sum of two counts. Source: care rules §5.2."""
    return Tally(
        one.completed + other.completed,
        one.skipped + other.skipped,
        one.missed + other.missed,
        one.on_time + other.on_time,
    )


def next_change_at(occurrences: Iterable[Occurrence], *, at: datetime) -> datetime | None:
    """Return when the next window closes after `at`, so that counts grow without an entry, or None when none will."""
    return min(
        (one.closes_at for one in occurrences if one.state != "not_applicable" and one.closes_at > at), default=None
    )
