"""Listen to what happens in an organisation, and tell it from the events of the slices."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from uuid import UUID

import msgspec

from healthprotocol.api import stream
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.announcements import announce
from healthprotocol.foundation.db.feed import Announcement
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import Unavailable
from healthprotocol.operations.events.errors import TooManyOwnStreams, TooManyStreams
from healthprotocol.operations.events.model import Event
from healthprotocol.operations.events.rules import is_told
from healthprotocol.trust.access import service as access
from healthprotocol.trust.access.model import Sight

MOST_STREAMS = 1_000
MOST_STREAMS_OF_ACCOUNT = 20
SIGN_OF_LIFE_SECONDS = 15.0

IsStillIn = Callable[[Actor], Awaitable[bool]]
Subscriber = Callable[[Transaction, object], Awaitable[None]]


class Listener(msgspec.Struct, frozen=True):
    """Who listens, how to ask whether she still may, and the last event she saw."""

    actor: Actor
    is_still_in: IsStillIn
    after: UUID | None = None


_streams: Counter[UUID] = Counter()


def announcing(kind: str, of: str | None = None) -> Subscriber:
    """
    Return a subscriber that announces an event as `kind`.

    `of` names the field with the id of what it is about, None when it is about many; a `patient_id` goes with it.
    """

    async def subscriber(tx: Transaction, event: object) -> None:
        await announce(
            tx, kind, None if of is None else getattr(event, of), subject_id=getattr(event, "patient_id", None)
        )

    return subscriber


async def listen(database: Database, listener: Listener) -> AsyncGenerator[bytes, None]:
    """
    Return the frames of a stream that lasts until it is closed, or the listener may not listen any more.

    Raises TooManyStreams, TooManyOwnStreams, Unavailable: then there is no stream.
    """
    account_id = listener.actor.account_id
    if _streams.total() >= MOST_STREAMS:
        raise TooManyStreams(retry_after_seconds=30)
    if _streams[account_id] >= MOST_STREAMS_OF_ACCOUNT:
        raise TooManyOwnStreams(retry_after_seconds=30)
    frames = _frames(database, listener)
    # Up to its first frame, which says nothing: what stands against listening is answered with a problem.
    await anext(frames)
    return frames


async def _frames(database: Database, listener: Listener) -> AsyncGenerator[bytes, None]:
    account_id = listener.actor.account_id
    _streams[account_id] += 1
    try:
        async with database.feed.read(listener.actor.organisation_id, after=listener.after) as reader:
            sight = await _sight(database, listener)
            yield b""
            due_at = _clock() + SIGN_OF_LIFE_SECONDS
            while sight is not None:
                try:
                    announcement = await reader.next(timeout_seconds=max(due_at - _clock(), 0))
                except TimeoutError:
                    sight, due_at = await _sight(database, listener), _clock() + SIGN_OF_LIFE_SECONDS
                    yield stream.SIGN_OF_LIFE
                    continue
                if announcement is None:
                    # Something was said that nobody can repeat: read again what is shown.
                    yield stream.frame("reset", Event("reset"))
                elif is_told(announcement, listener.actor, sight):
                    yield _frame(announcement)
    except EOFError:
        # This process ends; the client comes again, to another one.
        return
    finally:
        _streams[account_id] -= 1
        # A Counter keeps zeros, and accounts come and go.
        if not _streams[account_id]:
            del _streams[account_id]


async def _sight(database: Database, listener: Listener) -> Sight | None:
    """Return whom the listener may see now, None when she may not listen any more, or nobody can tell."""
    try:
        if not await listener.is_still_in(listener.actor):
            return None
        async with database.transaction(listener.actor.organisation_id, actor=listener.actor) as tx:
            return await access.sight(tx, listener.actor)
    except Unavailable:
        return None


def _clock() -> float:
    return asyncio.get_running_loop().time()


def _frame(announcement: Announcement) -> bytes:
    event = Event(announcement.kind, announcement.object_id, announcement.subject_id)
    return stream.frame(event.type, event, event_id=announcement.id)
