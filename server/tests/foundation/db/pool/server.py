"""A server in virtual time: its connections answer after a while and die when told, and it may have too many."""

import asyncio
from typing import Any

import asyncpg


class FakeConnection:
    def __init__(self, server: "FakeServer") -> None:
        self._server = server
        self.number = server.opened
        self._is_closed = False
        self.is_mute = False
        self.said: list[str] = []

    def is_closed(self) -> bool:
        return self._is_closed

    def terminate(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._server.open.discard(self)

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as asyncpg's
        await asyncio.sleep(0.001)
        self.terminate()

    async def execute(self, query: str, /) -> Any:
        if self._is_closed:
            raise asyncpg.InterfaceError("connection is closed")
        await asyncio.sleep(3600 if self.is_mute else self._server.answer_seconds)
        if self._is_closed:
            raise asyncpg.ConnectionDoesNotExistError
        self.said.append(query)
        return query.upper()


class FakeServer:
    """Grants at most `most` connections; while `error` is set, opening raises it."""

    def __init__(self, most: int = 1_000) -> None:
        self.most = most
        self.open: set[FakeConnection] = set()
        self.error: BaseException | None = None
        self.open_seconds = 0.01
        self.answer_seconds = 0.001
        self.opened = 0
        self.highest = 0

    async def connect(self) -> FakeConnection:
        await asyncio.sleep(self.open_seconds)
        if self.error is not None:
            raise self.error
        if len(self.open) >= self.most:
            raise asyncpg.TooManyConnectionsError
        connection = FakeConnection(self)
        self.open.add(connection)
        self.opened += 1
        self.highest = max(self.highest, len(self.open))
        return connection

    def restart(self) -> None:
        for connection in list(self.open):
            connection.terminate()
