"""Counts by day, and until when they are right. Opened by this slice's service only."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec

from healthprotocol.care.adherence.model import DayCount, Tally
from healthprotocol.care.assignments.model import Assignment, AssignmentId
from healthprotocol.foundation.db.transaction import Record, Transaction

Group = Literal["assignment", "patient", "protocol"]
_GROUPS: dict[Group, str] = {"assignment": "assignment_id", "patient": "patient_id", "protocol": "protocol_id"}
_ORDERS = {
    "ratio": "ratio asc nulls last, missed desc",
    "ratio desc": "ratio desc nulls last",
    "missed desc": "missed desc",
}


class Cover(msgspec.Struct, frozen=True):
    """Days from `recount_from` on may still change; the days before it never do."""

    assignment_id: AssignmentId
    recount_from: date


class GroupTally(msgspec.Struct, frozen=True):
    """The sum of counts of one assignment, patient or protocol."""

    id: UUID
    tally: Tally


async def begin(tx: Transaction, assignment_ids: Sequence[UUID]) -> None:
    """Have assignments counted from their first day on; those that are counted already stay as they are."""
    await tx.execute(
        """
        insert into adherence_cover (organisation_id, assignment_id, covered_at, recount_from, next_due_at, is_stale)
        select a.organisation_id, a.id, $3, a.starts_on, null, true
        from assignment a
        where a.organisation_id = $1 and a.id = any($2::uuid[])
        on conflict (organisation_id, assignment_id) do nothing
        """,
        tx.tenant,
        list(assignment_ids),
        tx.now,
    )


async def mark_stale(tx: Transaction, assignment_id: UUID, *, from_on: date) -> None:
    """Have the days from `from_on` on counted again."""
    await tx.execute(
        """
        update adherence_cover
        set is_stale = true, recount_from = least(recount_from, $3)
        where organisation_id = $1 and assignment_id = $2
        """,
        tx.tenant,
        assignment_id,
        from_on,
    )


async def due_covers(tx: Transaction, *, limit: int) -> list[Cover]:
    """Return covers that are no longer right, held until the commit; those that another job holds are left to it."""
    rows = await tx.fetch(
        """
        select assignment_id, recount_from
        from adherence_cover
        where organisation_id = $1 and (is_stale or next_due_at <= $2)
        order by assignment_id
        limit $3
        for update skip locked
        """,
        tx.tenant,
        tx.now,
        limit,
    )
    return [Cover(AssignmentId(row["assignment_id"]), row["recount_from"]) for row in rows]


async def replace_days(tx: Transaction, assignment: Assignment, counts: Sequence[DayCount], *, from_on: date) -> None:
    """Put new counts in the place of all from a day on."""
    await tx.execute(
        "delete from adherence_day where organisation_id = $1 and assignment_id = $2 and day >= $3",
        tx.tenant,
        assignment.id,
        from_on,
    )
    await tx.execute(
        """
        insert into adherence_day (
          organisation_id, assignment_id, patient_id, protocol_id, day, activity_key, completed, skipped, missed,
          on_time
        )
        select $1, $2, $3, $4, w.*
        from unnest($5::date[], $6::text[], $7::int[], $8::int[], $9::int[], $10::int[]) as w
        """,
        tx.tenant,
        assignment.id,
        assignment.patient_id,
        assignment.protocol_id,
        [count.day for count in counts],
        [count.activity_key for count in counts],
        [count.completed for count in counts],
        [count.skipped for count in counts],
        [count.missed for count in counts],
        [count.on_time for count in counts],
    )


async def set_cover(tx: Transaction, assignment_id: UUID, *, recount_from: date, next_due_at: datetime | None) -> None:
    """Say that the counts are right now."""
    await tx.execute(
        """
        update adherence_cover
        set covered_at = $3, recount_from = $4, next_due_at = $5, is_stale = false
        where organisation_id = $1 and assignment_id = $2
        """,
        tx.tenant,
        assignment_id,
        tx.now,
        recount_from,
        next_due_at,
    )


async def restart(tx: Transaction, *, after: UUID | None, limit: int) -> UUID | None:
    """Have the counts of the next `limit` assignments made anew; return where to go on, None at the end."""
    rows = await tx.fetch(
        """
        update adherence_cover c
        set is_stale = true, recount_from = a.starts_on
        from assignment a
        where c.organisation_id = $1 and a.organisation_id = $1 and a.id = c.assignment_id
          and c.assignment_id in (
            select assignment_id
            from adherence_cover
            where organisation_id = $1 and ($2::uuid is null or assignment_id > $2)
            order by assignment_id
            limit $3
          )
        returning c.assignment_id
        """,
        tx.tenant,
        after,
        limit,
    )
    return max((row["assignment_id"] for row in rows), default=None)


async def as_of(tx: Transaction) -> datetime:
    """Return the instant for which all counts of the organisation are right."""
    oldest = await tx.fetchval(
        """
        select min(covered_at)
        from adherence_cover
        where organisation_id = $1 and (is_stale or next_due_at <= $2)
        """,
        tx.tenant,
        tx.now,
    )
    return oldest or tx.now


async def counts(
    tx: Transaction, *, from_on: date, to_on: date, protocol_id: UUID | None, assignment_id: UUID | None = None
) -> list[DayCount]:
    """Return counts by day and activity, summed over all assignments of a protocol, or of the organisation."""
    rows = await tx.fetch(
        """
        select day, activity_key, sum(completed)::int as completed, sum(skipped)::int as skipped,
          sum(missed)::int as missed, sum(on_time)::int as on_time
        from adherence_day
        where organisation_id = $1 and day between $2 and $3 and ($4::uuid is null or protocol_id = $4)
          and ($5::uuid is null or assignment_id = $5)
        group by day, activity_key
        order by day, activity_key
        """,
        tx.tenant,
        from_on,
        to_on,
        protocol_id,
        assignment_id,
    )
    return [_count(row, assignment_id) for row in rows]


async def grouped(
    tx: Transaction, group: Group, *, from_on: date, to_on: date, order_by: str, limit: int, running: bool
) -> list[GroupTally]:
    """Return sums by assignment, patient or protocol, in one of the known orders; `running` leaves out closed plans."""
    column = _GROUPS[group]
    rows = await tx.fetch(
        f"""
        select d.{column} as id, sum(d.completed)::int as completed, sum(d.skipped)::int as skipped,
          sum(d.missed)::int as missed, sum(d.on_time)::int as on_time,
          sum(d.completed)::float8 / nullif(sum(d.completed + d.skipped + d.missed), 0) as ratio
        from adherence_day d
        where d.organisation_id = $1 and d.day between $2 and $3
          and (not $5 or exists (
            select from assignment a
            where a.organisation_id = d.organisation_id and a.id = d.assignment_id and a.status in ('active', 'paused')
          ))
        group by d.{column}
        order by {_ORDERS[order_by]}, d.{column}
        limit $4
        """,  # noqa: S608 - made of constants of this module
        tx.tenant,
        from_on,
        to_on,
        limit,
        running,
    )
    return [
        GroupTally(row["id"], Tally(row["completed"], row["skipped"], row["missed"], row["on_time"])) for row in rows
    ]


def _count(row: Record, assignment_id: UUID | None) -> DayCount:
    return DayCount(
        assignment_id=AssignmentId(assignment_id or UUID(int=0)),
        activity_key=row["activity_key"],
        day=row["day"],
        completed=row["completed"],
        skipped=row["skipped"],
        missed=row["missed"],
        on_time=row["on_time"],
    )
