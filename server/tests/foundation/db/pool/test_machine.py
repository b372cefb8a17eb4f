"""Whatever comes, in whatever order: no connection is lent twice, no place is lost, and whoever waits is answered."""

import asyncio
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from healthprotocol.foundation.db.pool import Pool, PoolLimits, Priority, Refused
from tests.foundation.db.pool.server import FakeServer
from tests.support import virtual_time

ACTS = ("borrow", "borrow", "borrow", "cancel", "dirty", "forget", "restart", "down", "up", "pass", "mute")
MOST = 3


class Crowd:
    """Borrowers of all kinds, and what must hold of them at every moment."""

    def __init__(self, seed: int) -> None:
        self.server = FakeServer(most=MOST + 2)
        self.pool = Pool(
            self.server.connect,
            PoolLimits(most=MOST, least=1, queue=20, leak_told=5.0, leak_reclaimed=20.0),
            clock=virtual_time.now,
        )
        self.tasks: list[asyncio.Task[None]] = []
        self.held: dict[Any, object] = {}
        self.outcomes: list[str] = []
        self.asked = 0
        self._draw = random.Random(seed)

    async def borrow(self, *, is_clean: bool = True, forgets: bool = False) -> None:
        priority = self._draw.choice(list(Priority))
        try:
            lease = await self.pool.acquire(priority, wait_seconds=self._draw.choice((0.01, 0.5, 2.0)))
        except (Refused, asyncio.CancelledError) as ended:
            self.outcomes.append(type(ended).__name__)
            return
        assert lease.connection not in self.held, "lent twice"
        self.held[lease.connection] = lease
        assert len(self.held) <= MOST + 1
        try:
            await asyncio.sleep(self._draw.choice((0.0, 0.001, 0.05, 1.0)))
        except asyncio.CancelledError:
            is_clean = False
        finally:
            # Before it is given back: from then on it may be another's.
            del self.held[lease.connection]
            if not forgets:
                self.pool.release(lease, is_clean=is_clean)
            self.outcomes.append("served")

    def act(self, what: str) -> None:
        if what in {"borrow", "dirty", "forget"}:
            self.asked += 1
            work = self.borrow(is_clean=what != "dirty", forgets=what == "forget")
            task = asyncio.create_task(work)
            self.tasks.append(task)
        elif what == "cancel" and (running := [task for task in self.tasks if not task.done()]):
            self._draw.choice(running).cancel()
        elif what == "restart":
            self.server.restart()
        elif what == "down":
            self.server.error = ConnectionRefusedError()
        elif what == "up":
            self.server.error = None
        elif what == "mute" and self.server.open:
            self._draw.choice(sorted(self.server.open, key=lambda one: one.number)).is_mute = True

    def check(self) -> None:
        figures = self.pool.figures()
        assert figures.lent >= len(self.held)
        assert figures.open <= MOST + 1
        assert figures.lent + figures.idle <= figures.open


async def live(acts: list[tuple[str, float]], seed: int) -> None:
    crowd = Crowd(seed)
    await crowd.pool.open()
    for what, pause in acts:
        crowd.act(what)
        crowd.check()
        await asyncio.sleep(pause)
        crowd.check()
    crowd.server.error = None
    # Longer than any wait, than the longest back-off, and than it takes to find that a loan was forgotten.
    await asyncio.sleep(60)
    cancelled_unseen = sum(task.cancelled() for task in crowd.tasks)
    assert all(task.done() for task in crowd.tasks)
    for task in crowd.tasks:
        assert task.cancelled() or task.exception() is None
    assert len(crowd.outcomes) + cancelled_unseen == crowd.asked
    await _everything_can_be_lent_again(crowd)
    await crowd.pool.close()
    assert crowd.server.open == set()


async def _everything_can_be_lent_again(crowd: Crowd) -> None:
    figures = crowd.pool.figures()
    assert (figures.lent, figures.waiting, figures.opening) == (0, 0, 0)
    leases = [await crowd.pool.acquire(wait_seconds=5) for _ in range(figures.limit)]
    leases.append(await crowd.pool.acquire(Priority.CRITICAL, wait_seconds=5))
    for lease in leases:
        crowd.pool.release(lease, is_clean=True)


class TestAnythingMayHappen:
    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from((0.0, 0.0, 0.001, 0.01, 0.3))), max_size=80),
        st.integers(0, 2**32),
    )
    def test_and_everybody_is_answered_and_every_connection_comes_back(
        self, acts: list[tuple[str, float]], seed: int
    ) -> None:
        virtual_time.run(live(acts, seed))
