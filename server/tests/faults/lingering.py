"""
A worker process for tests that kill it: it works as the real one does, and stands still where it is to be struck.

Run as `python -m tests.faults.lingering imports|people|exports|assignments APP_URL ROOT_KEY_FILE BATCHES`. In each of
these batches (their numbers, with commas between) it says so and waits for an answer, in the transaction, after rows
are written and before the commit.
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from healthprotocol.assembly import SUBSCRIPTIONS
from healthprotocol.care.assignments import jobs as assignment_jobs
from healthprotocol.care.assignments.model import AssignmentsStarted
from healthprotocol.care.entries.model import EntriesBrought
from healthprotocol.care.patients.model import PatientCreated
from healthprotocol.care.transfers import jobs as transfer_jobs
from healthprotocol.care.transfers import service
from healthprotocol.care.transfers.service import nouns
from healthprotocol.foundation.crypto.keys import KeyRing
from healthprotocol.foundation.crypto.root import LocalRootKey
from healthprotocol.foundation.db.transaction import Database, Transaction, open_pool
from healthprotocol.foundation.events import Subscriptions
from healthprotocol.foundation.jobs.batches import Batch, Step
from healthprotocol.foundation.jobs.operations import Operation
from healthprotocol.foundation.jobs.registry import JobRegistry
from healthprotocol.foundation.jobs.worker import WorkerTimes, run_worker
from tests.support.postgresql import PATIENCE_SECONDS, PATIENT

LINGERS = "lingers"


class Exported:
    """A batch of an export was written."""


def _telling(export_batch: Step) -> Step:
    async def told(tx: Transaction, operation: Operation) -> Batch:
        batch = await export_batch(tx, operation)
        await tx.publish(Exported())
        return batch

    return told


# What is worked on, and the event that each of its batches publishes.
WORK = {
    "imports": (transfer_jobs.register, EntriesBrought),
    "people": (transfer_jobs.register, PatientCreated),
    "exports": (transfer_jobs.register, Exported),
    "assignments": (assignment_jobs.register, AssignmentsStarted),
}


async def main(work: str, url: str, root_key: str, batches: str) -> None:
    """Work until killed."""
    begun: list[Transaction] = []

    async def linger(tx: Transaction, _event: object) -> None:
        if begun[-1:] == [tx]:
            return
        begun.append(tx)
        if str(len(begun)) in batches.split(","):
            sys.stdout.write(f"{LINGERS}\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.readline)

    register, event = WORK[work]
    # Small batches, so that a small file has many.
    nouns.SIZES["entries"] = nouns.SIZES["patients"] = nouns.Size(100, 200)
    service.export_batch = _telling(service.export_batch)
    pool = await open_pool(url, size=4, statement_timeout_seconds=20, limits=PATIENT)
    database = Database(
        pool,
        keys=KeyRing(LocalRootKey.load(Path(root_key), inside_checkout=True)),
        wait_seconds=PATIENCE_SECONDS,
        subscriptions=Subscriptions([*SUBSCRIPTIONS, (event, linger)]),
    )
    registry = JobRegistry()
    register(registry)
    times = WorkerTimes(silence=timedelta(seconds=1), poll=timedelta(seconds=0.2))
    await run_worker(url, database, registry, asyncio.Event(), times=times)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
