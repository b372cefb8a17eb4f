"""
A worker process for tests that kill it: it brings files in as the real one does, but slowly.

Run as `python -m tests.faults.importing APP_URL ROOT_KEY_FILE SECONDS_PER_PART`. It waits inside each batch's
transaction, after some rows are written and before the commit: there it dies when a test strikes at a random moment.
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from healthprotocol.assembly import SUBSCRIPTIONS
from healthprotocol.care.entries.model import EntriesBrought
from healthprotocol.care.transfers import jobs
from healthprotocol.care.transfers.service import nouns
from healthprotocol.foundation.crypto.keys import KeyRing
from healthprotocol.foundation.crypto.root import LocalRootKey
from healthprotocol.foundation.db.transaction import Database, Transaction, open_pool
from healthprotocol.foundation.events import Subscriptions
from healthprotocol.foundation.jobs.registry import JobRegistry
from healthprotocol.foundation.jobs.worker import WorkerTimes, run_worker


async def main(url: str, root_key: str, seconds: str) -> None:
    """Work until killed."""

    async def linger(_tx: Transaction, _event: EntriesBrought) -> None:
        await asyncio.sleep(float(seconds))

    # Small batches, so that a small file has many.
    nouns.SIZES["entries"] = nouns.Size(100, 200)
    pool = await open_pool(url, size=4, statement_timeout_seconds=20)
    database = Database(
        pool,
        keys=KeyRing(LocalRootKey.load(Path(root_key), inside_checkout=True)),
        subscriptions=Subscriptions([*SUBSCRIPTIONS, (EntriesBrought, linger)]),
    )
    registry = JobRegistry()
    jobs.register(registry)
    times = WorkerTimes(silence=timedelta(seconds=1), poll=timedelta(seconds=0.2))
    await run_worker(url, database, registry, asyncio.Event(), times=times)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
