"""
Look many occurrences up, each day of a plan computed once.

Source: care rules §3.2.
"""

from datetime import date, datetime, timedelta
from uuid import UUID

from healthprotocol.care.assignments.model import Assignment
from healthprotocol.care.assignments.rules.plan import Contents, planned_activities
from healthprotocol.care.entries.model import Occurrence, OccurrenceRef
from healthprotocol.care.entries.rules.occurrences import occurrences
from healthprotocol.care.protocols.model import Activity

# Held at a time; a plan of a year three times a day has 13,000.
MOST_OCCURRENCES = 50_000
_STRETCH = timedelta(days=27)

Found = tuple[Occurrence, Activity]


class DayBook:
    """
    Occurrences without their entries, as they stand at one instant, with their activities adjusted to the patient.

    A plan's first day asked for is computed alone; asked again, four weeks at once, because a file goes on with them.
    """

    def __init__(self, *, at: datetime) -> None:
        self._at = at
        self._found: dict[tuple[UUID, str, datetime, int], Found] = {}
        self._until: dict[UUID, tuple[int, date, date]] = {}

    def find(self, assignment: Assignment, contents: Contents, ref: OccurrenceRef) -> Found | None:
        """
        Return what an id names, None when the plan does not hold it.

        Raises:
            KeyError: `contents` lacks the version of a segment that is in force on its date.

        Source: care rules §3.2.
        """
        if ref.assignment_id != assignment.id:
            return None
        day = ref.planned_local.date()
        known = self._until.get(assignment.id)
        if known is None or known[0] != assignment.revision or not known[1] <= day <= known[2]:
            self._compute(assignment, contents, day, day if known is None else day + _STRETCH)
        return self._found.get((assignment.id, ref.activity_key, ref.planned_local, ref.slot))

    def _compute(self, assignment: Assignment, contents: Contents, first: date, last: date) -> None:
        if len(self._found) > MOST_OCCURRENCES:
            self._found.clear()
            self._until.clear()
        activities: dict[tuple[str, date], Activity] = {}
        for part in planned_activities(assignment, contents, from_on=first, to_on=last):
            activities.setdefault((part.activity.key, part.from_on), part.activity)
        begins = sorted({begins for _, begins in activities}, reverse=True)
        for one in occurrences(assignment, contents, from_on=first, to_on=last, standing={}, at=self._at):
            day = one.planned_local.date()
            # The part whose dates hold this day is the one that began last before it and has the activity.
            activity = next(
                activities[one.activity_key, at] for at in begins if at <= day and (one.activity_key, at) in activities
            )
            self._found[assignment.id, one.activity_key, one.planned_local, one.slot] = (one, activity)
        self._until[assignment.id] = (assignment.revision, first, last)
