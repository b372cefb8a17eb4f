"""Writes that met another one half-way, and gave way to it: done again, they come through."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from healthprotocol.foundation.errors import Contended

log = structlog.get_logger("request")

T = TypeVar("T")

ATTEMPTS = 3
PAUSE_SECONDS = 0.05


async def persistently(write: Callable[[], Awaitable[T]]) -> T:
    """
    Return what a write returns; begin it again when it gave way, three times in all. Raises what the last one raises.

    The database finds two that wait for each other after a second, and undoes one of them whole.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return await write()
        except Contended:
            log.info("write.gave_way", attempt=attempt)
        # Not all at once: those that met would meet again.
        await asyncio.sleep(random.uniform(0, PAUSE_SECONDS) * attempt)  # noqa: S311 - spreads, keeps no secret
    return await write()
