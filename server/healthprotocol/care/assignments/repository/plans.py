"""Assignments in SQL; reasons and adjustments into and out of ciphertext. Opened by this slice's service only."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from uuid import UUID

import msgspec

from healthprotocol.care.assignments.model import (
    NO_ADJUSTMENTS,
    Adjustments,
    Assignment,
    AssignmentId,
    Pause,
    Segment,
)
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols.model import ProtocolId
from healthprotocol.foundation.crypto.data_keys import SubjectKey
from healthprotocol.foundation.crypto.fields import Padding
from healthprotocol.foundation.db.listing import (
    Compound,
    Join,
    Kind,
    Listing,
    ListingSpec,
    Page,
    SqlText,
    choice,
    fetch_page,
    integer,
    part,
    secret,
    text,
    timestamp,
)
from healthprotocol.foundation.db.listing import date as date_field
from healthprotocol.foundation.db.listing import uuid as uuid_field
from healthprotocol.foundation.db.transaction import Record, Transaction
from healthprotocol.foundation.ids import AccountId, OperationId, OrganisationId

_TABLE = "assignment"

_PROTOCOL = Join("protocol jo where jo.organisation_id = a.organisation_id and jo.id = a.protocol_id")
_PATIENT = Join("patient jp where jp.organisation_id = a.organisation_id and jp.id = a.patient_id")
_NAME_BIRTH = secret("jp.name_birth_bidx", patients.NAME_BIRTH, join=_PATIENT)
_IDENTIFIER = Join(
    "patient_identifier ji where ji.organisation_id = a.organisation_id and ji.patient_id = a.patient_id"
)

ASSIGNMENTS = ListingSpec(
    name="assignments",
    fields={
        "id": uuid_field("a.id", sortable=True),
        "status": choice(
            "a.status", ("proposed", "active", "paused", "completed", "stopped", "entered_in_error"), sortable=True
        ),
        "patient_id": uuid_field("a.patient_id", sortable=True),
        "protocol_id": uuid_field("a.protocol_id", sortable=True),
        "version": integer("a.version", sortable=True),
        "starts_on": date_field("a.starts_on", sortable=True),
        "ends_on": date_field("a.ends_on", sortable=True),
        "protocol.title": text("jo.title", prefix=True, join=_PROTOCOL),
        "protocol.category": text("jo.category", nullable=True, join=_PROTOCOL),
        "patient.email": secret("jp.email_bidx", patients.EMAIL, join=_PATIENT),
        "patient.phone": secret("jp.phone_bidx", patients.PHONE, join=_PATIENT),
        "patient.identifier": secret(
            "ji.value_bidx",
            patients.IDENTIFIER,
            join=Join(
                "patient_identifier ji where ji.organisation_id = a.organisation_id and ji.patient_id = a.patient_id"
            ),
        ),
        "patient.family_name": part(Kind.TEXT, "patient.name_birth"),
        "patient.birth_date": part(Kind.DATE, "patient.name_birth"),
        "assigned_at": timestamp("a.assigned_at", sortable=True),
        "updated_at": timestamp("a.updated_at", sortable=True),
    },
    default_order="assigned_at desc",
    ranged_orders={"starts_on": "starts_on desc", "ends_on": "ends_on desc", "updated_at": "updated_at desc"},
    compounds={"patient.name_birth": Compound(parts=("patient.family_name", "patient.birth_date"), field=_NAME_BIRTH)},
)

_ROW: SqlText = """
select a.organisation_id, a.id, a.protocol_id, a.patient_id, a.version, a.status, a.assigned_at, a.assigned_by,
  a.starts_on, a.ends_on, a.time_zone, a.segments, a.pauses, a.stopped_at, a.adjustments_ct, a.reason_ct, a.revision,
  a.updated_at
from assignment a
"""
# The plan of somebody who was erased is nobody's: it counts still, and is shown to no one.
_STANDS: SqlText = """
not exists (
  select from patient p
  where p.organisation_id = a.organisation_id and p.id = a.patient_id and p.status = 'erased'
)
"""


class _StoredSegment(msgspec.Struct, frozen=True):
    """A segment as the column has it: its adjustments are elsewhere, encrypted."""

    version: int
    from_on: date
    plan_starts_on: date


class NewRows(msgspec.Struct, frozen=True, kw_only=True):
    """Assignments of one batch, equal but for the patient: `first` is the first of them, the rest differ as told."""

    first: Assignment
    ids: Sequence[AssignmentId]
    time_zones: Mapping[UUID, str]
    operation_id: OperationId


async def insert(tx: Transaction, assignment: Assignment) -> None:
    """Insert an assignment."""
    await tx.execute(
        """
        insert into assignment (
          organisation_id, id, patient_id, protocol_id, version, status, starts_on, ends_on, time_zone, segments,
          pauses, stopped_at, adjustments_ct, reason_ct, assigned_at, assigned_by, revision, updated_at
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
        """,
        tx.tenant,
        assignment.id,
        assignment.patient_id,
        assignment.protocol_id,
        assignment.version,
        assignment.status,
        assignment.starts_on,
        assignment.ends_on,
        assignment.time_zone,
        stored(assignment.segments),
        assignment.pauses,
        assignment.stopped_at,
        *await cells(tx, assignment),
        assignment.assigned_at,
        assignment.assigned_by,
        assignment.revision,
        tx.now,
    )


async def insert_many(tx: Transaction, new: NewRows) -> dict[UUID, AssignmentId]:
    """
    Insert one assignment a patient, without adjustments, in one statement.

    Returns the ids by patient of those that the operation had not made before.
    """
    rows = await tx.fetch(
        """
        insert into assignment (
          organisation_id, id, patient_id, protocol_id, version, status, starts_on, ends_on, time_zone, segments,
          operation_id, assigned_at, assigned_by, updated_at
        )
        select $1, new.id, new.patient_id, $5, $6, $7, $8, $9, new.time_zone, $10, $11, $12, $13, $12
        from unnest($2::uuid[], $3::uuid[], $4::text[]) as new (id, patient_id, time_zone)
        on conflict (organisation_id, operation_id, patient_id) where operation_id is not null do nothing
        returning patient_id, id
        """,
        tx.tenant,
        new.ids,
        list(new.time_zones),
        list(new.time_zones.values()),
        new.first.protocol_id,
        new.first.version,
        new.first.status,
        new.first.starts_on,
        new.first.ends_on,
        stored(new.first.segments),
        new.operation_id,
        new.first.assigned_at,
        new.first.assigned_by,
    )
    return {row["patient_id"]: AssignmentId(row["id"]) for row in rows}


async def save(tx: Transaction, assignment: Assignment) -> Assignment:
    """Write what changed of an assignment; return it as it now is."""
    await tx.execute(
        """
        update assignment
        set version = $3, status = $4, ends_on = $5, segments = $6, pauses = $7, stopped_at = $8, adjustments_ct = $9,
          reason_ct = $10, revision = $11, updated_at = $12
        where organisation_id = $1 and id = $2
        """,
        tx.tenant,
        assignment.id,
        assignment.version,
        assignment.status,
        assignment.ends_on,
        stored(assignment.segments),
        assignment.pauses,
        assignment.stopped_at,
        *await cells(tx, assignment),
        assignment.revision,
        tx.now,
    )
    return msgspec.structs.replace(assignment, updated_at=tx.now)


async def get(tx: Transaction, assignment_id: AssignmentId, *, for_update: bool = False) -> Assignment | None:
    """Return an assignment, None when there is none in this organisation."""
    rows = await tx.fetch(
        f"{_ROW} where a.organisation_id = $1 and a.id = $2 and {_STANDS} {'for update' if for_update else ''}",
        tx.tenant,
        assignment_id,
    )
    return next(iter(await _assignments(tx, rows)), None)


async def of_ids(tx: Transaction, assignment_ids: Sequence[UUID]) -> list[Assignment]:
    """Return the assignments of these ids that exist, in order of their ids."""
    rows = await tx.fetch(
        f"{_ROW} where a.organisation_id = $1 and a.id = any($2::uuid[]) order by a.id",
        tx.tenant,
        assignment_ids,
    )
    return await _assignments(tx, rows)


async def of_patient(tx: Transaction, patient_id: PatientId, *, from_on: date, to_on: date) -> list[Assignment]:
    """Return at most 1,000 assignments of a patient that count and cover a day between two, by their first days."""
    rows = await tx.fetch(
        f"""
        {_ROW}
        where a.organisation_id = $1 and a.patient_id = $2 and a.starts_on <= $4 and a.ends_on >= $3
          and a.status in ('active', 'paused', 'completed', 'stopped')
        order by a.starts_on, a.id
        limit 1000
        """,
        tx.tenant,
        patient_id,
        from_on,
        to_on,
    )
    return await _assignments(tx, rows)


async def ids_after(
    tx: Transaction, *, after: UUID | None, limit: int, protocol_id: ProtocolId | None
) -> list[AssignmentId]:
    """Return up to `limit` ids in order, after `after`; of one protocol, or of all."""
    rows = await tx.fetch(
        """
        select a.id
        from assignment a
        where a.organisation_id = $1 and ($2::uuid is null or a.id > $2) and ($3::uuid is null or a.protocol_id = $3)
        order by a.id
        limit $4
        """,
        tx.tenant,
        after,
        protocol_id,
        limit,
    )
    return [AssignmentId(row["id"]) for row in rows]


async def page(tx: Transaction, listing: Listing, *, only: Iterable[UUID] | None) -> Page[Assignment]:
    """Return one page of the list and the token of the next; `only` None is every patient."""
    if only is None:
        where: SqlText = f"a.organisation_id = $1 and {_STANDS}"
        found = await fetch_page(tx, listing, _ROW, where, tx.tenant)
    else:
        where = f"a.organisation_id = $1 and a.patient_id = any($2::uuid[]) and {_STANDS}"
        found = await fetch_page(tx, listing, _ROW, where, tx.tenant, list(only))
    return found.of(await _assignments(tx, found.items))


async def hold_plans(tx: Transaction, protocol_id: ProtocolId, patient_ids: Iterable[UUID]) -> None:
    """Wait until nobody else is giving this protocol to any of these patients, and keep others waiting until commit."""
    # In order of the ids, so that two batches that share patients wait for each other and never both.
    await tx.execute(
        """
        select pg_advisory_xact_lock(hashtextextended($1::text || patient_id::text, 0))
        from (select unnest($2::uuid[]) as patient_id order by 1) as held
        """,
        str(protocol_id),
        list(patient_ids),
    )


async def open_of_patient(tx: Transaction, patient_id: PatientId) -> list[Assignment]:
    """Return the assignments of a patient that are not closed, held until the commit."""
    rows = await tx.fetch(
        f"""
        {_ROW}
        where a.organisation_id = $1 and a.patient_id = $2 and a.status in ('proposed', 'active', 'paused')
        order by a.id
        for update
        """,
        tx.tenant,
        patient_id,
    )
    return await _assignments(tx, rows)


async def forget_patient(tx: Transaction, patient_id: PatientId) -> None:
    """Empty what was written of a patient's assignments; when they were, and of which protocol, stays."""
    await tx.execute(
        """
        update assignment
        set adjustments_ct = null, reason_ct = null, revision = revision + 1, updated_at = $3
        where organisation_id = $1 and patient_id = $2
        """,
        tx.tenant,
        patient_id,
        tx.now,
    )


def stored(segments: Iterable[Segment]) -> list[_StoredSegment]:
    """Return segments as their column has them."""
    return [_StoredSegment(one.version, one.from_on, one.plan_starts_on) for one in segments]


async def cells(tx: Transaction, assignment: Assignment) -> tuple[bytes | None, bytes | None]:
    """Ciphertext of the adjustments, one of each segment, and of the reason; None where there is nothing to say."""
    adjustments = [segment.adjustments for segment in assignment.segments]
    is_adjusted = any(one != NO_ADJUSTMENTS for one in adjustments)
    if not is_adjusted and assignment.reason is None:
        return None, None
    key = await tx.keys.subject(tx, assignment.patient_id)
    text = msgspec.json.encode(adjustments).decode() if is_adjusted else None
    return (
        key.encrypt_text(text, table=_TABLE, column="adjustments", row_id=assignment.id, pad=Padding.TEXT),
        key.encrypt_text(assignment.reason, table=_TABLE, column="reason", row_id=assignment.id, pad=Padding.TEXT),
    )


async def _assignments(tx: Transaction, rows: Sequence[Record]) -> list[Assignment]:
    # Most rows say nothing secret, and then no key is looked for.
    secret = {row["patient_id"] for row in rows if row["adjustments_ct"] or row["reason_ct"]}
    keys = await tx.keys.subjects(tx, secret) if secret else {}
    return [_assignment(row, keys.get(row["patient_id"])) for row in rows]


def _assignment(row: Record, key: SubjectKey | None) -> Assignment:
    """Without a key, which an erased patient has no more, only what is plain can be said."""
    assignment_id = AssignmentId(row["id"])

    def plain(column: str) -> str | None:
        if key is None:
            return None
        return key.decrypt_text(row[f"{column}_ct"], table=_TABLE, column=column, row_id=assignment_id)

    return Assignment(
        id=assignment_id,
        organisation_id=OrganisationId(row["organisation_id"]),
        protocol_id=ProtocolId(row["protocol_id"]),
        patient_id=PatientId(row["patient_id"]),
        status=row["status"],
        assigned_at=row["assigned_at"],
        assigned_by=AccountId(row["assigned_by"]),
        starts_on=row["starts_on"],
        ends_on=row["ends_on"],
        time_zone=row["time_zone"],
        segments=_segments(row["segments"], plain("adjustments")),
        pauses=msgspec.convert(row["pauses"], tuple[Pause, ...]),
        stopped_at=row["stopped_at"],
        reason=plain("reason"),
        revision=row["revision"],
        updated_at=row["updated_at"],
    )


def _segments(stored: object, adjustments: str | None) -> tuple[Segment, ...]:
    segments = msgspec.convert(stored, list[_StoredSegment])
    if adjustments is None:
        adjusted = [NO_ADJUSTMENTS] * len(segments)
    else:
        adjusted = msgspec.json.decode(adjustments, type=list[Adjustments])
    return tuple(
        Segment(version=one.version, from_on=one.from_on, plan_starts_on=one.plan_starts_on, adjustments=adjustment)
        for one, adjustment in zip(segments, adjusted, strict=True)
    )
