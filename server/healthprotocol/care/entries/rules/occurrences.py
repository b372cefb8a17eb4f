"""
The occurrences of an assignment between two local dates, and how each stands at an instant.

Source: care rules §1.3, §3.2, §3.3.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from operator import attrgetter

from msgspec import Struct

from healthprotocol.care.assignments.model import Assignment
from healthprotocol.care.assignments.rules.plan import Contents, PlannedActivity, planned_activities
from healthprotocol.care.entries.model import (
    Due,
    Entry,
    Occurrence,
    OccurrenceId,
    OccurrenceState,
    StandingEntry,
)
from healthprotocol.care.entries.rules.occurrence_ids import id_prefix, with_prefix
from healthprotocol.care.protocols.rules.frame import Planned
from healthprotocol.care.protocols.rules.local_time import ONE_DAY

Standing = Mapping[OccurrenceId, StandingEntry]
"""The entry that counts, by occurrence; an occurrence that is not there has none."""

# Occurrences are made a stretch of days at a time, so that a year of them never lies in memory at once.
_STRETCH = timedelta(days=28)

_by_planned_local = attrgetter("planned_local")


def occurrences(
    assignment: Assignment, contents: Contents, *, from_on: date, to_on: date, standing: Standing, at: datetime
) -> Iterator[Occurrence]:
    """
    Yield the occurrences planned on the local dates `from_on` … `to_on`, both inclusive, as they stand at `at`.

    They are sorted by planned local time; what is planned for the same time comes in the protocol's order, then by
    slot.

    Raises:
        KeyError: `contents` lacks the version of a segment that is in force on these dates.

    Source: care rules §1.3 and §3.3.
    """
    dismissal = _Dismissal.of(assignment)
    first, to_on = max(from_on, assignment.starts_on), min(to_on, assignment.ends_on)
    while first <= to_on:
        last = min(first + _STRETCH - ONE_DAY, to_on)
        stretch: list[Occurrence] = []
        for part in planned_activities(assignment, contents, from_on=first, to_on=last):
            _add_occurrences(stretch, assignment, part, dismissal=dismissal, standing=standing, at=at)
        stretch.sort(key=_by_planned_local)
        yield from stretch
        first = last + ONE_DAY


def due_of(assignment: Assignment, part: PlannedActivity, planned: Planned, *, at: datetime) -> Due:
    """
    Return how one planned instance of a part of a plan stands at `at`, without any entry: as `occurrences` has it.

    Source: care rules §3.3.
    """
    dismissal = _Dismissal.of(assignment)
    if part.is_taken_out or (dismissal is not None and dismissal.holds(planned.planned_at)):
        state: OccurrenceState = "not_applicable"
    else:
        state = _state_without_entry(planned, at)
    return Due(planned.planned_local, planned.opens_at, planned.closes_at, state)


def standing_entries(entries: Iterable[Entry]) -> dict[OccurrenceId, StandingEntry]:
    """
    Return the entry that counts for each occurrence: the newest that no other replaces.

    An entry that was retracted counts no more, and neither does the retraction; another one may.

    Source: care rules §4.1.
    """
    known = list(entries)
    replaced = {entry.replaces for entry in known}
    newest: dict[OccurrenceId, Entry] = {}
    for entry in known:
        if entry.occurrence_id is None or entry.id in replaced or entry.outcome == "retracted":
            continue
        rival = newest.get(entry.occurrence_id)
        if rival is None or (entry.recorded_at, entry.id) > (rival.recorded_at, rival.id):
            newest[entry.occurrence_id] = entry
    return {
        occurrence_id: StandingEntry(entry.id, "skipped" if entry.outcome == "skipped" else "completed", entry.late)
        for occurrence_id, entry in newest.items()
    }


class _Dismissal(Struct, frozen=True):
    """When nothing is due: in the pauses, and from `stopped_at` on; or never, for a plan that does not count."""

    is_whole: bool
    stopped_at: datetime | None
    pauses: tuple[tuple[datetime, datetime | None], ...]

    @classmethod
    def of(cls, assignment: Assignment) -> "_Dismissal | None":
        """Return None, as for most, when the plan runs and never paused."""
        if assignment.status == "active" and not assignment.pauses:
            return None
        return cls(
            is_whole=assignment.status in {"proposed", "entered_in_error"},
            stopped_at=assignment.stopped_at,
            pauses=tuple((pause.from_at, pause.to_at) for pause in assignment.pauses),
        )

    def holds(self, planned_at: datetime) -> bool:
        """Say whether what is planned for this instant is not due. Source: care rules §3.3 and §3.5."""
        if self.is_whole or (self.stopped_at is not None and planned_at >= self.stopped_at):
            return True
        return any(from_at <= planned_at and (to_at is None or planned_at < to_at) for from_at, to_at in self.pauses)


def _add_occurrences(
    found: list[Occurrence],
    assignment: Assignment,
    part: PlannedActivity,
    *,
    dismissal: _Dismissal | None,
    standing: Standing,
    at: datetime,
) -> None:
    activity, assignment_id = part.activity, assignment.id
    prefix = id_prefix(assignment_id, activity.key)
    for planned in part.planned():
        occurrence_id = with_prefix(prefix, planned.planned_local, planned.slot)
        entry = standing.get(occurrence_id)
        if entry is not None:
            state: OccurrenceState = entry.outcome
        elif part.is_taken_out or (dismissal is not None and dismissal.holds(planned.planned_at)):
            state = "not_applicable"
        else:
            state = _state_without_entry(planned, at)
        found.append(
            Occurrence(
                id=occurrence_id,
                assignment_id=assignment_id,
                activity_key=activity.key,
                kind=activity.kind,
                title=activity.title,
                planned_at=planned.planned_at,
                planned_local=planned.planned_local,
                slot=planned.slot,
                opens_at=planned.opens_at,
                closes_at=planned.closes_at,
                state=state,
                entry_id=None if entry is None else entry.entry_id,
                late=entry is not None and entry.late,
            )
        )


def _state_without_entry(planned: Planned, at: datetime) -> OccurrenceState:
    if at < planned.opens_at:
        return "not_yet_open"
    return "open" if at < planned.closes_at else "missed"
