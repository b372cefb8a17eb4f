"""Jobs that failed for good: they wait here for a person, who looks at the cause and lets them run again or go."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from healthprotocol.foundation.db.transaction import Database, Transaction
    from healthprotocol.foundation.jobs.registry import Job

MOST_LISTED = 200
KEPT_DAYS = 30
SWEEP_BATCH = 5_000


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A job that used up its attempts. `error` is the type and the places of the last failure, None when unknown."""

    id: int
    name: str
    attempts: int
    created_at: datetime
    failed_at: datetime
    error: str | None


async def list_dead(tx: "Transaction", *, most: int = 50) -> list[DeadLetter]:
    """Return the newest dead letters, at most `most` (itself at most 200)."""
    rows = await tx.fetch(
        """
        select job.id, job.entrypoint as name, job.attempts, job.created as created_at, job.updated as failed_at,
          (
            select log.traceback ->> 'exception_message'
            from pgqueuer.pgqueuer_log log
            where log.job_id = job.id and log.status = 'failed'
            order by log.created desc
            limit 1
          ) as error
        from pgqueuer.pgqueuer job
        where job.status = 'failed'
        order by job.updated desc, job.id desc
        limit $1
        """,
        min(most, MOST_LISTED),
    )
    return [DeadLetter(**dict(row)) for row in rows]


async def revive(tx: "Transaction", job_id: int) -> bool:
    """Let a dead letter run again, with all its attempts; False when there is none of that number."""
    tag = await tx.execute(
        """
        update pgqueuer.pgqueuer
        set status = 'queued', execute_after = now(), updated = now(), attempts = 0, queue_manager_id = null
        where id = $1 and status = 'failed'
        """,
        job_id,
    )
    return tag == "UPDATE 1"


async def bury(tx: "Transaction", job_id: int) -> bool:
    """Delete a dead letter; False when there is none of that number."""
    return await tx.execute("delete from pgqueuer.pgqueuer where id = $1 and status = 'failed'", job_id) == "DELETE 1"


async def sweep_logs(database: "Database", _job: "Job") -> None:
    """Delete what the queue wrote down more than 30 days ago, in batches. A handler for a daily schedule."""
    while await _swept(database, "pgqueuer_log") + await _swept(database, "pgqueuer_statistics"):
        continue


async def _swept(database: "Database", table: str) -> int:
    async with database.transaction(None) as tx:
        tag = await tx.execute(
            f"""
            delete from pgqueuer.{table}
            where id in (select id from pgqueuer.{table} where created < $1 order by created limit $2)
            """,  # noqa: S608 - the table is a word of this module
            tx.now - timedelta(days=KEPT_DAYS),
            SWEEP_BATCH,
        )
    return int(tag.rsplit(" ", 1)[-1])
