"""A worker that is struck in the middle of a batch, wherever the machine is slow meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.faults.lingering import LINGERS
from tests.foundation.jobs.workers import process
from tests.support.postgresql import Cluster

WORKER = "tests.faults.lingering"


class Victim:
    """A worker process, and where it stands."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child

    async def until_in_the_middle(self) -> None:
        """Wait until it stands in the transaction of a batch. Raises AssertionError when it ends before."""
        assert self._child.stdout is not None
        async with asyncio.timeout(120):
            async for line in self._child.stdout:
                # Logs stand there too.
                if line.decode().strip() == LINGERS:
                    return
        raise AssertionError("the worker ended before it was struck")

    async def killed_in_the_middle(self) -> None:
        """Let it get there, and kill it."""
        await self.until_in_the_middle()
        self._child.kill()
        await self._child.wait()

    def goes_on(self) -> None:
        """Let it try to end the batch."""
        assert self._child.stdin is not None
        self._child.stdin.write(b"\n")


@asynccontextmanager
async def lingering(cluster: Cluster, name: str, work: str, batches: str = "") -> AsyncIterator[Victim]:
    """Run a worker that stands still in the batches of these numbers; without any it just works."""
    arguments = (work, cluster.app_url(name), str(cluster.root_key), batches)
    pipe = asyncio.subprocess.PIPE
    async with process(WORKER, *arguments, stdin=pipe, stdout=pipe if batches else None) as child:
        yield Victim(child)
