"""What recurs for flags."""

from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs.registry import Job, JobRegistry
from healthprotocol.operations.flags.service.rollouts import forget_left_over

SWEEP = "flags.sweep"


def register(registry: JobRegistry) -> None:
    """Add the job and when it recurs."""
    registry.add(SWEEP, sweep)
    registry.every("29 * * * *", SWEEP)


async def sweep(database: Database, job: Job) -> None:
    """Delete what processes reported of rollouts that are over."""
    del job
    await forget_left_over(database)
