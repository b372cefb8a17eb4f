"""
The operators' door: a small HTTP server for a few pages, on a port of its own that only operators reach.

It stands beside the application's server, so that it answers while that one is busy, and so that what it shows can
never be reached through the public port. One request a connection, GET only, everything bounded.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import structlog

LONGEST_REQUEST = 8 * 1024
REQUEST_SECONDS = 5.0
PAGE_SECONDS = 10.0
MOST_AT_ONCE = 16

log = structlog.get_logger("door")

_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


class Page(msgspec.Struct, frozen=True):
    """What a path answers."""

    status: int
    media_type: str
    body: bytes


Pages = Mapping[str, Callable[[], Awaitable[Page]]]


async def serve_door(host: str, port: int, pages: Pages, stop: asyncio.Event) -> None:
    """Answer `pages` until `stop` is set. Raises OSError when the port is taken."""
    door = _Door(pages)
    server = await asyncio.start_server(door.answer, host, port, limit=LONGEST_REQUEST)
    log.info("door.open", host=host, port=server.sockets[0].getsockname()[1])
    async with server:
        await stop.wait()


class _Door:
    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._places = asyncio.Semaphore(MOST_AT_ONCE)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection and close it; a client that is slow or leaves is no concern of ours."""
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(REQUEST_SECONDS + PAGE_SECONDS), self._places:
                async with asyncio.timeout(REQUEST_SECONDS):
                    head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(await self._page(head)))
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _page(self, head: bytes) -> Page:
        match head.split(b"\r\n", 1)[0].split(b" "):
            case [b"GET", target, _]:
                page = self._pages.get(target.split(b"?")[0].decode("latin-1"))
            case [_, _, _]:
                return _plain(405)
            case _:
                return _plain(400)
        if page is None:
            return _plain(404)
        try:
            async with asyncio.timeout(PAGE_SECONDS):
                return await page()
        except Exception:  # a page that fails must not close the door
            log.exception("door.failed")
            return _plain(503)


def _plain(status: int) -> Page:
    return Page(status, "text/plain; charset=utf-8", f"{_REASONS[status]}\n".encode())


def _response(page: Page) -> bytes:
    head = (
        f"HTTP/1.1 {page.status} {_REASONS.get(page.status, 'Status')}\r\n"
        f"content-type: {page.media_type}\r\n"
        f"content-length: {len(page.body)}\r\n"
        "cache-control: no-store\r\n"
        "x-content-type-options: nosniff\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode("latin-1") + page.body
