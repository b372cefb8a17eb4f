"""What becomes of sessions that nobody ended."""

from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs.organisations import organisations
from healthprotocol.foundation.jobs.registry import Job, JobRegistry
from healthprotocol.trust.accounts import service

SWEEP_SESSIONS = "accounts.sweep_sessions"


def register(registry: JobRegistry) -> None:
    """Add the job and when it recurs."""
    registry.add(SWEEP_SESSIONS, sweep_sessions)
    registry.every("23 * * * *", SWEEP_SESSIONS)


async def sweep_sessions(database: Database, job: Job) -> None:
    """Delete the sessions that ended of themselves, tenant by tenant."""
    async for organisation_id in organisations(database):
        async with database.transaction(organisation_id, context=job.context) as tx:
            await service.sweep_sessions(tx)
