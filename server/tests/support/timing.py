"""
What takes time, on a machine that may stand still for seconds: facts are waited for, durations are the best of several.

What is promised to take less than a second takes that in one of some attempts even where others take the processor;
what is wrong takes longer in every one.
"""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE_SECONDS = 60


async def until(is_so: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until it is so. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - nobody says when
            await asyncio.sleep(0.01)


async def best_of(attempts: int, attempt: Callable[[int], Awaitable[float]], *, enough: float) -> float:
    """Return the best result of some attempts, numbered from 0; none follows one that is less than `enough`."""
    best = float("inf")
    for number in range(attempts):
        best = min(best, await attempt(number))
        if best < enough:
            break
    return best
