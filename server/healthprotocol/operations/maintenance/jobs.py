"""What keeps the house in order by itself: partitions ahead of time, and rows that have had their day."""

from healthprotocol.api import idempotency
from healthprotocol.foundation.cache import changes
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs import dead_letters
from healthprotocol.foundation.jobs.organisations import organisations
from healthprotocol.foundation.jobs.registry import HandedOver, Job, JobRegistry

PARTITIONS = "maintenance.partitions"
SWEEP = "maintenance.sweep"
QUEUE = "maintenance.queue"

_MONTHS_AHEAD = 4
_PARTITIONED = ("audit_event", "entry")


def register(registry: JobRegistry) -> None:
    """Add the jobs and when they recur."""
    registry.add(PARTITIONS, make_partitions)
    registry.every("17 3 * * *", PARTITIONS)
    registry.add(SWEEP, sweep)
    registry.every("41 * * * *", SWEEP)
    registry.add(QUEUE, dead_letters.sweep_logs)
    registry.every("53 2 * * *", QUEUE)


async def make_partitions(database: Database, job: Job) -> None:
    """Make the partitions of this month and the coming ones, so that no row ever waits for a table."""
    async with database.transaction(None, context=job.context) as tx:
        for table in _PARTITIONED:
            await tx.execute(
                "select ensure_month_partitions($1::regclass, $2, $3)", table, tx.now.date(), _MONTHS_AHEAD
            )


async def sweep(database: Database, job: Job) -> None:
    """Delete what has had its day, tenant by tenant, in transactions of bounded size."""
    async for organisation_id in organisations(database):
        async with database.transaction(organisation_id, context=job.context) as tx:
            await changes.sweep(tx)
        swept = idempotency.SWEPT_AT_ONCE
        while swept == idempotency.SWEPT_AT_ONCE:
            if job.stopping.is_set():
                raise HandedOver
            async with database.transaction(organisation_id, context=job.context) as tx:
                swept = await idempotency.sweep(tx)
