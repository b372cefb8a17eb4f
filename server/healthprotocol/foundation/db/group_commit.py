"""
Rows that many acts want to have durable before each goes on: those that wait at the same time share one commit.

    trail = GroupCommit(write)          # write(owner, items) has them durable when it returns
    await trail.add(tenant, items)      # done when these are durable, raises what `write` raised

Nobody waits for company: who comes first is written at once, and who comes while that lasts is written next, together.
So a row waits for one write that began before it, and for its own. Owners are tenants: rows of two are never in one
transaction.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar
from uuid import UUID

from healthprotocol.foundation.errors import Unavailable

T = TypeVar("T")
Write = Callable[[UUID, Sequence[T]], Awaitable[None]]
Waiting = tuple[Sequence[T], "asyncio.Future[None]"]

_RETRY_AFTER_SECONDS = 1


class GroupCommit(Generic[T]):
    """Collects items of owners and has them written in groups; at most `most` acts of an owner wait at once."""

    def __init__(self, write: Write[T], *, most: int = 1_000) -> None:
        self._write = write
        self._most = most
        self._waiting: dict[UUID, list[Waiting[T]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, owner: UUID, items: Sequence[T]) -> "asyncio.Future[None]":
        """
        Have the items written; the future is done once they are durable, or has what writing them raised.

        Nobody need await it. Raises Unavailable when too many wait.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.add_done_callback(_hear)
        waiting = self._waiting.get(owner)
        if waiting is None:
            self._waiting[owner] = [(items, done)]
            # In a context of its own: what is written belongs to many requests, not to the first of them.
            task = asyncio.create_task(self._drain(owner), context=Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif len(waiting) >= self._most:
            raise Unavailable(retry_after_seconds=_RETRY_AFTER_SECONDS, private="too many wait to be written")
        else:
            waiting.append((items, done))
        return done

    async def close(self) -> None:
        """Return when everything that waits is written, or has failed."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _drain(self, owner: UUID) -> None:
        group: list[Waiting[T]] = []
        try:
            while group := self._waiting[owner]:
                self._waiting[owner] = []
                await self._write_group(owner, group)
        finally:
            # Empty, unless this task is cancelled: then nobody will ever write them.
            for _, done in (*group, *self._waiting.pop(owner)):
                _fail(done, Unavailable(retry_after_seconds=_RETRY_AFTER_SECONDS, private="the writer was stopped"))

    async def _write_group(self, owner: UUID, group: Sequence[Waiting[T]]) -> None:
        try:
            await self._write(owner, [item for items, _ in group for item in items])
        except Unavailable as error:
            for _, done in group:
                _fail(done, error)
        except Exception as error:  # noqa: BLE001 - whoever waits for it gets it, whatever it is
            if len(group) == 1:
                _fail(group[0][1], error)
                return
            # One of them cannot be written, and the others must not suffer for it: by halves it is found in few writes.
            half = len(group) // 2
            await self._write_group(owner, group[:half])
            await self._write_group(owner, group[half:])
        else:
            for _, done in group:
                if not done.done():
                    done.set_result(None)


def _fail(done: "asyncio.Future[None]", error: Exception) -> None:
    # Who was cancelled meanwhile asks no more.
    if not done.done():
        done.set_exception(error)


def _hear(done: "asyncio.Future[None]") -> None:
    # Who asked may be gone, or have failed at something else: the loop need not complain that nobody listened.
    if not done.cancelled():
        done.exception()
