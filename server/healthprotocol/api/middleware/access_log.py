"""
One line and one measurement a request: which route, how it ended, how long it took.

The route is the template (/api/v1/operations/{operation_id}), because addresses hold ids and queries hold what people
looked for. Neither bodies nor headers nor the client's address are written; the audit log knows who.
"""

import time

import structlog
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from healthprotocol.api.middleware.request_id import request_id_of
from healthprotocol.foundation.errors import Problem
from healthprotocol.foundation.telemetry import metrics
from healthprotocol.foundation.telemetry.errors import describe

UNMATCHED = "(no route)"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Asked for every few seconds by whoever watches this process; a line each would drown the others.
_QUIET = frozenset({"/livez", "/readyz", "/startupz"})

log = structlog.get_logger("access")


class AccessLogMiddleware:
    """Writes `request.ended` after the last byte, or when the request died on the way."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        started = time.perf_counter()
        metrics.request_started()
        try:
            await self._app(scope, receive, answer.send)
        except Problem as problem:
            # It came up in the middle of a stream, too late for an answer: the connection breaks off instead.
            log.warning(
                "request.broken_off", request_id=request_id_of(scope), route=_route(scope), error=describe(problem)
            )
            raise
        except Exception:
            metrics.unhandled_error("request")
            log.exception("request.crashed", request_id=request_id_of(scope), route=_route(scope))
            raise
        finally:
            seconds = time.perf_counter() - started
            route, method = _route(scope), _method(scope)
            metrics.request_ended(method, route, answer.status, seconds)
            if route not in _QUIET:
                log.info(
                    "request.ended",
                    request_id=request_id_of(scope),
                    method=method,
                    route=route,
                    status=answer.status,
                    duration_ms=round(seconds * 1000, 2),
                    bytes=answer.bytes,
                )


class _Answer:
    """Counts what goes out. Status 499 stands for a client that left before there was an answer."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 499
        self.bytes = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
        await self._send(message)


def _route(scope: Scope) -> str:
    return scope.get("path_template") or UNMATCHED


def _method(scope: Scope) -> str:
    # A closed set: the method is a label, and a client may send any word.
    method = str(scope.get("method", ""))
    return method if method in _METHODS else "OTHER"
