"""Gradual rollouts, what they were decided on, and what processes report of them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from healthprotocol.foundation.db.transaction import Record, Transaction
from healthprotocol.foundation.flags.exposure import MOST_ROLLOUTS, Outcome
from healthprotocol.foundation.flags.guard import Plan, Side, Watch
from healthprotocol.foundation.flags.model import Arm
from healthprotocol.foundation.ids import INSTALLATION, OrganisationId
from healthprotocol.operations.flags.model import Rollout, RolloutStage, RolloutStatus, Step

_COLUMNS = (
    "id, key, variant, stages, stage, status, why, reason, plan, watch, started_at, stage_began_at, looked_at, "
    "ended_at, revision, paused_at, organisation_id"
)
# The guard takes what came since its last look: seconds of all processes, or minutes after a pause.
_MOST_OUTCOMES = 20_000
_PLACES_LOCK = 0x6670_6C61


async def lock_begin(tx: Transaction, key: str) -> None:
    """Have others who begin or kill the tenant's flag wait until this transaction ends: one sees what the other did."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"rollout {tx.tenant} {key}")


async def lock_places(tx: Transaction) -> None:
    """Have others who begin any rollout wait until this transaction ends: who counts the places then takes one."""
    await tx.execute("select pg_advisory_xact_lock($1)", _PLACES_LOCK)


async def insert(tx: Transaction, rollout: Rollout) -> None:
    """Keep a rollout that begins."""
    await tx.execute(
        """
        insert into flag_rollout
          (organisation_id, id, key, variant, stages, stage, status, reason, plan, watch, started_at, stage_began_at,
           looked_at, revision)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $11, 1)
        """,
        tx.tenant,
        rollout.id,
        rollout.key,
        rollout.variant,
        msgspec.to_builtins(rollout.stages),
        rollout.stage,
        rollout.status,
        rollout.reason,
        msgspec.to_builtins(rollout.plan),
        msgspec.to_builtins(rollout.watch),
        rollout.started_at,
    )


async def save(tx: Transaction, rollout: Rollout) -> None:
    """Keep what changes of a rollout."""
    await tx.execute(
        """
        update flag_rollout
        set stage = $3, status = $4, why = $5, watch = $6, stage_began_at = $7, looked_at = $8, ended_at = $9,
            reason = $10, paused_at = $11, revision = revision + 1
        where organisation_id = $1 and id = $2
        """,
        tx.tenant,
        rollout.id,
        rollout.stage,
        rollout.status,
        rollout.why,
        msgspec.to_builtins(rollout.watch),
        rollout.stage_began_at,
        tx.now,
        rollout.ended_at,
        rollout.reason,
        rollout.paused_at,
    )


async def running_everywhere(tx: Transaction) -> dict[OrganisationId, list[UUID]]:
    """Return the ids of all running rollouts by whose they are, and nothing else of them."""
    rows = await tx.fetch("select organisation_id, id from hp_running_rollouts()")
    found: dict[OrganisationId, list[UUID]] = {}
    for row in rows:
        found.setdefault(OrganisationId(row["organisation_id"]), []).append(row["id"])
    return found


async def due(tx: Transaction, *, after: timedelta) -> list[Rollout]:
    """Return, locked, the tenant's running rollouts not looked at for so long, but those that somebody looks at now."""
    rows = await tx.fetch(
        f"""
        select {_COLUMNS}
        from flag_rollout
        where organisation_id = $1 and status = 'running' and looked_at <= $2
        order by id
        limit $3
        for update skip locked
        """,  # noqa: S608 - the columns are ours
        tx.tenant,
        tx.now - after,
        MOST_ROLLOUTS,
    )
    return [_rollout(row) for row in rows]


async def running(tx: Transaction, key: str) -> Rollout | None:
    """Return, locked, the tenant's own running rollout of a flag."""
    row = await tx.fetchrow(
        f"select {_COLUMNS} from flag_rollout "  # noqa: S608 - the columns are ours
        "where organisation_id = $1 and key = $2 and status = 'running' for update",
        tx.tenant,
        key,
    )
    return _rollout(row) if row else None


async def latest(tx: Transaction, keys: Sequence[str]) -> dict[str, Rollout]:
    """Return of each flag the rollout that runs, the tenant's own first; else the last one, whosever it was."""
    rows = await tx.fetch(
        f"""
        select distinct on (key) {_COLUMNS}
        from flag_rollout
        where organisation_id = any($1::uuid[]) and key = any($2::text[])
        order by key, status = 'running' desc, (status = 'running' and organisation_id <> $3) desc, started_at desc
        """,  # noqa: S608 - the columns are ours
        [INSTALLATION, tx.tenant],
        list(keys),
        INSTALLATION,
    )
    return {row["key"]: _rollout(row) for row in rows}


async def add_step(tx: Transaction, rollout: Rollout, act: str, evidence: dict[str, Any]) -> None:
    """Keep a decision and what it was made on."""
    await tx.execute(
        """
        insert into flag_rollout_step (organisation_id, rollout_id, number, act, at, evidence)
        select $1, $2, 1 + coalesce(max(number), 0), $3, $4, $5
        from flag_rollout_step
        where organisation_id = $1 and rollout_id = $2
        """,
        tx.tenant,
        rollout.id,
        act,
        tx.now,
        evidence,
    )


async def steps(tx: Transaction, rollout_id: UUID) -> list[Step]:
    """Return the decisions of a rollout, in order."""
    rows = await tx.fetch(
        """
        select number, act, at, evidence
        from flag_rollout_step
        where organisation_id = any($1::uuid[]) and rollout_id = $2
        order by number
        limit 200
        """,
        [INSTALLATION, tx.tenant],
        rollout_id,
    )
    return [Step(number=row["number"], act=row["act"], at=row["at"], evidence=row["evidence"]) for row in rows]


async def add_outcomes(tx: Transaction, node: int, outcomes: Sequence[Outcome]) -> None:
    """Keep what a process saw, for the guard."""
    await tx.executemany(
        """
        insert into flag_outcome (organisation_id, rollout_id, at, node, arm, began, requests, errors, buckets)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        on conflict do nothing
        """,
        [
            (tx.tenant, one.rollout_id, tx.now, node, one.arm, one.began, one.requests, one.errors, one.buckets)
            for one in outcomes
        ],
    )


async def take_outcomes(tx: Transaction, rollout_id: UUID) -> tuple[Side, Side, bool]:
    """Return what treated and control did since the last time, and whether anybody reported; it is gone then."""
    rows = await tx.fetch(
        """
        with taken as (
          delete from flag_outcome
          where (organisation_id, rollout_id, at, node, arm) in (
            select organisation_id, rollout_id, at, node, arm
            from flag_outcome
            where organisation_id = $1 and rollout_id = $2
            order by at
            limit $3
          )
          returning arm, began, requests, errors, buckets
        )
        select arm, began, requests, errors, buckets from taken
        """,
        tx.tenant,
        rollout_id,
        _MOST_OUTCOMES,
    )
    sides = {Arm.TREATED: Side(), Arm.CONTROL: Side()}
    for row in rows:
        side = sides[Arm(row["arm"])]
        side.began += row["began"]
        side.requests += row["requests"]
        side.errors += row["errors"]
        side.buckets = [have + more for have, more in zip(side.buckets, row["buckets"], strict=True)]
    return sides[Arm.TREATED], sides[Arm.CONTROL], bool(rows)


async def forget_outcomes(tx: Transaction, *, older_than: timedelta) -> None:
    """Delete what no guard of the tenant's took: its rollout is over."""
    await tx.execute("delete from flag_outcome where organisation_id = $1 and at < $2", tx.tenant, tx.now - older_than)


def _rollout(row: Record) -> Rollout:
    return Rollout(
        id=row["id"],
        key=row["key"],
        variant=row["variant"],
        stages=msgspec.convert(row["stages"], tuple[RolloutStage, ...]),
        stage=row["stage"],
        status=RolloutStatus(row["status"]),
        why=row["why"],
        reason=row["reason"],
        plan=msgspec.convert(row["plan"], Plan),
        watch=msgspec.convert(row["watch"], Watch),
        started_at=row["started_at"],
        stage_began_at=row["stage_began_at"],
        ended_at=row["ended_at"],
        revision=row["revision"],
        paused_at=row["paused_at"],
        is_own=row["organisation_id"] != INSTALLATION,
    )
