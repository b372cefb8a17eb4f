"""Workers for tests: quick ones in this process, and real ones in a process of their own that can be killed."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs.registry import JobRegistry
from healthprotocol.foundation.jobs.worker import WorkerTimes, run_worker
from tests.support.postgresql import Cluster

SERVER = Path(__file__).resolve().parents[3]
QUICK = WorkerTimes(silence=timedelta(seconds=1), poll=timedelta(seconds=0.2), drain=timedelta(seconds=0.3), at_once=4)
# A fact is waited for on a machine that others keep busy, too.
PATIENCE_SECONDS = 60


@asynccontextmanager
async def working(
    cluster: Cluster, name: str, database: Database, registry: JobRegistry, **more: Any
) -> AsyncIterator[asyncio.Event]:
    """Run a worker for the length of the block; gives the event that stops it."""
    stop = asyncio.Event()
    task = asyncio.create_task(run_worker(cluster.app_url(name), database, registry, stop, **_with_times(more)))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE_SECONDS)


def _with_times(more: dict[str, Any]) -> dict[str, Any]:
    return {"times": QUICK, **more}


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the awaited condition holds. Raises TimeoutError after PATIENCE_SECONDS."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await holds():  # noqa: ASYNC110 - the condition is in the database
            await asyncio.sleep(0.02)


@asynccontextmanager
async def process(
    module: str, *arguments: str, stdin: int | None = None, stdout: int | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a test module as a process of its own; kill it at the end when it still lives."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=SERVER,
        env={**os.environ, "PYTHONPATH": str(SERVER)},
        stdin=stdin,
        stdout=stdout,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
