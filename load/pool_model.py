"""A model of a database server in virtual time: processors that share, and that lose a little to every rival."""

import asyncio
import heapq
import itertools
import random
from typing import Any


class Processors:
    """
    `count` processors shared evenly by all that compute.

    `lost` is what each computing connection beyond four takes from all: on two processors 48 connections did 0.87 of
    the work of 4 (`select sum(i) from generate_series(1, 20000) i`, PostgreSQL 18). The first message of a transaction
    waited 0.1 ms before an idle server, and half a millisecond more for each that stood before a processor beyond
    three: measured 0.3 ms at 4 connections, 3 at 16, 11 at 48.
    """

    def __init__(self, count: int = 2, lost: float = 0.0034) -> None:
        self.running = 0
        self._count = count
        self._lost = lost
        self._done = 0.0
        self._looked_at = 0.0
        self._heap: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        # Kept, because asking for it costs a call of the system each time.
        self._loop = asyncio.get_running_loop()

    @property
    def crowd(self) -> float:
        """How many stand before each processor."""
        return self.running / self._count

    async def compute(self, seconds: float) -> None:
        """Use a processor for so long, which lasts as long as sharing makes it last."""
        self._advance()
        future: asyncio.Future[None] = self._loop.create_future()
        heapq.heappush(self._heap, (self._done + seconds, next(self._numbers), future))
        self.running += 1
        self._plan()
        await future

    def _speed(self) -> float:
        if not self.running:
            return 1.0
        return min(1.0, self._count / self.running) / (1 + self._lost * max(0, self.running - 4))

    def _advance(self) -> None:
        at = self._loop.time()
        self._done += (at - self._looked_at) * self._speed()
        self._looked_at = at

    def _plan(self) -> None:
        """Have the timer ring no later than the first will be done; one that rings early looks and plans again."""
        if not self._heap:
            return
        rings_at = self._loop.time() + max(0.0, self._heap[0][0] - self._done) / self._speed()
        if self._timer is not None:
            if self._timer.when() <= rings_at:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(rings_at, self._finish)

    def _finish(self) -> None:
        self._timer = None
        self._advance()
        while self._heap and self._heap[0][0] <= self._done + 1e-12:
            heapq.heappop(self._heap)[2].set_result(None)
            self.running -= 1
        self._plan()


class SimulatedConnection:
    """What the pool asks of a connection."""

    def __init__(self) -> None:
        self._is_closed = False

    def is_closed(self) -> bool:
        return self._is_closed

    def terminate(self) -> None:
        self._is_closed = True

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - as asyncpg's
        self._is_closed = True

    async def execute(self, query: str, /) -> Any:
        await asyncio.sleep(0.0002)
        return query


class SimulatedServer:
    """Processors, and connections that cost them something to open."""

    def __init__(self, processors: Processors, draw: random.Random) -> None:
        self._processors = processors
        self._draw = draw

    async def connect(self) -> SimulatedConnection:
        await self._processors.compute(0.006)
        return SimulatedConnection()

    async def answer_first(self) -> None:
        """Wait as long as a first message waits."""
        stands = max(0.0, self._processors.crowd - 3) * 0.0005
        await asyncio.sleep(0.0001 + (self._draw.expovariate(1 / stands) if stands else 0.0))

    async def compute(self, seconds: float) -> None:
        await self._processors.compute(seconds)
