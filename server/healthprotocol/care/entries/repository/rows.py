"""Entries in SQL, their content into and out of ciphertext. Opened by this slice's service only. Nothing is updated."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from healthprotocol.care.assignments.model import Assignment, AssignmentId
from healthprotocol.care.entries.model import Answer, Entry, EntryId, GivenScore, NewEntry, RecordedValue
from healthprotocol.care.entries.rules.occurrence_ids import planned_on
from healthprotocol.care.patients.model import PatientId
from healthprotocol.foundation.crypto.data_keys import SubjectKey
from healthprotocol.foundation.crypto.fields import Padding
from healthprotocol.foundation.db.listing import (
    Join,
    Keys,
    Listing,
    ListingSpec,
    Page,
    SqlText,
    boolean,
    choice,
    fetch_page,
    text,
    timestamp,
)
from healthprotocol.foundation.db.listing import date as date_field
from healthprotocol.foundation.db.listing import uuid as uuid_field
from healthprotocol.foundation.db.transaction import Record, Transaction
from healthprotocol.foundation.ids import AccountId

_TABLE = "entry"
_COLUMNS: SqlText = """
e.id, e.patient_id, e.assignment_id, e.activity_key, e.occurrence_id, e.planned_on, e.outcome, e.late, e.replaces,
e.client_id, e.content_ct, e.effective_at, e.recorded_at, e.recorded_by
"""

_ROW: SqlText = f"select {_COLUMNS} from entry e"  # noqa: S608 - made of constants of this module

_ASSIGNMENT = Join(
    "assignment ja where ja.organisation_id = e.organisation_id and ja.id = e.assignment_id",
    listed="e.assignment_id = any(array(select ja.id from assignment ja where ?))",
    # A trigger writes it beside each entry.
    keys=Keys(
        "entry_of_protocol k",
        {
            "assignment.protocol_id": "k.protocol_id",
            "id": "k.entry_id",
            "recorded_at": "k.recorded_at",
            "effective_at": "k.effective_at",
            "planned_on": "k.planned_on",
        },
        order="recorded_at",
    ),
)

ENTRIES = ListingSpec(
    name="entries",
    fields={
        "id": uuid_field("e.id", sortable=True),
        "patient_id": uuid_field("e.patient_id"),
        "assignment_id": uuid_field("e.assignment_id", nullable=True),
        "assignment.protocol_id": uuid_field("ja.protocol_id", join=_ASSIGNMENT),
        "activity_key": text("e.activity_key", nullable=True),
        "occurrence_id": text("e.occurrence_id", nullable=True),
        "outcome": choice("e.outcome", ("completed", "skipped", "retracted")),
        "late": boolean("e.late"),
        "planned_on": date_field("e.planned_on", nullable=True),
        "effective_at": timestamp("e.effective_at", sortable=True),
        "recorded_at": timestamp("e.recorded_at", sortable=True),
    },
    default_order="recorded_at desc",
    narrow_by=("patient_id", "assignment_id", "occurrence_id", "recorded_at"),
    # What happened when, and what was planned when, rises with what was recorded when.
    ranged_orders={"effective_at": "effective_at desc", "planned_on": "planned_on desc"},
)


class StoredContent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What of an entry is ciphertext, as one document."""

    reason: str | None = None
    values: tuple[RecordedValue, ...] = ()
    answers: tuple[Answer, ...] = ()
    score: GivenScore | None = None
    note: str | None = None


class Known(msgspec.Struct, frozen=True):
    """What a client-made id became before: the entry, and the hash of the content that was sent."""

    entry_id: UUID
    content_hash: bytes


async def known_clients(tx: Transaction, clients: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Known]:
    """Return what these pairs (patient, client-made id) became before."""
    rows = await tx.fetch(
        """
        select c.patient_id, c.client_id, c.entry_id, c.content_hash
        from entry_client c
        join unnest($2::uuid[], $3::uuid[]) as w (patient_id, client_id)
          on w.patient_id = c.patient_id and w.client_id = c.client_id
        where c.organisation_id = $1
        """,
        tx.tenant,
        [patient_id for patient_id, _ in clients],
        [client_id for _, client_id in clients],
    )
    return {(row["patient_id"], row["client_id"]): Known(row["entry_id"], row["content_hash"]) for row in rows}


async def claim_clients(tx: Transaction, entries: Sequence[Entry], hashes: Sequence[bytes]) -> set[UUID]:
    """
    Tie client-made ids to new entries; return the ids of the entries that got theirs.

    One that another transaction took in the same moment is left out: this one waited for its commit.
    """
    rows = await tx.fetch(
        """
        insert into entry_client (organisation_id, patient_id, client_id, entry_id, content_hash)
        select $1, w.patient_id, w.client_id, w.entry_id, w.content_hash
        from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bytea[])
          as w (patient_id, client_id, entry_id, content_hash)
        order by w.patient_id, w.client_id
        on conflict (organisation_id, patient_id, client_id) do nothing
        returning entry_id
        """,
        tx.tenant,
        [entry.patient_id for entry in entries],
        [entry.client_id for entry in entries],
        [entry.id for entry in entries],
        list(hashes),
    )
    return {row["entry_id"] for row in rows}


async def insert(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Insert entries, their content under the key of their patient."""
    if not entries:
        return
    keys = await tx.keys.subjects(tx, {entry.patient_id for entry in entries})
    # Not by COPY: PostgreSQL does not let it write under row-level security.
    columns = list(
        zip(*(record_of(entry, keys[entry.patient_id], planned_on(entry)) for entry in entries), strict=True)
    )
    await tx.execute(
        """
        insert into entry (
          organisation_id, id, patient_id, assignment_id, activity_key, occurrence_id, planned_on, outcome, late,
          replaces, client_id, content_ct, effective_at, recorded_at, recorded_by
        )
        select $1, w.*
        from unnest(
          $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::date[], $8::text[], $9::bool[],
          $10::uuid[], $11::uuid[], $12::bytea[], $13::timestamptz[], $14::timestamptz[], $15::uuid[]
        ) as w
        """,
        tx.tenant,
        *columns,
    )


async def get_many(tx: Transaction, entry_ids: Sequence[UUID]) -> dict[UUID, Entry]:
    """Return the entries of these ids that exist here."""
    rows = await tx.fetch(
        f"select {_COLUMNS} from entry e where e.organisation_id = $1 and e.id = any($2::uuid[])",  # noqa: S608 - made of constants of this module
        tx.tenant,
        list(entry_ids),
    )
    return {entry.id: entry for entry in await _entries(tx, rows)}


async def replaced_ids(tx: Transaction, assignment_ids: Sequence[UUID], entry_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these entries, of these assignments, another entry replaces."""
    rows = await tx.fetch(
        """
        select e.replaces
        from entry e
        where e.organisation_id = $1 and e.assignment_id = any($2::uuid[]) and e.replaces = any($3::uuid[])
        """,
        tx.tenant,
        list(assignment_ids),
        list(entry_ids),
    )
    return {row["replaces"] for row in rows}


async def planned_between(
    tx: Transaction, assignment_ids: Sequence[UUID], *, from_on: date, to_on: date
) -> dict[UUID, list[Entry]]:
    """Return, by assignment, the entries of occurrences planned on these local dates, without their content."""
    rows = await tx.fetch(
        """
        select found.*
        -- By way of a subquery, so that how many there are tells the planner nothing: one plan then serves all calls,
        -- where one made for each would cost more than running it, over every month's partition.
        from unnest((select $2::uuid[])) as wanted (assignment_id)
        cross join lateral (
          select e.id, e.patient_id, e.assignment_id, e.activity_key, e.occurrence_id, e.outcome, e.late, e.replaces,
            e.client_id, e.effective_at, e.recorded_at, e.recorded_by
          from entry e
          -- As pairs, and plan by plan: else the planner takes all entries of the clinic on these days for few.
          where e.organisation_id = $1 and e.assignment_id = wanted.assignment_id
            and (e.assignment_id, e.planned_on) >= (wanted.assignment_id, $3::date)
            and (e.assignment_id, e.planned_on) <= (wanted.assignment_id, $4::date)
          offset 0
        ) found
        """,
        tx.tenant,
        list(assignment_ids),
        from_on,
        to_on,
    )
    found: dict[UUID, list[Entry]] = {}
    for row in rows:
        found.setdefault(row["assignment_id"], []).append(_plain(row))
    return found


# What replaces an entry may lie anywhere in time, so it is asked for by itself. It is of the same occurrence, or of
# none like it, and each of the two has its way into the index.
_STANDS = """
not exists (
  select from entry r
  where r.organisation_id = e.organisation_id and r.assignment_id = e.assignment_id and r.planned_on = e.planned_on
    and r.replaces = e.id
)
and not exists (
  select from entry r
  where r.organisation_id = e.organisation_id and r.assignment_id = e.assignment_id and r.planned_on is null
    and e.planned_on is null and r.replaces = e.id
)
"""


async def measured_between(
    tx: Transaction, patient_id: UUID, *, from_at: datetime, to_at: datetime, limit: int
) -> list[Entry]:
    """Return the newest `limit` standing entries of a patient that something was done in, oldest first."""
    # Compared as pairs: the index of all that happened in a clinic by its time cannot serve it, and the planner, which
    # does not know the times, would take that one as soon as hers.
    rows = await tx.fetch(
        f"""
        select {_COLUMNS}
        from entry e
        where e.organisation_id = $1 and e.patient_id = $2
          and (e.patient_id, e.effective_at) >= ($2, $3) and (e.patient_id, e.effective_at) < ($2, $4)
          and e.outcome = 'completed' and {_STANDS}
        order by e.effective_at desc, e.id desc
        limit $5
        """,  # noqa: S608 - made of constants of this module
        tx.tenant,
        patient_id,
        from_at,
        to_at,
        limit,
    )
    return (await _entries(tx, rows))[::-1]


async def of_assignments_since(tx: Transaction, assignments: Sequence[Assignment], *, since: datetime) -> list[Entry]:
    """Return the standing entries of these assignments of `since` or later, oldest first."""
    # By patient too: the index of what happened when begins with her.
    rows = await tx.fetch(
        f"""
        select {_COLUMNS}
        from entry e
        where e.organisation_id = $1 and e.patient_id = any($2::uuid[]) and e.assignment_id = any($3::uuid[])
          and e.effective_at >= $4 and e.outcome <> 'retracted' and {_STANDS}
        order by e.effective_at, e.id
        """,  # noqa: S608 - made of constants of this module
        tx.tenant,
        list({one.patient_id for one in assignments}),
        [one.id for one in assignments],
        since,
    )
    return await _entries(tx, rows)


async def last_recorded_at(
    tx: Transaction, assignment_ids: Sequence[UUID], *, planned_from: date
) -> dict[UUID, datetime]:
    """Return when an entry was last recorded, by assignment, of what is planned from a local date on, or of no plan."""
    rows = await tx.fetch(
        """
        select e.assignment_id, max(e.recorded_at) as recorded_at
        from entry e
        where e.organisation_id = $1 and e.assignment_id = any($2::uuid[]) and e.outcome <> 'retracted'
          and (e.planned_on >= $3 or e.planned_on is null)
        group by e.assignment_id
        """,
        tx.tenant,
        list(assignment_ids),
        planned_from,
    )
    return {row["assignment_id"]: row["recorded_at"] for row in rows}


async def forget_patient(tx: Transaction, patient_id: UUID) -> None:
    """Empty what a patient's entries say; what became of which occurrence stays, for it is counted."""
    await tx.execute(
        "update entry set content_ct = null where organisation_id = $1 and patient_id = $2", tx.tenant, patient_id
    )
    await tx.execute("delete from entry_client where organisation_id = $1 and patient_id = $2", tx.tenant, patient_id)


async def page(tx: Transaction, listing: Listing, *, only: Sequence[UUID] | None) -> Page[Entry]:
    """Return one page of entries; `only` names the patients within sight, None means all of the organisation."""
    if only is None:
        found = await fetch_page(tx, listing, _ROW, "e.organisation_id = $1", tx.tenant, is_all=True)
    else:
        where: SqlText = "e.organisation_id = $1 and e.patient_id = any($2::uuid[])"
        found = await fetch_page(tx, listing, _ROW, where, tx.tenant, list(only))
    return found.of(await _entries(tx, found.items))


def content_hash(tx: Transaction, sent: NewEntry | Mapping[str, Any]) -> bytes:
    """Return the keyed hash by which the same content is known again; unkeyed, a small value could be guessed."""
    return tx.keys.signer("entry_content").sign(hashlib.sha256(msgspec.json.encode(sent, order="sorted")).digest())


def record_of(entry: Entry, key: SubjectKey, day: date | None) -> tuple[object, ...]:
    """Return the columns of an entry as they are inserted; `day` is the local date that it is planned for."""
    content = StoredContent(
        reason=entry.reason, values=entry.values, answers=entry.answers, score=entry.score, note=entry.note
    )
    return (
        entry.id,
        entry.patient_id,
        entry.assignment_id,
        entry.activity_key,
        entry.occurrence_id,
        day,
        entry.outcome,
        entry.late,
        entry.replaces,
        entry.client_id,
        key.encrypt(
            table=_TABLE, column="content", row_id=entry.id, plaintext=msgspec.json.encode(content), pad=Padding.TEXT
        ),
        entry.effective_at,
        entry.recorded_at,
        entry.recorded_by,
    )


async def _entries(tx: Transaction, rows: Sequence[Record]) -> list[Entry]:
    keys = await tx.keys.subjects(tx, {row["patient_id"] for row in rows})
    # Of somebody who was erased there is no content, and soon in no process a key.
    return [_entry(row, keys[row["patient_id"]]) for row in rows if row["patient_id"] in keys and row["content_ct"]]


def _entry(row: Record, key: SubjectKey) -> Entry:
    stored = key.decrypt(table=_TABLE, column="content", row_id=row["id"], ciphertext=row["content_ct"])
    content = _decoder.decode(stored)
    return msgspec.structs.replace(
        _plain(row),
        reason=content.reason,
        values=content.values,
        answers=content.answers,
        score=content.score,
        note=content.note,
    )


def _plain(row: Record) -> Entry:
    """The entry without what is ciphertext: enough to count."""
    return Entry(
        id=EntryId(row["id"]),
        client_id=row["client_id"],
        patient_id=PatientId(row["patient_id"]),
        assignment_id=AssignmentId(row["assignment_id"]),
        activity_key=row["activity_key"],
        outcome=row["outcome"],
        effective_at=row["effective_at"],
        recorded_at=row["recorded_at"],
        recorded_by=AccountId(row["recorded_by"]),
        occurrence_id=row["occurrence_id"],
        late=row["late"],
        replaces=row["replaces"],
    )


_decoder = msgspec.json.Decoder(StoredContent)
