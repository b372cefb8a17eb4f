"""Opening a connection, in virtual time: whatever goes wrong on the way, nothing stays open in nobody's hands."""

import asyncio
from typing import Any

import pytest

from healthprotocol.foundation.db.pool.opening import Opener
from tests.foundation.db.pool.server import FakeServer
from tests.support import virtual_time


class TestOpen:
    def test_of_a_server_that_falls_silent_when_asked_for_the_share_ends_and_leaves_nothing_open(self) -> None:
        server = FakeServer()

        async def silent(_connection: Any) -> int | None:
            await asyncio.sleep(3600)
            return None

        async def act() -> float:
            opener = Opener(server.connect, most=4, timeout=5, clock=virtual_time.now, share=silent)
            began = virtual_time.now()
            with pytest.raises(TimeoutError):
                await opener.open()
            assert opener.may_open_at > virtual_time.now()
            return virtual_time.now() - began

        assert virtual_time.run(act()) == pytest.approx(5)
        assert server.open == set()
