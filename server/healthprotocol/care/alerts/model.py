"""A rule about a patient that fired, and what became of it. Pure values."""

from datetime import datetime
from typing import Literal, NewType
from uuid import UUID

import msgspec

from healthprotocol.care.assignments.model import AssignmentId
from healthprotocol.care.entries.model import EntryId
from healthprotocol.care.patients.model import PatientId
from healthprotocol.foundation.ids import AccountId

AlertId = NewType("AlertId", UUID)

AlertRule = Literal["value_out_of_range", "score_high", "missed_in_row", "adherence_low", "no_entry"]
Severity = Literal["low", "moderate", "high"]
AlertStatus = Literal["open", "acknowledged", "resolved"]


class OutOfRange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A measured value in the unit of its definition, and the limits that it is outside of, ends inclusive."""

    code: str
    value: float
    unit: str
    display: str | None = None
    low: float | None = None
    high: float | None = None


class AlertDetail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    Why a rule fired: only what belongs to it is there.

    `title` is the activity's. `missed` counts occurrences in a row, `ratio` is adherence from 0.0 to 1.0 of `due`
    occurrences over `days`. `since` is when the silence began, `effective_at` when the value or score was taken.
    """

    title: str | None = None
    values: tuple[OutOfRange, ...] = ()
    score: float | None = None
    label: str | None = None
    missed: int | None = None
    ratio: float | None = None
    due: int | None = None
    days: int | None = None
    since: datetime | None = None
    effective_at: datetime | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a rule says of a plan at an instant.

    `holds` is its condition now. `fires` is also true when it held for a moment only: a high value and a normal one
    after it, sent together, are told all the same. `activity_key` None is about the whole plan.
    """

    rule: AlertRule
    activity_key: str | None
    holds: bool
    fires: bool
    detail: AlertDetail = AlertDetail()
    entry_id: EntryId | None = None


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """
    The life of an alert without what is secret.

    `clear_since` is since when its condition is false, None while it holds. `ended_at` is when it had been false for
    the quiet time: from then on the rule may fire again. `resolved_by` None with a `resolved_at` settled by itself.
    """

    id: AlertId
    patient_id: PatientId
    assignment_id: AssignmentId
    rule: AlertRule
    activity_key: str | None
    severity: Severity
    status: AlertStatus
    opened_at: datetime
    clear_since: datetime | None = None
    ended_at: datetime | None = None
    escalate_at: datetime | None = None
    escalated_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: AccountId | None = None
    resolved_at: datetime | None = None
    resolved_by: AccountId | None = None
    entry_id: EntryId | None = None
    revision: int = 1


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An episode with why it began, and the note with which it was resolved."""

    episode: Episode
    detail: AlertDetail
    note: str | None = None

    @property
    def revision(self) -> int:
        """That of the episode."""
        return self.episode.revision


class AlertOpened(msgspec.Struct, frozen=True):
    """A rule fired."""

    alert_id: AlertId
    patient_id: PatientId


class AlertChanged(msgspec.Struct, frozen=True):
    """An alert was acknowledged or resolved, escalated, or its episode ended."""

    alert_id: AlertId
    patient_id: PatientId
