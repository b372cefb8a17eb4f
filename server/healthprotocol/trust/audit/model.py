"""An audit event: as it is recorded, and as it is stored."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict
from uuid import UUID

import msgspec


class Outcome(StrEnum):
    """How the act ended: it happened, it was refused, it was tried and did not work (a wrong password)."""

    SUCCESS = "success"
    DENIED = "denied"
    FAILURE = "failure"


class About(TypedDict, total=False):
    """
    What more is said of an act.

    `object_type` is the noun before the dot of the action unless given. `subject_id` is the patient it concerns;
    `subject_ids` all patients that a list showed. `detail` is JSON that is stored encrypted: ids, counts and reasons;
    what a record says belongs in the record.
    """

    object_type: str
    subject_id: UUID | None
    subject_ids: "list[UUID] | tuple[UUID, ...]"
    outcome: str
    detail: Mapping[str, Any] | None


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An act on its way into the log."""

    actor_id: UUID | None
    actor_role: str
    session_hash: bytes | None
    action: str
    object_type: str
    object_id: UUID | None
    subject_id: UUID | None
    subject_ids: tuple[UUID, ...]
    outcome: str
    detail: bytes | None


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The row, without its leaf: the leaf is the hash of all this."""

    organisation_id: UUID
    at: datetime
    id: UUID
    actor_id: UUID | None
    actor_role: str
    session_hash: bytes | None
    action: str
    object_type: str
    object_id: UUID | None
    subject_id: UUID | None
    subject_ids: tuple[UUID, ...]
    outcome: str
    purpose: str
    request_id: str
    address_ct: bytes | None
    detail_ct: bytes | None
    salt: bytes
    epoch: int


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as an auditor reads it."""

    id: UUID
    at: datetime
    actor_id: UUID | None
    actor_role: str
    action: str
    object_type: str
    object_id: UUID | None
    subject_id: UUID | None
    subject_ids: tuple[UUID, ...]
    outcome: str
    purpose: str
    request_id: str
    address: str | None
    detail: dict[str, Any] | None
