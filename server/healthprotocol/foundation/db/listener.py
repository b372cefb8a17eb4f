"""
What PostgreSQL notifies, heard on one connection a process, whatever number of channels.

PostgreSQL delivers a notification when its transaction commits, never when it rolls back, and in the same order to
every process. Between two connections notifications are lost: each subscriber is then told so, and must take it that
anything may have been said.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import msgspec
import structlog

from healthprotocol.foundation.errors import Unavailable

SHORTEST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
_OPEN_SECONDS = 5.0

Heard = Callable[[str], None]
Lost = Callable[[], None]

_FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_CHANNEL = re.compile(r"[a-z][a-z_]{0,62}")

log = structlog.get_logger("listener")


class _Subscription(msgspec.Struct, frozen=True, eq=False):
    heard: Heard
    lost: Lost


class Listener:
    """The channels of this process. It holds a connection from the first subscription on, and finds a new one."""

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        self._connect = connect
        self._subscriptions: dict[str, _Subscription] = {}
        self._task: asyncio.Task[None] | None = None
        self._connection: asyncpg.Connection[Any] | None = None
        # The channels that this connection hears.
        self._heard_on: set[str] = set()
        self._listening = asyncio.Event()
        self._speaking = asyncio.Lock()

    async def subscribe(self, channel: str, *, heard: Heard, lost: Lost) -> None:
        """
        Have `heard` called with each payload of `channel`, and `lost` whenever some may have been missed.

        Both are called on the event loop and must be quick. `lost` is called once at the beginning, too: what was said
        before is unknown. A channel has one subscriber; the same again does nothing but wait until it listens. Raises
        Unavailable when none can be opened in five seconds; the subscription stands all the same.
        """
        if not _CHANNEL.fullmatch(channel):
            raise ValueError("a channel is lower-case letters and underscores")
        if channel not in self._subscriptions:
            self._subscriptions[channel] = _Subscription(heard, lost)
        # Asked each time: whoever subscribed first may have been cancelled in the middle of it.
        if (connection := self._connection) is not None and channel not in self._heard_on:
            try:
                await self._listen_to_all(connection)
            except _FAILURES:
                # The next connection will listen to it, too.
                self._listening.clear()
                connection.terminate()
        await self._until_listening()

    async def close(self) -> None:
        """Stop listening, and let the connection go."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _until_listening(self) -> None:
        if self._task is None or self._task.done():
            self._listening.clear()
            self._task = asyncio.create_task(self._keep_listening(), name="listener")
        try:
            async with asyncio.timeout(5):
                await self._listening.wait()
        except TimeoutError as error:
            raise Unavailable(retry_after_seconds=5, private="no connection to listen on") from error

    async def _keep_listening(self) -> None:
        pause = SHORTEST_PAUSE_SECONDS
        while True:
            try:
                await self._listen_until_lost()
                pause = SHORTEST_PAUSE_SECONDS
            except _FAILURES as error:
                log.warning("listener.not_listening", error=type(error).__name__)
            self._listening.clear()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _listen_until_lost(self) -> None:
        # One of its own, directly to PostgreSQL: it listens for as long as this process lives, so the pool, which
        # counts and retires what it lends, is no place for it, and a pooler would hear nothing.
        async with asyncio.timeout(_OPEN_SECONDS):
            connection = await self._connect()
        hung_up = asyncio.Event()
        self._heard_on = set()
        try:
            connection.add_termination_listener(_setting(hung_up))
            self._connection = connection
            await self._listen_to_all(connection)
            self._listening.set()
            await hung_up.wait()
        finally:
            self._connection = None
            await _end(connection)

    async def _listen_to_all(self, connection: "asyncpg.Connection[Any]") -> None:
        # Two subscribers that come at once must not both speak on the connection.
        async with self._speaking:
            for channel, subscription in list(self._subscriptions.items()):
                if channel not in self._heard_on:
                    await connection.add_listener(channel, _calling(subscription.heard))
                    # Only now: one that was cancelled on its way must not be taken for one that is heard.
                    self._heard_on.add(channel)
                    subscription.lost()


async def _end(connection: "asyncpg.Connection[Any]") -> None:
    try:
        await connection.close(timeout=1)
    except _FAILURES:
        connection.terminate()


def _calling(heard: Heard) -> Callable[[object, int, str, object], None]:
    def hear(_connection: object, _pid: int, _channel: str, payload: object) -> None:
        heard(str(payload))

    return hear


def _setting(event: asyncio.Event) -> Callable[..., Awaitable[None]]:
    async def hung_up(_connection: object) -> None:
        event.set()

    return hung_up
