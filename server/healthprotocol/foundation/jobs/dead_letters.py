"""Jobs that failed for good: they wait here for a person, who looks at the cause and lets them run again or go."""

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal
from uuid import UUID

import asyncpg
import msgspec

from healthprotocol.foundation.ids import OrganisationId
from healthprotocol.foundation.jobs.queue import ORGANISATION

if TYPE_CHECKING:
    from healthprotocol.foundation.db.transaction import Database, Record, Transaction
    from healthprotocol.foundation.jobs.registry import Job

MOST_LISTED = 200
KEPT_DAYS = 30
SWEEP_BATCH = 5_000

Revival = Literal["revived", "doubled", "gone"]
"""What became of a dead letter that was to run again: it will; one like it waits or runs already; there is none."""

# What a failure begins with, and nothing else that may stand there: the name of a class, with its modules.
_TYPE = re.compile(r"(?:[a-z_]\w*\.)*[A-Z]\w*(?= |$)")


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """
    A job that used up its attempts. `error` is the type and the places of the last failure, None when unknown.

    `organisation_id` is None for work of the installation, and where the payload cannot be read.
    """

    id: int
    name: str
    organisation_id: OrganisationId | None
    attempts: int
    created_at: datetime
    failed_at: datetime
    error: str | None

    @property
    def error_type(self) -> str | None:
        """The type of the last failure without its modules, such as `TimeoutError`; None when unknown."""
        found = _TYPE.match(self.error or "")
        return found[0].rpartition(".")[2] if found else None


async def list_dead(
    tx: "Transaction",
    *,
    most: int = 50,
    name: str | None = None,
    job_id: int | None = None,
    behind: DeadLetter | None = None,
) -> list[DeadLetter]:
    """
    Return the newest dead letters, at most `most` (itself at most 200); None is any name, any number.

    `behind` is the last of the page before.
    """
    rows = await tx.fetch(
        """
        select job.id, job.entrypoint as name, job.payload, job.attempts, job.created as created_at,
          job.updated as failed_at,
          (
            select log.traceback ->> 'exception_message'
            from pgqueuer.pgqueuer_log log
            where log.job_id = job.id and log.status = 'failed'
            order by log.created desc
            limit 1
          ) as error
        from pgqueuer.pgqueuer job
        where job.status = 'failed'
          and ($2::text is null or job.entrypoint = $2) and ($3::bigint is null or job.id = $3)
          and ($4::timestamptz is null or (job.updated, job.id) < ($4, $5::bigint))
        order by job.updated desc, job.id desc
        limit $1
        """,
        min(most, MOST_LISTED),
        name,
        job_id,
        None if behind is None else behind.failed_at,
        None if behind is None else behind.id,
    )
    return [_letter(row) for row in rows]


async def revive(tx: "Transaction", job_id: int) -> Revival:
    """Let a dead letter run again, with all its attempts."""
    try:
        # Of jobs with one dedupe_key only one may wait or run: a schedule that failed has long been due again.
        async with tx.attempt():
            tag = await tx.execute(
                """
                update pgqueuer.pgqueuer
                set status = 'queued', execute_after = now(), updated = now(), attempts = 0, queue_manager_id = null
                where id = $1 and status = 'failed'
                """,
                job_id,
            )
    except asyncpg.UniqueViolationError:
        return "doubled"
    return "revived" if tag == "UPDATE 1" else "gone"


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


def _letter(row: "Record") -> DeadLetter:
    said = dict(row)
    try:
        payload = msgspec.json.decode(said.pop("payload") or b"{}", type=dict[str, str])
        organisation_id = OrganisationId(UUID(payload[ORGANISATION])) if ORGANISATION in payload else None
    except (msgspec.MsgspecError, ValueError):
        # What was not written by `enqueue` may be why it failed.
        organisation_id = None
    return DeadLetter(organisation_id=organisation_id, **said)
