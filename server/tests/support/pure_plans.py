"""Protocols and assignments as values, for tests that need no database."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from healthprotocol.care.assignments.model import (
    NO_ADJUSTMENTS,
    Adjustments,
    Assignment,
    AssignmentId,
    AssignmentStatus,
    Move,
)
from healthprotocol.care.assignments.rules.change import move
from healthprotocol.care.assignments.rules.lifecycle import first_segment, last_day
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols.model import Activity, Phase, ProtocolContent, ProtocolId, Schedule
from healthprotocol.foundation.ids import AccountId, OrganisationId

ISAR = AssignmentId(UUID("0197a000-0000-7000-8000-000000000001"))
LECH = AssignmentId(UUID("0197a000-0000-7000-8000-000000000002"))
MONDAY = date(2026, 6, 1)
DAY = timedelta(days=1)


def activity(key: str = "walk", *, more: dict[str, Any] | None = None, **schedule: Any) -> Activity:
    """An activity with a schedule of these fields, and `more` fields of its own."""
    fields: dict[str, Any] = {"key": key, "kind": "task", "title": key.title(), "schedule": Schedule(**schedule)}
    return Activity(**{**fields, **(more or {})})


def content(
    *activities: Activity, duration_days: int = 30, start_day: int = 1, length_days: int = 365
) -> ProtocolContent:
    """A protocol with one phase, as long as the protocol unless it is told otherwise."""
    phase = Phase(title="All of it", start_day=start_day, length_days=length_days, activities=activities)
    return ProtocolContent(title="A plan", duration_days=duration_days, phases=(phase,))


def assigned(
    *,
    status: AssignmentStatus = "active",
    starts_on: date = MONDAY,
    duration_days: int = 30,
    time_zone: str = "UTC",
    adjustments: Adjustments = NO_ADJUSTMENTS,
    id: AssignmentId = ISAR,  # noqa: A002 -- the field's own name
) -> Assignment:
    """Version 1 of a protocol, given to the patient Isar."""
    return Assignment(
        id=id,
        organisation_id=OrganisationId(UUID(int=1)),
        protocol_id=ProtocolId(UUID(int=2)),
        patient_id=PatientId(UUID(int=3)),
        status=status,
        assigned_at=instant("2026-05-20T09:00"),
        assigned_by=AccountId(UUID(int=4)),
        starts_on=starts_on,
        ends_on=last_day(starts_on, duration_days=duration_days),
        time_zone=time_zone,
        segments=(first_segment(version=1, starts_on=starts_on, adjustments=adjustments),),
    )


def moved(
    assignment: Assignment, *, to_version: int, duration_days: int = 30, from_on: date, at: datetime, **more: Any
) -> Assignment:
    """The assignment after a move."""
    to = Move(to_version=to_version, from_on=from_on, **more)
    return move(assignment, to, duration_days=duration_days, at=at)


def instant(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str) -> datetime:
    """A wall time."""
    return datetime.fromisoformat(text)
