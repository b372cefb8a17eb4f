"""The job behind a bulk assignment."""

from healthprotocol.care.assignments import service
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs.batches import run_in_batches
from healthprotocol.foundation.jobs.registry import Job, JobRegistry


def register(registry: JobRegistry) -> None:
    """Add the job."""
    # Each batch has its own limit of time; how many there are is the cohort's affair.
    registry.add(service.BULK, assign_many, timeout=None)


async def assign_many(database: Database, job: Job) -> None:
    """Drive a bulk assignment to its end, from wherever it is."""
    await run_in_batches(database, job, service.assign_batch)
