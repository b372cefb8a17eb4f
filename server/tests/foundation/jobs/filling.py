"""
A worker process for tests that kill it: it drives operations of the kind `fill` and enqueues nothing itself.

Run as `python -m tests.foundation.jobs.filling APP_URL ROOT_KEY_FILE SECONDS_PER_BATCH`. Each step writes TEN rows and
its progress in one transaction, and writes a line to stdout before the commit, so that a test knows when to strike.
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from healthprotocol.foundation.crypto.keys import KeyRing
from healthprotocol.foundation.crypto.root import LocalRootKey
from healthprotocol.foundation.db.transaction import Database, Transaction, open_pool
from healthprotocol.foundation.jobs.batches import Batch, Step, run_in_batches
from healthprotocol.foundation.jobs.operations import Operation
from healthprotocol.foundation.jobs.registry import Job, JobRegistry
from healthprotocol.foundation.jobs.worker import WorkerTimes, run_worker

TEN = 10


def filling(seconds: float) -> Step:
    """Return a step that writes the next ten numbers, slowly."""

    async def step(tx: Transaction, operation: Operation) -> Batch:
        first = int(operation.cursor or "0")
        last = min(first + TEN, int(operation.input["until"]))
        await tx.execute("insert into filled (number) select generate_series($1::int, $2::int)", first + 1, last)
        await asyncio.sleep(seconds)
        sys.stdout.write(f"{last}\n")
        sys.stdout.flush()
        is_last = last == operation.input["until"]
        return Batch(count=last - first, cursor=None if is_last else str(last), result={"last": last})

    return step


def registry(seconds: float) -> JobRegistry:
    """Return the one handler."""

    async def handle(database: Database, job: Job) -> None:
        await run_in_batches(database, job, filling(seconds))

    made = JobRegistry()
    made.add("fill", handle, timeout=None)
    return made


async def main(url: str, root_key: str, seconds: str) -> None:
    """Work until killed."""
    pool = await open_pool(url, size=4, statement_timeout_seconds=20)
    database = Database(pool, keys=KeyRing(LocalRootKey.load(Path(root_key), inside_checkout=True)))
    times = WorkerTimes(silence=timedelta(seconds=1), poll=timedelta(seconds=0.2))
    await run_worker(url, database, registry(float(seconds)), asyncio.Event(), times=times)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
