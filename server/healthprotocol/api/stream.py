"""The grammar of server-sent events (WHATWG HTML §9.2): frames, the id to go on from, a sign of life."""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

import msgspec
from litestar.response import Response
from litestar.types import Receive, Scope, Send

MEDIA_TYPE = "text/event-stream"
RETRY_MILLISECONDS = 3_000
# Opens the stream at once, so that the client knows it stands, and says when to come again after an end.
OPENING = f"retry: {RETRY_MILLISECONDS}\n: open\n\n".encode()
SIGN_OF_LIFE = b": alive\n\n"

_KIND = re.compile(r"[a-z_]+(\.[a-z_]+)*")


def frame(kind: str, data: Any, *, event_id: UUID | None = None) -> bytes:
    """Return one event: `kind` is a plain word or words with dots, `data` becomes JSON on one line."""
    if not _KIND.fullmatch(kind):
        message = "the kind of an event is made of lower-case words with dots"
        raise ValueError(message)
    name = b"" if event_id is None else f"id: {event_id}\n".encode()
    return name + f"event: {kind}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"


def last_event_id(header: str | None) -> UUID | None:
    """Return the id that Last-Event-ID names, None without one or when it is none of ours."""
    try:
        return UUID(header) if header else None
    except ValueError:
        return None


class Stream(Response[bytes]):
    """The answer that sends frames as they come, until they end or the client leaves. Nothing may buffer it."""

    def __init__(self, frames: AsyncGenerator[bytes, None]) -> None:
        super().__init__(b"", media_type=MEDIA_TYPE)
        self._frames = frames

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """Return what Litestar calls to send it: any ASGI application will do."""
        return self._send

    async def _send(self, _scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(_send_all(self._frames, send))
        leaving = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await leaving
            with contextlib.suppress(asyncio.CancelledError):
                await sending
            await self._frames.aclose()


async def _send_all(frames: AsyncGenerator[bytes, None], send: Send) -> None:
    # A proxy that gathers small parts before it passes them on would hold events back: it is asked not to.
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": OPENING, "more_body": True})
    async for one in frames:
        await send({"type": "http.response.body", "body": one, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
