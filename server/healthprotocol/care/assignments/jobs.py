"""The job behind a bulk assignment."""

from healthprotocol.care.assignments import service
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs.batches import run_in_batches
from healthprotocol.foundation.jobs.registry import Job, JobRegistry

AT_ONCE = 4


def register(registry: JobRegistry) -> None:
    """Add the job."""
    # Each batch has its own limit of time; how many there are is the cohort's affair. Each holds a lock a patient, and
    # PostgreSQL has room for some 6,000 as it comes.
    registry.add(service.BULK, assign_many, timeout=None, at_once=AT_ONCE)


async def assign_many(database: Database, job: Job) -> None:
    """Drive a bulk assignment to its end, from wherever it is."""
    await run_in_batches(database, job, service.assign_batch)
