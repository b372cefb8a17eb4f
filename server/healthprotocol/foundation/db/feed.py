"""
What other processes did, heard as it is committed: many readers on the process's one listener.

PostgreSQL delivers a notification when its transaction commits, never when it rolls back, and in the same order to
every process. A reader that was away may go on from the last announcement it saw, for as long as this process
remembers; else it is told that it missed something.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from uuid import UUID

import msgspec
import structlog

from healthprotocol.foundation.db.listener import Listener
from healthprotocol.foundation.errors import Unavailable

CHANNEL = "hp_feed"
REMEMBERED = 2_000
WAITING = 256

log = structlog.get_logger("feed")


class Announcement(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    That something changed: ids and a word, never what it says. It travels in clear between processes.

    `kind` is noun and past verb, `operation.updated`. `object_id` None is about many. `subject_id` names the record it
    is about, for those who may see only some; `account_id` the one account that it is for.
    """

    id: UUID
    organisation_id: UUID
    kind: str
    object_id: UUID | None = None
    subject_id: UUID | None = None
    account_id: UUID | None = None


class Reader:
    """What one listener has not taken yet. `next` gives announcements; None says that some were lost."""

    def __init__(self, organisation_id: UUID) -> None:
        self.organisation_id = organisation_id
        self.is_closed = False
        self._waiting: deque[Announcement | None] = deque()
        self._arrived = asyncio.Event()

    def put(self, announcement: Announcement | None) -> None:
        """Keep an announcement; of a reader that does not keep up everything is dropped, and it is told so."""
        if len(self._waiting) >= WAITING:
            self._waiting.clear()
            announcement = None
        self._waiting.append(announcement)
        self._arrived.set()

    def close(self) -> None:
        """Let the reader end."""
        self.is_closed = True
        self._arrived.set()

    async def next(self, *, timeout_seconds: float) -> Announcement | None:
        """Return what came first, None when something was lost. Raises TimeoutError, EOFError when it is closed."""
        async with asyncio.timeout(timeout_seconds):
            while not self._waiting and not self.is_closed:
                self._arrived.clear()
                await self._arrived.wait()
        if self.is_closed:
            raise EOFError
        return self._waiting.popleft()


class Feed:
    """The announcements of all organisations, in this process. It listens from the first reader on."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._readers: set[Reader] = set()
        self._remembered: deque[Announcement] = deque(maxlen=REMEMBERED)
        self._is_ending = False

    @contextlib.asynccontextmanager
    async def read(self, organisation_id: UUID, *, after: UUID | None = None) -> AsyncIterator[Reader]:
        """
        Give a reader of one organisation's announcements, from now on, or from behind the one with the id `after`.

        Raises Unavailable when no connection to listen on is free in five seconds, and when this process ends.
        """
        if self._is_ending:
            raise Unavailable(retry_after_seconds=1, private="the process ends")
        await self._listener.subscribe(CHANNEL, heard=self._hear, lost=self._tell_lost)
        reader = Reader(organisation_id)
        if after is not None:
            self._repeat(reader, after)
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    def let_go(self) -> None:
        """Let all readers end, and those that come from now on: this process will end."""
        self._is_ending = True
        for reader in self._readers:
            reader.close()

    def _repeat(self, reader: Reader, after: UUID) -> None:
        missed: list[Announcement] = []
        for one in reversed(self._remembered):
            if one.id == after:
                break
            missed.append(one)
        else:
            reader.put(None)
            return
        for one in reversed(missed):
            if one.organisation_id == reader.organisation_id:
                reader.put(one)

    def _tell_lost(self) -> None:
        """Between two connections anything may have been said."""
        self._remembered.clear()
        for reader in self._readers:
            reader.put(None)

    def _hear(self, payload: str) -> None:
        try:
            said = _decoder.decode(payload)
        except msgspec.MsgspecError:
            # Somebody with the database's password used our channel; or a later version speaks otherwise.
            log.warning("feed.not_understood")
            return
        for one in said:
            self._remembered.append(one)
            for reader in self._readers:
                if reader.organisation_id == one.organisation_id:
                    reader.put(one)


_decoder = msgspec.json.Decoder(list[Announcement])
