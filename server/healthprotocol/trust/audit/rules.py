"""The leaf of an event in the tree that will prove the log whole."""

import struct
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from healthprotocol.trust.audit.model import StoredEvent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAF = b"\x00"


def leaf_of(event: StoredEvent) -> bytes:
    """
    Return SHA-256(0x00 ‖ canonical bytes): 32 bytes that commit to every column, encrypted ones as ciphertext.

    So the log still verifies after the key of a patient was destroyed. Source: RFC 6962 §2.1 (leaf and node hashes
    begin differently, so that no node passes for a leaf).
    """
    return sha256(_LEAF + canonical(event)).digest()


def canonical(event: StoredEvent) -> bytes:
    """Return the one byte form of a row: every column in the order of the table, each with its length."""
    columns = (
        b"hp/audit/v1",
        event.organisation_id.bytes,
        _microseconds(event.at),
        event.id.bytes,
        _id(event.actor_id),
        event.actor_role.encode(),
        _optional(event.session_hash),
        event.action.encode(),
        event.object_type.encode(),
        _id(event.object_id),
        _id(event.subject_id),
        b"".join([subject_id.bytes for subject_id in event.subject_ids]),
        event.outcome.encode(),
        event.purpose.encode(),
        event.request_id.encode(),
        _optional(event.address_ct),
        _optional(event.detail_ct),
        event.salt,
        event.epoch.to_bytes(4, "big"),
    )
    return b"".join([struct.pack(">I", len(column)) + column for column in columns])


def _microseconds(at: datetime) -> bytes:
    # Whole microseconds, as PostgreSQL keeps them; a float would lose the last digits.
    return ((at - _EPOCH) // timedelta(microseconds=1)).to_bytes(8, "big", signed=True)


def _id(value: UUID | None) -> bytes:
    return b"" if value is None else value.bytes


def _optional(value: bytes | None) -> bytes:
    # Absent and empty differ.
    return b"" if value is None else b"\x01" + value
