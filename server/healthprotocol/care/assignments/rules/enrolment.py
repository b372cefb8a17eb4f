"""
The beginning of an assignment: whether what is asked for fits, and what it becomes, for one patient or many.

Source: product.md (assignment) and care rules §1.1.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

from msgspec import Struct

from healthprotocol.care.assignments.model import Adjustments, Assignment, AssignmentId, NewAssignment
from healthprotocol.care.assignments.rules.adjustments import check_adjustments
from healthprotocol.care.assignments.rules.lifecycle import check_start, first_segment, last_day
from healthprotocol.care.protocols.model import ProtocolContent
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.errors import Violation

LONGEST_AGO = timedelta(days=366)
LONGEST_AHEAD = timedelta(days=731)
MOST_NAMED = 100
"""How many ids of a bulk assignment are named, of those that do not exist."""


def check_new(wanted: NewAssignment, content: ProtocolContent, *, time_zone: str, at: datetime) -> list[Violation]:
    """Return everything that is wrong with an assignment that is asked for at `at`."""
    return [
        *check_first_day(wanted.starts_on, time_zone=time_zone, at=at),
        *check_adjustments(wanted.adjustments, content, pointer="/adjustments"),
    ]


def check_first_day(starts_on: date, *, time_zone: str = "UTC", at: datetime) -> list[Violation]:
    """
    Return what is wrong with where a plan would begin, seen from `at`: a year ago at most, two years ahead at most.

    A day further off is a slip of the pen; and what is planned long ago would all be missed.
    """
    found = check_start(starts_on, time_zone=time_zone)
    if not found and not at.date() - LONGEST_AGO <= starts_on <= at.date() + LONGEST_AHEAD:
        found.append(
            Violation("/starts_on", "out_of_range", "Let the plan begin within the last year or the next two.")
        )
    return found


def assignment_of(
    actor: Actor,
    wanted: NewAssignment,
    *,
    id: AssignmentId,  # noqa: A002 - the field's name
    version: int,
    duration_days: int,
    time_zone: str,
    at: datetime,
) -> Assignment:
    """Return the assignment that an actor makes of what is wanted. Source: care rules §1.1."""
    return Assignment(
        id=id,
        organisation_id=actor.organisation_id,
        protocol_id=wanted.protocol_id,
        patient_id=wanted.patient_id,
        status="proposed" if wanted.is_proposed else "active",
        assigned_at=at,
        assigned_by=actor.account_id,
        starts_on=wanted.starts_on,
        ends_on=last_day(wanted.starts_on, duration_days=duration_days),
        time_zone=time_zone,
        segments=(first_segment(version=version, starts_on=wanted.starts_on, adjustments=wanted.adjustments),),
        updated_at=at,
    )


def fitting(adjustments: Adjustments, content: ProtocolContent) -> Adjustments:
    """Return the adjustments of those activities that a version has; the others have nothing left to adjust."""
    keys = {activity.key for phase in content.phases for activity in phase.activities}
    activities = tuple(one for one in adjustments.activities if one.activity_key in keys)
    return Adjustments(activities=activities, day_parts=adjustments.day_parts)


class Cohort(Struct, frozen=True):
    """
    Patients of a bulk assignment, sorted out: who can take it with their time zones, and why the others cannot.

    The four are disjoint and together all that were asked for.
    """

    assignable: dict[UUID, str]
    already_assigned: tuple[UUID, ...]
    archived: tuple[UUID, ...]
    unknown: tuple[UUID, ...]

    def counts(self) -> dict[str, int]:
        """Return how many there are of each, under the names that results use."""
        return {
            "requested": sum(map(len, (self.assignable, self.already_assigned, self.archived, self.unknown))),
            "already_assigned": len(self.already_assigned),
            "archived": len(self.archived),
            "unknown": len(self.unknown),
        }


def sort_out(patient_ids: Iterable[UUID], found: Mapping[UUID, tuple[str, str]], following: Collection[UUID]) -> Cohort:
    """
    Return the cohort of `patient_ids`, each taken once.

    `found` has status and time zone of those that exist, `following` those that follow the protocol on these days.
    """
    assignable: dict[UUID, str] = {}
    already_assigned: list[UUID] = []
    archived: list[UUID] = []
    unknown: list[UUID] = []
    for patient_id in dict.fromkeys(patient_ids):
        status, time_zone = found.get(patient_id, (None, ""))
        if status is None:
            unknown.append(patient_id)
        elif status != "active":
            archived.append(patient_id)
        elif patient_id in following:
            already_assigned.append(patient_id)
        else:
            assignable[patient_id] = time_zone
    return Cohort(assignable, tuple(already_assigned), tuple(archived), tuple(unknown))


def added_up(
    sum_so_far: Mapping[str, object] | None, counts: Mapping[str, int], *, unknown: Collection[UUID]
) -> dict[str, object]:
    """Return the result of an operation with one batch more; the first MOST_NAMED unknown ids are named in it."""
    before = dict(sum_so_far or {})
    result: dict[str, object] = {**before}
    for name, count in counts.items():
        result[name] = _count(before.get(name)) + count
    named = before.get("unknown_ids")
    ids = [*(named if isinstance(named, list) else []), *(str(one) for one in unknown)]
    return {**result, "unknown_ids": ids[:MOST_NAMED]}


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
