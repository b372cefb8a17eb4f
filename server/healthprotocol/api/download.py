"""An answer that is sent part by part, at the pace of who reads it; nothing of it waits in memory."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from litestar.response import Response
from litestar.types import Receive, Scope, Send

from healthprotocol.foundation.errors import Problem, Unauthenticated

WATCHED_SECONDS = 3.0
"""How long who was signed out may go on reading a download."""

_RANGE = re.compile(r"bytes=(\d{1,18})-")


class RangeNotSatisfiable(Problem):
    """
    The range begins behind the end of the file.

    Remedy: ask for a range that begins inside of it, or for the whole.
    """

    status = 416
    title = "There is no such part of the file"


def range_start(header: str | None) -> int:
    """
    Return where a Range header begins, 0 without one or for any that is not `bytes=n-`: then the whole is sent.

    So a download that broke off goes on (RFC 9110 §14.2 lets a server answer other ranges with the whole).
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    return int(match.group(1)) if match else 0


class Download(Response[bytes]):
    """
    Sends the parts of a file as they are made: the next is made when the last was taken.

    When the client leaves, the making ends at once. When the making fails, the connection breaks off: a file that is
    not whole must not look like one.
    """

    def __init__(
        self,
        parts: AsyncGenerator[bytes, None],
        *,
        media_type: str,
        name: str,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> None:
        disposition = f'attachment; filename="{name}"'
        super().__init__(
            b"",
            media_type=media_type,
            status_code=status,
            headers={"content-disposition": disposition, **(headers or {})},
        )
        self._parts = parts

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """Return what Litestar calls to send it: any ASGI application will do."""
        return self._send

    async def _send(self, _scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send_all(send))
        leaving = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.wait({sending, leaving})
            await self._parts.aclose()

    async def _send_all(self, send: Send) -> None:
        named = {name.lower(): str(value) for name, value in (self.headers or {}).items()}
        named |= {"content-type": str(self.media_type), "x-accel-buffering": "no", "cache-control": "no-store"}
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]
        await send({"type": "http.response.start", "status": self.status_code or 200, "headers": headers})
        async for part in self._parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def begun(parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Make the first part now, so that what stands against it is still answered with a problem; return all of them."""
    first = await anext(parts, b"")

    async def again() -> AsyncGenerator[bytes, None]:
        try:
            yield first
            async for part in parts:
                yield part
        finally:
            await parts.aclose()

    return again()


async def watched(
    parts: AsyncGenerator[bytes, None],
    is_good: Callable[[], Awaitable[bool]],
    *,
    every_seconds: float = WATCHED_SECONDS,
) -> AsyncGenerator[bytes, None]:
    """
    Yield the parts as long as `is_good` says so; it is asked before a part, `every_seconds` after it last was.

    Raises Unauthenticated when it says no: the connection breaks off, for whoever reads may do so no longer.
    """
    clock = asyncio.get_running_loop().time
    due_at = clock() + every_seconds
    try:
        async for part in parts:
            if clock() >= due_at:
                if not await is_good():
                    raise Unauthenticated
                due_at = clock() + every_seconds
            yield part
    finally:
        await parts.aclose()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
