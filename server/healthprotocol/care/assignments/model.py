"""A care protocol given to a patient: from when, in which versions, with what adjustments and pauses. Pure values."""

from datetime import date, datetime
from typing import Annotated, Literal, NewType
from uuid import UUID

import msgspec
from msgspec import Meta

from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols.model import (
    ActivityKey,
    Code,
    EventTiming,
    LocalTime,
    ProtocolId,
    Schedule,
    ValueRange,
)
from healthprotocol.foundation.ids import AccountId, OrganisationId

AssignmentId = NewType("AssignmentId", UUID)

AssignmentStatus = Literal["proposed", "active", "paused", "completed", "stopped", "entered_in_error"]
Reason = Annotated[str, Meta(min_length=1, max_length=500)]


class TargetRange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another target for one measured quantity, named by its LOINC code, in the definition's unit."""

    code: Code
    range: ValueRange


class ActivityAdjustment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """
    What is different for this patient in one activity.

    `skip` takes it out. `shift_minutes` moves its times, `time_of_day` replaces them, `schedule` replaces the whole
    schedule; at most one of the three.
    """

    activity_key: ActivityKey
    skip: bool = False
    shift_minutes: Annotated[int, Meta(ge=-720, le=720)] | None = None
    time_of_day: Annotated[tuple[LocalTime, ...], Meta(max_length=100)] = ()
    schedule: Schedule | None = None
    target_ranges: Annotated[tuple[TargetRange, ...], Meta(max_length=20)] = ()


class DayPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a part of the day, or a meal, is for this patient, instead of the usual time."""

    when: EventTiming
    time: LocalTime


class Adjustments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is different for this patient; what is not named is as the protocol says."""

    activities: Annotated[tuple[ActivityAdjustment, ...], Meta(max_length=200)] = ()
    day_parts: Annotated[tuple[DayPart, ...], Meta(max_length=26)] = ()

    def of(self, activity_key: str) -> ActivityAdjustment | None:
        """Return what is different in an activity, or None."""
        return next((one for one in self.activities if one.activity_key == activity_key), None)


NO_ADJUSTMENTS = Adjustments()


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """
    The plan in force from the local date `from_on` until the next segment begins.

    `plan_starts_on` is the local date of its plan day 1: earlier than `from_on` where the plan day went on counting
    through a change, later than `starts_on` by the days that pauses moved the plan.
    """

    version: int
    from_on: date
    plan_starts_on: date
    adjustments: Adjustments = NO_ADJUSTMENTS


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """
    Nothing planned from `from_at` up to, not including, `to_at` is due; None means it still lasts.

    `shift_days` is how far the rest of the plan was moved when it ended.
    """

    from_at: datetime
    to_at: datetime | None = None
    shift_days: int = 0


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """
    A care protocol given to a patient.

    `starts_on` … `ends_on` are local dates in `time_zone`, both inclusive. `segments` are sorted by `from_on` and never
    empty; `pauses` are sorted and do not overlap. `stopped_at` is when it was completed or stopped. `revision` grows
    with every change; `updated_at` is when the stored one was last written, None before that.
    """

    id: AssignmentId
    organisation_id: OrganisationId
    protocol_id: ProtocolId
    patient_id: PatientId
    status: AssignmentStatus
    assigned_at: datetime
    assigned_by: AccountId
    starts_on: date
    ends_on: date
    time_zone: str
    segments: tuple[Segment, ...]
    pauses: tuple[Pause, ...] = ()
    stopped_at: datetime | None = None
    reason: str | None = None
    revision: int = 1
    updated_at: datetime | None = None

    @property
    def version(self) -> int:
        """The protocol version of the newest segment, which may begin in the future."""
        return self.segments[-1].version

    @property
    def adjustments(self) -> Adjustments:
        """The adjustments of the newest segment."""
        return self.segments[-1].adjustments


class NewAssignment(msgspec.Struct, frozen=True, kw_only=True):
    """
    What to give to one patient.

    `version` None means the newest published one, `time_zone` None the patient's own. A proposed one counts nothing
    until it is started.
    """

    protocol_id: ProtocolId
    patient_id: PatientId
    starts_on: date
    version: int | None = None
    time_zone: str | None = None
    adjustments: Adjustments = Adjustments()
    is_proposed: bool = False


class DaysTaken(msgspec.Struct, frozen=True):
    """The local dates, both inclusive, on which a patient takes no other assignment of a protocol."""

    protocol_id: ProtocolId
    patient_id: PatientId
    starts_on: date
    ends_on: date


class BulkAssignment(msgspec.Struct, frozen=True, kw_only=True):
    """What to give to many: the patients of `patient_ids`, or those that the list filter `patient_filter` selects."""

    protocol_id: ProtocolId
    starts_on: date
    version: int | None = None
    patient_ids: tuple[PatientId, ...] | None = None
    patient_filter: str | None = None


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """
    Where a running assignment is to go.

    `from_on` None means the patient's present day, `adjustments` None that the present ones stay as far as the new
    version has their activities.
    """

    to_version: int
    from_on: date | None = None
    restart: bool = False
    adjustments: Adjustments | None = None


class PlanChange(msgspec.Struct, frozen=True, kw_only=True):
    """
    How one activity fares in a move: how often it is still planned, before and after, from the day of the move on.

    `changed` names the fields of its definition that differ between the versions.
    """

    activity_key: str
    title: str
    planned_before: int
    planned_after: int
    changed: tuple[str, ...] = ()


class MovePreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a move to another version would begin, end and change, and the last day before and after it."""

    begins: tuple[PlanChange, ...]
    ends: tuple[PlanChange, ...]
    changes: tuple[PlanChange, ...]
    ends_on_before: date
    ends_on_after: date


class Moved(msgspec.Struct, frozen=True):
    """An assignment after a move (or as it is, when the move was only tried), and what the move does."""

    assignment: Assignment
    preview: MovePreview


class Titled(msgspec.Struct, frozen=True):
    """An assignment with the title of the version it follows, and, of a move, what that does."""

    assignment: Assignment
    protocol_title: str
    preview: MovePreview | None = None

    @property
    def revision(self) -> int:
        """That of the assignment."""
        return self.assignment.revision


class AssignmentStarted(msgspec.Struct, frozen=True):
    """A patient's plan began to count."""

    assignment_id: AssignmentId
    patient_id: PatientId


class AssignmentsStarted(msgspec.Struct, frozen=True):
    """Plans of many patients began to count, made by one batch of an operation."""

    assignment_ids: tuple[AssignmentId, ...]


class AssignmentChanged(msgspec.Struct, frozen=True):
    """A plan was paused, resumed, adjusted, moved or closed: what was computed of `from_on` and later may be stale."""

    assignment_id: AssignmentId
    patient_id: PatientId
    from_on: date
