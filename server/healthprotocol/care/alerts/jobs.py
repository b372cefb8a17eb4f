"""The job that looks at plans as windows close and entries come, and lets alerts escalate."""

from healthprotocol.care.alerts import service
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs.organisations import organisations
from healthprotocol.foundation.jobs.registry import HandedOver, Job, JobRegistry

LOOK = "alerts.look"


def register(registry: JobRegistry) -> None:
    """Add the job, each minute; one at a time, because the next run finds what this one leaves."""
    registry.add(LOOK, look, at_once=1)
    registry.every("* * * * *", LOOK)


async def look(database: Database, job: Job) -> None:
    """Decide the rules about all plans whose time has come. Raises HandedOver when the worker ends."""
    async for organisation_id in organisations(database):
        while True:
            if job.stopping.is_set():
                raise HandedOver
            async with database.transaction(organisation_id, context=job.context, statement_timeout_seconds=60) as tx:
                looked = await service.look(tx)
                escalated = await service.escalate(tx) if looked < service.BATCH else 0
            if looked < service.BATCH and not escalated:
                break
