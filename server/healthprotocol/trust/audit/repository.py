"""The SQL of the audit log: insert and read, nothing else."""

from collections.abc import Sequence
from typing import Any

from healthprotocol.foundation.db import listing
from healthprotocol.foundation.db.listing import Listing, ListingSpec, Page, SqlText, fetch_page
from healthprotocol.foundation.db.transaction import Record, Transaction
from healthprotocol.trust.audit.model import Outcome, StoredEvent
from healthprotocol.trust.audit.rules import leaf_of

# In the order of the list and each once, as PostgreSQL can tell: so a page joins as many rows as it shows, and not the
# thousands of events in which somebody was shown.
_SHOWN: SqlText = """(e.at, e.id) in (
  select distinct found.at, found.id from hp_audit_of_shown(?) as found order by found.at desc, found.id desc
)"""

EVENTS = ListingSpec(
    name="audit_events",
    fields={
        "id": listing.uuid("e.id", sortable=True),
        "at": listing.timestamp("e.at", sortable=True),
        "actor_id": listing.uuid("e.actor_id", nullable=True),
        "actor_role": listing.text("e.actor_role"),
        "action": listing.text("e.action", prefix=True),
        "object_type": listing.text("e.object_type"),
        "object_id": listing.uuid("e.object_id", nullable=True),
        "patient_id": listing.uuid("e.subject_id", nullable=True),
        "patient_ids": listing.ids(_SHOWN),
        "outcome": listing.choice("e.outcome", [str(outcome) for outcome in Outcome]),
        "request_id": listing.text("e.request_id"),
    },
    default_order="at desc",
)

_COLUMNS = {
    "organisation_id": "uuid",
    "at": "timestamptz",
    "id": "uuid",
    "actor_id": "uuid",
    "actor_role": "text",
    "session_hash": "bytea",
    "action": "text",
    "object_type": "text",
    "object_id": "uuid",
    "subject_id": "uuid",
    "subject_ids": "text",
    "outcome": "text",
    "purpose": "text",
    "request_id": "text",
    "address_ct": "bytea",
    "detail_ct": "bytea",
    "salt": "bytea",
    "epoch": "int",
    "leaf": "bytea",
}
_NAMES = ", ".join(_COLUMNS)
# An array of arrays must be rectangular, so each row's list of patients travels as the text of an array.
_VALUES = ", ".join(f"new.{name}::uuid[]" if name == "subject_ids" else f"new.{name}" for name in _COLUMNS)
_ARRAYS = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_COLUMNS.values(), start=1))
_INSERT = f"""
insert into audit_event ({_NAMES})
select {_VALUES}
from unnest({_ARRAYS})
  as new ({_NAMES})
"""  # noqa: S608 - made of the names above
_PARAMETERS = ", ".join(
    f"${number}::text::uuid[]" if name == "subject_ids" else f"${number}::{kind}"
    for number, (name, kind) in enumerate(_COLUMNS.items(), start=1)
)
_INSERT_ONE = f"insert into audit_event ({_NAMES}) values ({_PARAMETERS})"  # noqa: S608 - made of the names above


async def insert(tx: Transaction, events: Sequence[StoredEvent]) -> None:
    """Insert all events in one statement."""
    rows = [_row(event) for event in events]
    if len(rows) == 1:
        # By far the most frequent, and half the work for the driver.
        await tx.execute(_INSERT_ONE, *rows[0])
        return
    await tx.execute(_INSERT, *[list(column) for column in zip(*rows, strict=True)])


async def page(tx: Transaction, asked: Listing) -> Page[StoredEvent]:
    """Return a page of events."""
    found = await fetch_page(tx, asked, _SELECT, "e.organisation_id = $1", tx.tenant)
    return found.of(_event(row) for row in found.items)


_SELECT: SqlText = """
select e.organisation_id, e.at, e.id, e.actor_id, e.actor_role, e.session_hash, e.action, e.object_type,
  e.object_id, e.subject_id, e.subject_ids, e.outcome, e.purpose, e.request_id, e.address_ct, e.detail_ct,
  e.salt, e.epoch
from audit_event e
"""


def _row(event: StoredEvent) -> tuple[Any, ...]:
    return (
        event.organisation_id,
        event.at,
        event.id,
        event.actor_id,
        event.actor_role,
        event.session_hash,
        event.action,
        event.object_type,
        event.object_id,
        event.subject_id,
        "{" + ",".join([str(subject_id) for subject_id in event.subject_ids]) + "}",
        event.outcome,
        event.purpose,
        event.request_id,
        event.address_ct,
        event.detail_ct,
        event.salt,
        event.epoch,
        leaf_of(event),
    )


def _event(row: Record) -> StoredEvent:
    fields = dict(row)
    fields["subject_ids"] = tuple(fields["subject_ids"])
    return StoredEvent(**fields)
