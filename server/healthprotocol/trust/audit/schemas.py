"""The wire shape of an audit event."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from healthprotocol.api.paging import Page
from healthprotocol.trust.audit.model import AuditEvent


class AuditEventOut(msgspec.Struct, frozen=True, kw_only=True):
    """One event. `patient_ids` are all patients that a list showed; `detail` depends on the action."""

    id: UUID
    at: datetime
    actor_id: UUID | None
    actor_role: str
    action: str
    object_type: str
    object_id: UUID | None
    patient_id: UUID | None
    patient_ids: list[UUID]
    outcome: str
    purpose: str
    request_id: str
    address: str | None
    detail: dict[str, Any] | None


def event(value: AuditEvent) -> AuditEventOut:
    return AuditEventOut(
        id=value.id,
        at=value.at,
        actor_id=value.actor_id,
        actor_role=value.actor_role,
        action=value.action,
        object_type=value.object_type,
        object_id=value.object_id,
        patient_id=value.subject_id,
        patient_ids=list(value.subject_ids),
        outcome=value.outcome,
        purpose=value.purpose,
        request_id=value.request_id,
        address=value.address,
        detail=value.detail,
    )


def events(page: Page[AuditEvent]) -> Page[AuditEventOut]:
    return page.of(event(item) for item in page.items)
