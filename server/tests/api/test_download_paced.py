"""A download through a real server goes at the pace of who reads it, and ends when she leaves."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from granian.constants import Interfaces
from granian.server.embed import Server

from healthprotocol import app as front
from healthprotocol.api.download import Download
from healthprotocol.foundation.config.settings import Settings
from tests.support.launched import free_port

PART = b"x" * 64 * 1024
# More than sockets and the server may hold between them, many times over.
MOST = 1_000
PATIENCE_SECONDS = 60


class Making:
    """A download, and how much of it was made."""

    def __init__(self) -> None:
        self.made = 0
        self.over = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            answer = Download(self._parts(), media_type="text/plain", name="all.txt")
            await answer.to_asgi_response()(scope, receive, send)

    async def _parts(self) -> AsyncGenerator[bytes, None]:
        try:
            for _ in range(MOST):
                # As one who asks the database for each part.
                await asyncio.sleep(0)
                self.made += 1
                yield PART
        finally:
            self.over.set()

    async def until_nothing_more_is_made(self) -> int:
        """Wait until some is made and then no more of it, and return how much."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            before = -1
            while not self.made or self.made != before:
                before = self.made
                await asyncio.sleep(0.5)
        return self.made


@pytest.fixture
def making() -> Making:
    return Making()


@asynccontextmanager
async def asked(making: Making) -> AsyncIterator[socket.socket]:
    """Serve it behind all middleware, and give the socket of somebody who has asked for it and not read a byte."""
    port, settings = free_port(), Settings(environment="test")
    target: Any = front._wrap(making, settings)
    server = Server(target, address="127.0.0.1", port=port, interface=Interfaces.ASGI, log_enabled=False)
    serving = asyncio.create_task(server.serve())
    try:
        reader = await _connected(port)
        with reader:
            await asyncio.get_running_loop().sock_sendall(
                reader, b"GET /api/v1/all HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
            )
            yield reader
    finally:
        server.stop()
        await serving


async def _connected(port: int) -> socket.socket:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            reader = socket.socket()
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
            reader.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(reader, ("127.0.0.1", port))
            except ConnectionRefusedError:
                reader.close()
                await asyncio.sleep(0.05)
            else:
                return reader


class TestPace:
    async def test_is_that_of_who_reads(self, making: Making) -> None:
        async with asked(making) as reader:
            made_unread = await making.until_nothing_more_is_made()
            received = 0
            async with asyncio.timeout(PATIENCE_SECONDS):
                while received < MOST * len(PART):
                    received += len(await asyncio.get_running_loop().sock_recv(reader, 1024 * 1024))

        assert made_unread < MOST / 2
        assert making.made == MOST

    async def test_ends_with_who_leaves(self, making: Making) -> None:
        async with asked(making) as reader:
            await making.until_nothing_more_is_made()
            reader.close()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await making.over.wait()

        assert making.made < MOST / 2
