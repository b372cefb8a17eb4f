"""The shapes of alerts over HTTP."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from healthprotocol.api.paging import Page
from healthprotocol.care.alerts.model import AlertDetail, AlertRule, AlertStatus, Severity
from healthprotocol.care.alerts.service import Listed

Note = Annotated[str, Meta(min_length=1, max_length=4_000, pattern=r"\S")]


class ResolveAlert(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What was done about it, if that is to be kept."""

    note: Note | None = None


class AlertOut(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """
    A rule about a patient that fired, and what became of it.

    `ended_at` is when its condition had been false for a day: the rule may fire again. `resolved_by` is absent when it
    settled by itself. `urgency` is the severity as a number: 3 is high.
    """

    id: UUID
    patient_id: UUID
    patient_name: str
    assignment_id: UUID
    rule: AlertRule
    severity: Severity
    urgency: int
    status: AlertStatus
    detail: AlertDetail
    opened_at: datetime
    revision: int
    activity_key: str | None = None
    entry_id: UUID | None = None
    ended_at: datetime | None = None
    escalate_at: datetime | None = None
    escalated_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: UUID | None = None
    resolved_at: datetime | None = None
    resolved_by: UUID | None = None
    note: str | None = None


URGENCIES: dict[Severity, int] = {"low": 1, "moderate": 2, "high": 3}


def alert(value: Listed) -> AlertOut:
    """Return the shape of an alert."""
    one = value.alert.episode
    return AlertOut(
        id=one.id,
        patient_id=one.patient_id,
        patient_name=value.patient_name,
        assignment_id=one.assignment_id,
        rule=one.rule,
        severity=one.severity,
        urgency=URGENCIES[one.severity],
        status=one.status,
        detail=value.alert.detail,
        opened_at=one.opened_at,
        revision=one.revision,
        activity_key=one.activity_key,
        entry_id=one.entry_id,
        ended_at=one.ended_at,
        escalate_at=one.escalate_at,
        escalated_at=one.escalated_at,
        acknowledged_at=one.acknowledged_at,
        acknowledged_by=one.acknowledged_by,
        resolved_at=one.resolved_at,
        resolved_by=one.resolved_by,
        note=value.alert.note,
    )


def page(value: Page[Listed]) -> Page[AlertOut]:
    """Return the shape of a list of alerts."""
    return value.of(alert(row) for row in value.items)
