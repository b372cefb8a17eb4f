"""The shapes of assignments over HTTP."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from healthprotocol.api.items import Revision, Tag
from healthprotocol.api.paging import Page
from healthprotocol.care.assignments.model import (
    Adjustments,
    AssignmentStatus,
    BulkAssignment,
    Move,
    MovePreview,
    NewAssignment,
    Pause,
    Segment,
    Titled,
)
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols.model import ProtocolId

Version = Annotated[int, Meta(ge=1, le=1_000_000)]
Zone = Annotated[str, Meta(min_length=1, max_length=64)]
Start = Literal["active", "proposed"]
Why = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]


class CreateAssignment(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """
    A version to give to a patient.

    Without `version` it is the newest published one, without `time_zone` the patient's own. With `status` proposed
    nothing is due until it is started.
    """

    protocol_id: UUID
    version: Version | None = None
    patient_id: UUID
    starts_on: date
    time_zone: Zone | None = None
    adjustments: Adjustments | None = None
    status: Start = "active"

    def wanted(self) -> NewAssignment:
        """Return the values as the service takes them."""
        return NewAssignment(
            protocol_id=ProtocolId(self.protocol_id),
            patient_id=PatientId(self.patient_id),
            starts_on=self.starts_on,
            version=self.version,
            time_zone=self.time_zone,
            adjustments=self.adjustments or Adjustments(),
            is_proposed=self.status == "proposed",
        )


class BulkAssign(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """
    A version to give to the patients of `patient_ids`, or to those that `filter` (as in the list of patients) selects.

    With `dry_run` nobody is assigned: the operation that is returned is over, and its result counts what would happen.
    """

    protocol_id: UUID
    version: Version | None = None
    starts_on: date
    patient_ids: Annotated[tuple[UUID, ...], Meta(min_length=1, max_length=25_000)] | None = None
    filter: Annotated[str, Meta(min_length=1, max_length=4000, pattern=r"\S")] | None = None
    dry_run: bool = False

    def wanted(self) -> BulkAssignment:
        """Return the values as the service takes them."""
        return BulkAssignment(
            protocol_id=ProtocolId(self.protocol_id),
            starts_on=self.starts_on,
            version=self.version,
            patient_ids=None if self.patient_ids is None else tuple(PatientId(one) for one in self.patient_ids),
            patient_filter=self.filter,
        )


class UpdateAssignment(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Other adjustments in place of those there were, from the local date `from` on; without it from now on."""

    adjustments: Adjustments
    from_on: date | None = msgspec.field(default=None, name="from")


class PauseAssignment(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Why, if that is to be kept."""

    reason: Why | None = None


class ResumeAssignment(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """With `shift` the rest of the plan moves by the whole days paused, and so does its end."""

    shift: bool = False


class StopAssignment(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Why it ends before its time."""

    reason: Why


class MarkEnteredInError(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """How the mistake came about, if that is to be kept."""

    reason: Why | None = None


class MoveAssignment(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """
    The version to follow from the local date `from` on; without it from now on.

    The plan day goes on counting, or with `restart` is 1 on that date. With `dry_run` nothing changes and `preview`
    says what would.
    """

    to_version: Version
    from_on: date | None = msgspec.field(default=None, name="from")
    restart: bool = False
    adjustments: Adjustments | None = None
    dry_run: bool = False

    def wanted(self) -> Move:
        """Return the values as the service takes them."""
        return Move(
            to_version=self.to_version, from_on=self.from_on, restart=self.restart, adjustments=self.adjustments
        )


class AssignmentAct(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """
    One assignment of a bulk update, and what happens to it.

    `reason` goes with pause and stop (where it must be), `shift` with resume. `etag` is the one
    that was read (`r3`, with or without quotes), `revision` the number in it: give one; without either it may be any.
    """

    id: UUID
    action: Literal["start", "pause", "resume", "stop", "complete"]
    reason: Why | None = None
    shift: bool = False
    revision: Revision | None = None
    etag: Tag | None = None


class AssignmentMistake(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """An assignment that there should never have been. `etag` or `revision` as in a bulk update."""

    id: UUID
    reason: Why | None = None
    revision: Revision | None = None
    etag: Tag | None = None


class AssignmentOut(msgspec.Struct, kw_only=True, frozen=True):
    """
    An assignment.

    `segments` are the versions with their adjustments, each from a local date on; `version` and `adjustments` are those
    of the last one, which may begin in the future.
    """

    id: UUID
    protocol_id: UUID
    protocol_title: str
    version: int
    patient_id: UUID
    status: AssignmentStatus
    assigned_at: datetime
    assigned_by: UUID
    starts_on: date
    ends_on: date
    time_zone: str
    segments: tuple[Segment, ...]
    adjustments: Adjustments
    pauses: tuple[Pause, ...]
    stopped_at: datetime | None
    reason: str | None
    updated_at: datetime | None


class MovedAssignment(AssignmentOut, kw_only=True, frozen=True):
    """The assignment after the move, or as it is after a dry run, and what the move does."""

    preview: MovePreview


def assignment(value: Titled) -> AssignmentOut:
    """Return the full shape."""
    return AssignmentOut(**_fields(value))


def moved(value: Titled) -> MovedAssignment:
    """Return the shape of an assignment with what a move does."""
    assert value.preview is not None
    return MovedAssignment(**_fields(value), preview=value.preview)


def page(value: Page[Titled]) -> Page[AssignmentOut]:
    """Return the shape of one page."""
    return value.of(assignment(row) for row in value.items)


def _fields(value: Titled) -> dict[str, Any]:
    plain = {
        name: getattr(value.assignment, name) for name in AssignmentOut.__struct_fields__ if name != "protocol_title"
    }
    return {**plain, "protocol_title": value.protocol_title}
