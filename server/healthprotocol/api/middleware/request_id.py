"""
Every request has an id, so that an answer, a log line, an audit row and a job can be put together afterwards.

One that a proxy in front gave is kept when it looks like an id; anything else is replaced, because it goes into logs.
"""

import re

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from healthprotocol.foundation.clock import Clock, system_clock
from healthprotocol.foundation.ids import new_id

HEADER = b"x-request-id"
_ACCEPTED = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.:-]{7,63}")


class RequestIdMiddleware:
    """Puts `request_id` into the scope's state and onto the answer."""

    def __init__(self, app: ASGIApp, *, clock: Clock = system_clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given(scope) or str(new_id(self._clock()))
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [item for item in message["headers"] if item[0].lower() != HEADER]
                message["headers"] = [*headers, (HEADER, request_id.encode())]
            await send(message)

        await self._app(scope, receive, send_with_id)


def request_id_of(scope: Scope) -> str:
    """Return the id of a request; `none` where no middleware gave one."""
    return str(scope.get("state", {}).get("request_id", "none"))


def _given(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == HEADER and _ACCEPTED.fullmatch(value):
            return value.decode("ascii")
    return None
