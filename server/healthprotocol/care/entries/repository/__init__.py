"""Entries in SQL, opened by this slice's service only: `rows` one by one and in pages, `files` thousands at a time."""

from healthprotocol.care.entries.repository.files import bring, client_ids
from healthprotocol.care.entries.repository.rows import (
    ENTRIES,
    Known,
    StoredContent,
    claim_clients,
    content_hash,
    forget_patient,
    get_many,
    insert,
    known_clients,
    last_recorded_at,
    measured_between,
    of_assignments_since,
    page,
    planned_between,
    replaced_ids,
)

__all__ = [
    "ENTRIES",
    "Known",
    "StoredContent",
    "bring",
    "claim_clients",
    "client_ids",
    "content_hash",
    "forget_patient",
    "get_many",
    "insert",
    "known_clients",
    "last_recorded_at",
    "measured_between",
    "of_assignments_since",
    "page",
    "planned_between",
    "replaced_ids",
]
