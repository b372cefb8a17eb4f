"""
Which sides of running rollouts a request was on, and how it ended: what the guard of a rollout decides by.

A request ends when its answer starts, for everything is decided by then and committed; how long a client takes to read
it says nothing of our change. A status of 500 and above is an error, and so is a crash; a client that leaves is not.
"""

import time

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from healthprotocol.foundation.flags.exposure import Exposures

EXPOSURES = "exposures"
_FAILED = 500


class ExposuresMiddleware:
    """Gives each request its `Exposures`, and counts it out of them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exposures = Exposures()
        scope.setdefault("state", {})[EXPOSURES] = exposures
        started = time.perf_counter()

        async def watching(message: Message) -> None:
            if message["type"] == "http.response.start" and exposures.arms is not None:
                is_error = message["status"] >= _FAILED
                exposures.ended(is_error=is_error, seconds=time.perf_counter() - started)
            await send(message)

        try:
            await self._app(scope, receive, watching)
        except Exception:
            exposures.ended(is_error=True, seconds=time.perf_counter() - started)
            raise
        finally:
            exposures.ended(is_error=False, seconds=time.perf_counter() - started)
