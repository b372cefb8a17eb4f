"""Counts by day, and until when they are right. Opened by this slice's service only."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec

from healthprotocol.care.adherence.model import DayCount, Tally
from healthprotocol.care.assignments.model import Assignment, AssignmentId
from healthprotocol.foundation.db.transaction import Record, Transaction

Group = Literal["assignment", "patient", "protocol"]
# Of a month that is inside the range, all of it; of one at its edge, the running total up to the last day less that
# before the first. What is before the first element of an array is null. Materialised, because the planner, which does
# not know how many plans of an organisation run, would look each of them up by itself.
_PLANS = """
with running as materialized (
  select a.id
  from assignment a
  where a.organisation_id = $1 and a.status in ('active', 'paused')
),
counted as materialized (
  select m.assignment_id, m.patient_id,
    coalesce(m.completed[edge.until], 0) - coalesce(m.completed[edge.before], 0) as completed,
    coalesce(m.skipped[edge.until], 0) - coalesce(m.skipped[edge.before], 0) as skipped,
    coalesce(m.missed[edge.until], 0) - coalesce(m.missed[edge.before], 0) as missed,
    coalesce(m.on_time[edge.until], 0) - coalesce(m.on_time[edge.before], 0) as on_time
  from adherence_month m
  cross join lateral (
    select case when m.month >= $2 then 0 else width_bucket($2 - 1, m.days) end as before,
      case when m.month + 30 <= $3 then cardinality(m.days) else width_bucket($3, m.days) end as until
    offset 0
  ) edge
  where m.organisation_id = $1 and m.month between date_trunc('month', $2)::date and $3
)
select c.{column} as id, sum(c.completed)::int as completed, sum(c.skipped)::int as skipped,
  sum(c.missed)::int as missed, sum(c.on_time)::int as on_time
from counted c
join running r on r.id = c.assignment_id
group by c.{column}
"""
_GROUPS: dict[Group, str] = {
    "assignment": _PLANS.format(column="assignment_id"),
    "patient": _PLANS.format(column="patient_id"),
    "protocol": """
      select s.protocol_id as id, sum(s.completed)::int as completed, sum(s.skipped)::int as skipped,
        sum(s.missed)::int as missed, sum(s.on_time)::int as on_time
      from adherence_sum s
      where s.organisation_id = $1 and s.day between $2 and $3
      group by s.protocol_id
    """,
}
_ORDERS = {
    "ratio": "ratio, missed desc",
    "ratio desc": "ratio desc",
    "missed desc": "missed desc",
}


class Cover(msgspec.Struct, frozen=True):
    """Days from `recount_from` on may still change; the days before it never do."""

    assignment_id: AssignmentId
    recount_from: date


class Recount(msgspec.Struct, frozen=True, kw_only=True):
    """
    The counts of a plan from `cover.recount_from` on, as they are now.

    Days from `next_from` on may still change; `next_due_at` is when they will by themselves, None never.
    """

    assignment: Assignment
    cover: Cover
    counts: Sequence[DayCount]
    next_from: date
    next_due_at: datetime | None


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


async def mark_many_stale(tx: Transaction, first_days: Mapping[UUID, date]) -> None:
    """Have days counted again, of each assignment those from its own on; rows that say so already are let be."""
    # Held in order of the ids, so that two who mark the same plans wait for each other and never both.
    await tx.execute(
        """
        with held as (
          select c.assignment_id, new.day
          from adherence_cover c
          join unnest($2::uuid[], $3::date[]) as new (assignment_id, day) on new.assignment_id = c.assignment_id
          where c.organisation_id = $1 and (not c.is_stale or c.recount_from > new.day)
          order by c.assignment_id
          for update of c
        )
        update adherence_cover c
        set is_stale = true, recount_from = least(c.recount_from, held.day)
        from held
        where c.organisation_id = $1 and c.assignment_id = held.assignment_id
        """,
        tx.tenant,
        list(first_days),
        list(first_days.values()),
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


async def replace_days(tx: Transaction, recounts: Sequence[Recount]) -> None:
    """Put the counts of plans, from a day on, in the place of those there were; what stays as it is is not touched."""
    plans = [one.cover for one in recounts]
    counts = [count for one in recounts for count in one.counts]
    columns = (
        [count.assignment_id for count in counts],
        [count.day for count in counts],
        [count.activity_key for count in counts],
        [count.completed for count in counts],
        [count.skipped for count in counts],
        [count.missed for count in counts],
        [count.on_time for count in counts],
    )
    await _take_turns(tx, {one.assignment.protocol_id for one in recounts})
    await tx.execute(
        """
        delete from adherence_day d
        using unnest($2::uuid[], $3::date[]) as p (assignment_id, from_on)
        where d.organisation_id = $1 and d.assignment_id = p.assignment_id and d.day >= p.from_on
          and (d.assignment_id, d.day, d.activity_key, d.completed, d.skipped, d.missed, d.on_time) not in (
            select * from unnest($4::uuid[], $5::date[], $6::text[], $7::int[], $8::int[], $9::int[], $10::int[])
          )
        """,
        tx.tenant,
        [cover.assignment_id for cover in plans],
        [cover.recount_from for cover in plans],
        *columns,
    )
    await tx.execute(
        """
        insert into adherence_day (
          organisation_id, assignment_id, day, activity_key, completed, skipped, missed, on_time, patient_id,
          protocol_id
        )
        select $1, w.*, p.patient_id, p.protocol_id
        from unnest($2::uuid[], $3::date[], $4::text[], $5::int[], $6::int[], $7::int[], $8::int[])
          as w (assignment_id, day, activity_key, completed, skipped, missed, on_time)
        join unnest($9::uuid[], $10::uuid[], $11::uuid[]) as p (assignment_id, patient_id, protocol_id)
          on p.assignment_id = w.assignment_id
        on conflict (organisation_id, assignment_id, day, activity_key) do nothing
        """,
        tx.tenant,
        *columns,
        [one.assignment.id for one in recounts],
        [one.assignment.patient_id for one in recounts],
        [one.assignment.protocol_id for one in recounts],
    )


async def _take_turns(tx: Transaction, protocol_ids: Collection[UUID]) -> None:
    # Triggers keep the sums of a protocol. Each statement changes those in order, but a delete and an insert are two:
    # so one transaction at a time writes counts of a protocol, and of several protocols all ask in the same order.
    await tx.execute(
        """
        select pg_advisory_xact_lock(asked.key)
        from (
          select hashtextextended('adherence' || $1::uuid || p.id, 0) as key
          from unnest($2::uuid[]) as p (id)
          order by 1
          offset 0
        ) asked
        """,
        tx.tenant,
        list(protocol_ids),
    )


async def set_covers(tx: Transaction, recounts: Sequence[Recount]) -> None:
    """Say that the counts of these plans are right now."""
    await tx.execute(
        """
        update adherence_cover c
        set covered_at = $2, recount_from = w.recount_from, next_due_at = w.next_due_at, is_stale = false
        from unnest($3::uuid[], $4::date[], $5::timestamptz[]) as w (assignment_id, recount_from, next_due_at)
        where c.organisation_id = $1 and c.assignment_id = w.assignment_id
        """,
        tx.tenant,
        tx.now,
        [one.assignment.id for one in recounts],
        [one.next_from for one in recounts],
        [one.next_due_at for one in recounts],
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


async def counts(tx: Transaction, *, from_on: date, to_on: date, protocol_id: UUID | None) -> list[DayCount]:
    """Return counts by day and activity, summed over all assignments of a protocol, or of the organisation."""
    rows = await tx.fetch(
        """
        select day, activity_key, sum(completed)::int as completed, sum(skipped)::int as skipped,
          sum(missed)::int as missed, sum(on_time)::int as on_time
        from adherence_sum
        where organisation_id = $1 and day between $2 and $3 and ($4::uuid is null or protocol_id = $4)
        group by day, activity_key
        having sum(completed + skipped + missed) > 0
        order by day, activity_key
        """,
        tx.tenant,
        from_on,
        to_on,
        protocol_id,
    )
    return [_count(row) for row in rows]


async def grouped(
    tx: Transaction, group: Group, *, from_on: date, to_on: date, order_by: str, limit: int
) -> list[GroupTally]:
    """
    Return sums by assignment, patient or protocol, in one of the known orders.

    Of assignments and patients the running plans count, of protocols the closed ones too.
    """
    rows = await tx.fetch(
        f"""
        select found.*, found.completed::float8 / (found.completed + found.skipped + found.missed) as ratio
        from ({_GROUPS[group]}) as found
        where found.completed + found.skipped + found.missed > 0
        order by {_ORDERS[order_by]}, found.id
        limit $4
        """,  # noqa: S608 - made of constants of this module
        tx.tenant,
        from_on,
        to_on,
        limit,
    )
    return [
        GroupTally(row["id"], Tally(row["completed"], row["skipped"], row["missed"], row["on_time"])) for row in rows
    ]


def _count(row: Record) -> DayCount:
    return DayCount(
        assignment_id=AssignmentId(UUID(int=0)),
        activity_key=row["activity_key"],
        day=row["day"],
        completed=row["completed"],
        skipped=row["skipped"],
        missed=row["missed"],
        on_time=row["on_time"],
    )
