"""
Look many occurrences up, each day of a plan computed once.

Source: care rules §3.2.
"""

from datetime import date, datetime, timedelta
from uuid import UUID

from msgspec import Struct

from healthprotocol.care.assignments.model import NO_ADJUSTMENTS, Assignment
from healthprotocol.care.assignments.rules.plan import Contents, PlannedActivity, planned_activities
from healthprotocol.care.entries.model import Due, OccurrenceRef
from healthprotocol.care.entries.rules.occurrences import due_of
from healthprotocol.care.protocols.model import Activity
from healthprotocol.care.protocols.rules.frame import Planned

# Held at a time; a plan of a year three times a day has 13,000.
MOST_PLANNED = 50_000
_STRETCH = timedelta(days=27)

Found = tuple[Due, Activity]
_Place = tuple[str, datetime, int]
_Course = tuple[object, ...]


class DayBook:
    """
    How occurrences stand at one instant without their entries, with their activities adjusted to the patient.

    Plans that run alike share their pages. A plan's first day asked for is computed alone; asked again, four weeks at
    once, because a file goes on with them.
    """

    def __init__(self, *, at: datetime) -> None:
        self._at = at
        self._pages: dict[UUID, tuple[int, _Open]] = {}
        self._open: dict[_Course, _Open] = {}
        self._count = 0

    def find(self, assignment: Assignment, contents: Contents, ref: OccurrenceRef) -> Found | None:
        """
        Return what an id names, None when the plan does not hold it.

        Raises:
            KeyError: `contents` lacks the version of a segment that is in force on its date.

        Source: care rules §3.2.
        """
        if ref.assignment_id != assignment.id:
            return None
        revision, pages = self._pages.get(assignment.id, (None, None))
        if pages is None or revision != assignment.revision:
            pages = self._open.setdefault(_course(assignment), _Open())
            self._pages[assignment.id] = assignment.revision, pages
        day = ref.planned_local.date()
        page = pages.page
        if page is None or not page.first <= day <= page.last:
            last = day if page is None else day + _STRETCH
            page = pages.page = self._written(assignment, contents, day, last)
        found = page.planned.get((ref.activity_key, ref.planned_local, ref.slot))
        if found is None:
            return None
        part, planned = found
        return due_of(assignment, part, planned, at=self._at), part.activity

    def _written(self, assignment: Assignment, contents: Contents, first: date, last: date) -> "_Page":
        if self._count > MOST_PLANNED:
            self._pages.clear()
            self._open.clear()
            self._count = 0
        known: dict[_Place, tuple[PlannedActivity, Planned]] = {}
        for part in planned_activities(
            assignment, contents, from_on=max(first, assignment.starts_on), to_on=min(last, assignment.ends_on)
        ):
            key = part.activity.key
            for planned in part.planned():
                known.setdefault((key, planned.planned_local, planned.slot), (part, planned))
        self._count += len(known) + 1
        return _Page(first, last, known)


class _Open(Struct):
    """Where the book lies open for plans that run alike."""

    page: "_Page | None" = None


class _Page(Struct, frozen=True):
    """What is planned on some days."""

    first: date
    last: date
    planned: dict[_Place, tuple[PlannedActivity, Planned]]


def _course(assignment: Assignment) -> _Course:
    """Return what the planned times of an assignment depend on: equal for two of which nothing is adjusted."""
    if any(segment.adjustments != NO_ADJUSTMENTS for segment in assignment.segments):
        return (assignment.id, assignment.revision)
    segments = tuple((one.version, one.from_on, one.plan_starts_on) for one in assignment.segments)
    return (assignment.protocol_id, assignment.time_zone, assignment.starts_on, assignment.ends_on, segments)
