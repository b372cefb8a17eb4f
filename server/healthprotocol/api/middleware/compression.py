"""
Compress texts of more than 1 KiB, at the level that costs least: on a slow link a page of a list shrinks to a tenth.

Only whole answers are compressed. Streams pass as they are: server-sent events must arrive when they are sent, and
files that are packed already bring their own encoding.
"""

import zlib

from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

SMALLEST_BYTES = 1024
LEVEL = 1
_GZIP_WINDOW = 31

_COMPRESSIBLE = (b"text/", b"application/json", b"application/xml", b"application/yaml", b"image/svg+xml")
_NEVER = b"text/event-stream"


class CompressionMiddleware:
    """Answers with gzip to who accepts it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] == "HEAD":
            await self._app(scope, receive, send)
            return
        packing = _Packing(send, is_wanted=accepts_gzip(scope))
        await self._app(scope, receive, packing.send)


class _Packing:
    """Holds the start of an answer back until its first part tells whether it is whole."""

    def __init__(self, send: Send, *, is_wanted: bool) -> None:
        self._send = send
        self._is_wanted = is_wanted
        self._start: HTTPResponseStartEvent | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_compressible(message):
            self._start = message
            return
        if message["type"] == "http.response.body" and self._start is not None:
            start, self._start = self._start, None
            # Caches must keep the two apart even when this one went out plain.
            start["headers"] = [*start["headers"], (b"vary", b"accept-encoding")]
            body = message.get("body", b"")
            if self._is_wanted and not message.get("more_body", False) and len(body) > SMALLEST_BYTES:
                body = packed(body)
                start["headers"] = _with_encoding(start["headers"], len(body))
                message = {"type": "http.response.body", "body": body, "more_body": False}
            await self._send(start)
        await self._send(message)


def packed(body: bytes) -> bytes:
    """Return `body` as gzip, level 1, without a time in its header: equal bodies give equal bytes."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return packer.compress(body) + packer.flush()


def accepts_gzip(scope: Scope) -> bool:
    """Whether Accept-Encoding names gzip (or any) with a quality above zero."""
    qualities: dict[bytes, bool] = {}
    for name, value in scope["headers"]:
        if name == b"accept-encoding":
            for part in value.lower().split(b","):
                coding, _, parameters = part.partition(b";")
                qualities[coding.strip()] = parameters.replace(b" ", b"") not in _REFUSALS
    return qualities.get(b"gzip", qualities.get(b"*", False))


_REFUSALS = frozenset({b"q=0", b"q=0.0", b"q=0.00", b"q=0.000"})


def _is_compressible(start: HTTPResponseStartEvent) -> bool:
    headers = {name.lower(): value for name, value in start["headers"]}
    media_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    is_text = media_type.startswith(_COMPRESSIBLE) or media_type.endswith((b"+json", b"+xml"))
    return is_text and media_type != _NEVER and b"content-encoding" not in headers


def _with_encoding(headers: "list[tuple[bytes, bytes]]", size: int) -> list[tuple[bytes, bytes]]:
    kept = [item for item in headers if item[0].lower() != b"content-length"]
    return [*kept, (b"content-encoding", b"gzip"), (b"content-length", str(size).encode())]
