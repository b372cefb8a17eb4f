"""Assignments of many patients, written and asked for in one statement."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import msgspec

from healthprotocol.care.assignments.model import NO_ADJUSTMENTS, Assignment
from healthprotocol.care.assignments.repository.plans import cells, stored
from healthprotocol.care.protocols.model import ProtocolId
from healthprotocol.foundation.db.transaction import Transaction


async def hold(tx: Transaction, assignment_ids: Sequence[UUID]) -> None:
    """Hold those of these assignments that exist until the commit, in order of their ids."""
    await tx.execute(
        """
        select from assignment a
        where a.organisation_id = $1 and a.id = any($2::uuid[])
        order by a.id
        for update
        """,
        tx.tenant,
        list(assignment_ids),
    )


async def insert_rows(tx: Transaction, assignments: Sequence[Assignment]) -> None:
    """Insert new assignments."""
    adjusted = {one.patient_id for one in assignments if one.segments[0].adjustments != NO_ADJUSTMENTS}
    # With them at hand, `cells` asks for none of them singly.
    await tx.keys.subjects(tx, adjusted)
    rows = [
        (
            one.id,
            one.patient_id,
            one.protocol_id,
            one.version,
            one.status,
            one.starts_on,
            one.ends_on,
            one.time_zone,
            # A list of lists would be an array of two dimensions to the driver.
            msgspec.json.encode(stored(one.segments)).decode(),
            (await cells(tx, one))[0],
            one.assigned_at,
            one.assigned_by,
        )
        for one in assignments
    ]
    await tx.execute(
        """
        insert into assignment (
          organisation_id, id, patient_id, protocol_id, version, status, starts_on, ends_on, time_zone, segments,
          adjustments_ct, assigned_at, assigned_by, updated_at
        )
        select $1, id, patient_id, protocol_id, version, status, starts_on, ends_on, time_zone,
          segments::jsonb, adjustments_ct, assigned_at, assigned_by, $14
        from unnest(
          $2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::date[], $8::date[], $9::text[], $10::text[],
          $11::bytea[], $12::timestamptz[], $13::uuid[]
        ) as new (
          id, patient_id, protocol_id, version, status, starts_on, ends_on, time_zone, segments, adjustments_ct,
          assigned_at, assigned_by
        )
        """,
        tx.tenant,
        *zip(*rows, strict=True),
        tx.now,
    )


async def taken(tx: Transaction, wanted: Sequence[Assignment]) -> set[int]:
    """
    Return the places in `wanted` of those whose patient has an open assignment of the protocol on their days.

    First all that these patients have, by their ids alone: while a file comes in, PostgreSQL takes the table for as
    small as it was before, and with a protocol to go by it read all assignments of it again with every part.
    """
    rows = await tx.fetch(
        """
        with had as materialized (
          select a.patient_id, a.protocol_id, a.status, a.starts_on, a.ends_on
          from assignment a
          where a.organisation_id = $1 and a.patient_id = any((select $2::uuid[])::uuid[])
        )
        select new.place
        from unnest($2::uuid[], $3::uuid[], $4::date[], $5::date[])
          with ordinality as new (patient_id, protocol_id, starts_on, ends_on, place)
        where exists (
          select
          from had
          where had.patient_id = new.patient_id and had.protocol_id = new.protocol_id
            and had.status in ('proposed', 'active', 'paused') and had.starts_on <= new.ends_on
            and had.ends_on >= new.starts_on
        )
        """,
        tx.tenant,
        [one.patient_id for one in wanted],
        [one.protocol_id for one in wanted],
        [one.starts_on for one in wanted],
        [one.ends_on for one in wanted],
    )
    return {row["place"] - 1 for row in rows}


async def following(
    tx: Transaction, protocol_id: ProtocolId, patient_ids: Sequence[UUID], *, from_on: date, to_on: date
) -> set[UUID]:
    """
    Return those of the patients who have an open assignment of the protocol on one of these days.

    Asked for as in `taken`: a bulk assignment, too, grows the table by part after part.
    """
    rows = await tx.fetch(
        """
        with had as materialized (
          select a.patient_id, a.protocol_id, a.status, a.starts_on, a.ends_on
          from assignment a
          where a.organisation_id = $1 and a.patient_id = any((select $2::uuid[])::uuid[])
        )
        select distinct had.patient_id
        from had
        where had.protocol_id = $3 and had.status in ('proposed', 'active', 'paused')
          and had.starts_on <= $5 and had.ends_on >= $4
        """,
        tx.tenant,
        patient_ids,
        protocol_id,
        from_on,
        to_on,
    )
    return {row["patient_id"] for row in rows}
