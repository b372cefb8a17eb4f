"""
What a request may carry: so many bytes, UTF-8, not nested too deep. Checked before anything is parsed.

The body is read here, whole, and given on: its size is bounded, so memory is, also for a chunked body that does not
say how long it is. A client that sends more is answered and cut off.
"""

import asyncio
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from itertools import accumulate
from typing import Any, cast

from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPRequestEvent, Receive, Scope, Send

from healthprotocol.api.middleware.request_id import request_id_of
from healthprotocol.api.problem import problem_response
from healthprotocol.foundation.errors import BadRequest, PayloadTooLarge, Problem, Violation

MEBIBYTE = 1024 * 1024
USUAL_LIMIT = MEBIBYTE
DEEPEST = 64
LONGEST_QUERY = 8 * 1024
# What is read of a body that is refused already.
REST_BYTES, REST_SECONDS = 8 * MEBIBYTE, 5.0
_FIRST_ERROR = 400

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_PARAMETER = re.compile(r"\{[^}]*\}")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


class BodyLimitMiddleware:
    """
    Refuses what is too large (413) or unreadable (400). `larger` maps beginnings of paths to their own limits.

    What is sent to one of the `streamed` routes, each a method and a path whose `{names}` stand for one segment, is
    passed on as it comes: the route bounds it itself.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limit: int = USUAL_LIMIT,
        larger: Mapping[str, int] | None = None,
        streamed: Collection[tuple[str, str]] = (),
    ) -> None:
        self._app = app
        self._limit = limit
        self._streamed = [(method, re.compile(_PARAMETER.sub("[^/]+", path))) for method, path in streamed]
        # The longest beginning decides, whatever the order they were given in.
        self._larger = sorted((larger or {}).items(), key=lambda item: len(item[0]), reverse=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        try:
            _check_query(scope["query_string"])
            if self._is_streamed(scope["method"], scope["path"]):
                rest = _Rest(receive, send, headers)
                await self._app(scope, rest.receive, rest.send)
                return
            if (
                scope["method"] in _BODILESS
                and b"content-length" not in headers
                and b"transfer-encoding" not in headers
            ):
                await self._app(scope, receive, send)
                return
            body = await _read(receive, headers, self._limit_of(scope["path"]))
            if body is None:
                # It ended before it was whole: cut off, or chunked in no known way. Whoever is still there hears so.
                raise _unreadable("body_incomplete", "The body ended before it was whole.")
            if _is_json(headers):
                check_json(body)
        except Problem as problem:
            await _refuse(problem, scope, send)
            return
        await self._app(scope, _again(body, receive), send)

    def _is_streamed(self, method: str, path: str) -> bool:
        return any(method == its_method and its_path.fullmatch(path) for its_method, its_path in self._streamed)

    def _limit_of(self, path: str) -> int:
        for beginning, limit in self._larger:
            if path.startswith(beginning):
                return limit
        return self._limit


class _Rest:
    """
    Reads what is left of a streamed body before it is refused, so that the client hears why.

    A connection that is closed while bytes of it lie unread is reset, and a client that sends before it listens never
    sees the answer. At most REST_BYTES, for at most REST_SECONDS; who asked first (`Expect`) has not sent it yet.
    """

    def __init__(self, receive: Receive, send: Send, headers: Mapping[bytes, bytes]) -> None:
        self._receive = receive
        self._send = send
        announced = headers.get(b"content-length", b"")
        self._left = REST_BYTES
        is_too_much = announced.isdigit() and int(announced[:20]) > REST_BYTES
        self._is_over = is_too_much or b"expect" in headers

    async def receive(self) -> Any:
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._is_over = True
        return message

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] >= _FIRST_ERROR and not self._is_over:
            with suppress(TimeoutError):
                async with asyncio.timeout(REST_SECONDS):
                    await self._read_on()
        await self._send(message)

    async def _read_on(self) -> None:
        while not self._is_over and self._left > 0:
            self._left -= len((await self.receive()).get("body", b""))


async def _read(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes | None:
    """Return the whole body, or None when it ended too early. Raises PayloadTooLarge as soon as it is known."""
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced[:20]) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def check_json(body: bytes) -> None:
    """
    Refuse what no parser and no database should see: broken UTF-8, a NUL, more than 64 levels.

    Raises BadRequest. Whether it is JSON at all is the parser's to say.
    """
    try:
        body.decode()
    except UnicodeDecodeError:
        raise _unreadable("utf8_invalid", "The body must be UTF-8.") from None
    if _NUL.search(body):
        raise _unreadable("nul_character", "A text must not contain the character NUL.")
    if depth(body) > DEEPEST:
        raise _unreadable("too_deep", f"The body must not nest deeper than {DEEPEST} levels.")


def depth(body: bytes) -> int:
    """Return how deep lists and objects of a JSON text nest; brackets inside of strings do not count."""
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return 0
    brackets = _STRING.sub(b"", body).translate(None, _NOT_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def _check_query(query: bytes) -> None:
    if len(query) > LONGEST_QUERY:
        raise _unreadable("query_too_long", f"A query has at most {LONGEST_QUERY:,} characters.")
    if b"%00" in query or b"\0" in query:
        raise _unreadable("nul_character", "A parameter must not contain the character NUL.")


def _is_json(headers: Mapping[bytes, bytes]) -> bool:
    media_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    return media_type.endswith((b"/json", b"+json"))


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"This address takes at most {limit:,} bytes.", public={"limit_bytes": limit})


def _unreadable(code: str, detail: str) -> BadRequest:
    return BadRequest(violations=[Violation("", code, detail)])


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body once more, then whatever comes after it: the client's leaving."""
    is_given = False

    async def receive_again() -> HTTPReceiveMessage:
        nonlocal is_given
        if is_given:
            return cast("HTTPReceiveMessage", await receive())
        is_given = True
        return HTTPRequestEvent(type="http.request", body=body, more_body=False)

    return receive_again


async def _refuse(problem: Problem, scope: Scope, send: Send) -> None:
    status, headers, body = problem_response(problem, request_id_of(scope))
    # The rest of the body may still be under way: this connection is of no more use.
    headers = {**headers, "content-length": str(len(body)), "connection": "close"}
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body, "more_body": False})
