"""
One load at a time for each place in this process: who comes while it runs waits for it, within limits.

Who holds a connection never waits for a load that may still be queued for one: it could be this very connection. So
there are two loads of a place at most: one by somebody who holds a connection, and one by somebody who does not.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from healthprotocol.foundation.cache.entry import Entry, Place

WAIT_SECONDS = 2.0
MOST_WAITERS = 64


class Flight:
    """A load under way. It lands with an entry, or with nothing when its leader failed or was cancelled."""

    def __init__(self) -> None:
        self.waiters = 0
        self._landed: asyncio.Future[Entry | None] = asyncio.get_running_loop().create_future()

    def land(self, entry: Entry | None) -> None:
        """Let the waiters go on; the first word counts."""
        if not self._landed.done():
            self._landed.set_result(entry)

    async def wait(self, *, seconds: float) -> Entry | None:
        """Return what it landed with, None when that is nothing or does not come in time."""
        self.waiters += 1
        try:
            # Not awaited by itself: a waiter that is cancelled must not cancel what the others wait for.
            await asyncio.wait([self._landed], timeout=seconds)
        finally:
            self.waiters -= 1
        return self._landed.result() if self._landed.done() else None


class Flights:
    """The loads under way in this process."""

    def __init__(self) -> None:
        self._held: dict[Place, Flight] = {}
        self._apart: dict[Place, Flight] = {}

    def get(self, place: Place, *, holds: bool) -> Flight | None:
        """Return the load of a place to wait for, if any; `holds`: the caller holds a connection."""
        held = self._held.get(place)
        return held if held is not None or holds else self._apart.get(place)

    @contextmanager
    def lead(self, place: Place, *, holds: bool) -> Iterator[Flight]:
        """Be the one who loads this place, on a connection that is held or not. However it ends, nobody waits on."""
        flights = self._held if holds else self._apart
        flight = flights[place] = Flight()
        try:
            yield flight
        finally:
            if flights.get(place) is flight:
                del flights[place]
            flight.land(None)
