"""A few at a time, and whoever waits too long is told so."""

import asyncio

import pytest

from healthprotocol.foundation.errors import Unavailable
from healthprotocol.foundation.resilience.bulkhead import Bulkhead
from tests.support import virtual_time


class TestBulkhead:
    def test_lets_so_many_in_at_a_time(self) -> None:
        bulkhead, inside, most = Bulkhead("search", places=2, wait_seconds=5), 0, 0

        async def work() -> None:
            nonlocal inside, most
            async with bulkhead:
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(1)
                inside -= 1

        async def act() -> None:
            await asyncio.gather(*(work() for _ in range(6)))

        virtual_time.run(act())

        assert (inside, most) == (0, 2)

    def test_refuses_whoever_waited_too_long_and_lets_the_next_one_in(self) -> None:
        bulkhead = Bulkhead("search", places=1, wait_seconds=2)

        async def act() -> float:
            async with bulkhead:
                began = virtual_time.now()
                with pytest.raises(Unavailable):
                    await bulkhead.__aenter__()
                waited = virtual_time.now() - began
            async with bulkhead:
                return waited

        assert virtual_time.run(act()) == pytest.approx(2)
