"""The job that keeps the counts right as windows close and entries come."""

from healthprotocol.care.adherence import service
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs.organisations import organisations
from healthprotocol.foundation.jobs.registry import HandedOver, Job, JobRegistry

REFRESH = "adherence.refresh"


def register(registry: JobRegistry) -> None:
    """Add the job, each minute; one at a time, because the next run finds what this one leaves."""
    registry.add(REFRESH, refresh, at_once=1)
    registry.every("* * * * *", REFRESH)


async def refresh(database: Database, job: Job) -> None:
    """
    Bring all stale counts up to date, a few assignments a transaction; where entries of a file come in, afterwards.

    Raises HandedOver when the worker ends.
    """
    async for organisation_id in organisations(database):
        while True:
            if job.stopping.is_set():
                raise HandedOver
            async with database.transaction(organisation_id, context=job.context, statement_timeout_seconds=60) as tx:
                if await service.is_deferred(tx) or await service.refresh(tx) < service.BATCH:
                    break
