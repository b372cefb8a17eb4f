"""Dear work has few places, so that it leaves room for all else; and nobody waits for one for long."""

import asyncio
from types import TracebackType

from healthprotocol.foundation.errors import Unavailable


class Bulkhead:
    """
    So many at a time in this process, as `async with`: whoever comes then waits for at most `wait_seconds`.

    `name` is for the log. Raises Unavailable on entering, for whoever waits may hold what others need.
    """

    def __init__(self, name: str, *, places: int, wait_seconds: float) -> None:
        self._name = name
        self._places = asyncio.Semaphore(places)
        self._wait_seconds = wait_seconds

    async def __aenter__(self) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise Unavailable(retry_after_seconds=2, private=f"bulkhead: {self._name}") from None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._places.release()
