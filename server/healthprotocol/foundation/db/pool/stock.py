"""
The connections that are open: those that lie idle, and those on their way in, being asked, mended or closed.

Work on them is done by tasks of the stock, never by whoever waits for one: one who leaves takes nothing along.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from healthprotocol.foundation.db.pool.lending import Connection, Slot
from healthprotocol.foundation.db.pool.limits import PoolLimits
from healthprotocol.foundation.db.pool.opening import FAILURES, Opener, is_lasting, is_too_many

_ANSWER_SECONDS = 2.0
# One that lay idle for so long is asked, in the background, whether it still lives: firewalls forget silently.
_ASK_AFTER_SECONDS = 30.0

log = structlog.get_logger("pool")


class Stock:
    """
    Open connections. `ready` is called whenever one more may be lent; `hopeless` when none can be opened for good.

    The last used is lent first, so that those not needed lie idle long enough to be closed.
    """

    def __init__(
        self,
        opener: Opener,
        limits: PoolLimits,
        *,
        clock: Callable[[], float],
        counts: dict[str, int],
        ready: Callable[[], None],
        hopeless: Callable[[], None],
    ) -> None:
        self.opener = opener
        self.opening = 0
        self._limits = limits
        self._clock = clock
        self._counts = counts
        self._ready = ready
        self._hopeless = hopeless
        self._slots: set[Slot] = set()
        self._idle: list[Slot] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def idle(self) -> int:
        """How many nobody uses."""
        return len(self._idle)

    @property
    def is_hopeless(self) -> bool:
        """Whether there is no connection, none could be opened for long, and the next try is not yet to be made."""
        if self._slots or not self.opener.is_unreachable:
            return False
        return self.opening > 0 or self._clock() < self.opener.may_open_at

    def take(self) -> Slot | None:
        """Return the connection used last, None when none lies idle."""
        while self._idle:
            slot = self._idle.pop()
            if not slot.connection.is_closed():
                return slot
            self.lose(slot)
        return None

    def give_back(self, slot: Slot, *, is_clean: bool) -> None:
        """Keep a connection for the next; one that is not clean is mended first."""
        if slot.connection.is_closed():
            self.lose(slot)
        elif is_clean:
            self._settle(slot)
        else:
            self._start(self._prove(slot, "rollback"))

    def drop(self, slot: Slot) -> None:
        """Take a connection out, and end it without a word."""
        self._slots.discard(slot)
        slot.connection.terminate()

    def lose(self, slot: Slot) -> None:
        """A connection died: the server may have gone, so those that lie idle are asked before they are lent."""
        self._counts["lost"] += 1
        self.drop(slot)
        suspects, self._idle = self._idle, []
        for each in suspects:
            self._start(self._prove(each, "select 1"))

    def open_more(self, wanted: int, *, most: int) -> None:
        """Begin to open as many as are wanted, while there are no more than `most` and no pause is to be kept."""
        if self._is_closing or self._clock() < self.opener.may_open_at:
            return
        room = min(most - len(self._slots), self._limits.most_opening) - self.opening
        for _ in range(min(wanted - self.opening, room)):
            self.opening += 1
            self._start(self._open())

    async def open_first(self) -> None:
        """Open one connection. Raises what opening it raises."""
        self._add(await self.opener.open())

    def sweep(self, now: float, *, least: int) -> None:
        """Let go of what died, lived too long or lay idle too long, and ask what was silent for long."""
        kept: list[Slot] = []
        spare = len(self._slots) - least
        # The first in the list were used longest ago.
        for slot in self._idle:
            if slot.connection.is_closed():
                self._counts["lost"] += 1
                self.drop(slot)
            elif slot.retires_at <= now:
                self._close_later(slot, "retired")
            elif spare > 0 and now - slot.idle_since > self._limits.longest_idle:
                self._close_later(slot, "surplus")
            elif now - max(slot.idle_since, slot.asked_at) > _ASK_AFTER_SECONDS:
                slot.asked_at = now
                self._start(self._prove(slot, "select 1", idle_since=slot.idle_since))
            else:
                kept.append(slot)
                continue
            spare -= 1
        self._idle = kept

    def terminate(self) -> None:
        """Drop what is open without a word, and end what is on its way."""
        self._is_closing = True
        for task in self._tasks:
            task.cancel()
        for slot in list(self._slots):
            self.drop(slot)
        self._idle.clear()

    async def close(self) -> None:
        """Close what is open, and end what is on its way."""
        self._is_closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(_close(slot.connection) for slot in self._slots))
        self._slots.clear()
        self._idle.clear()

    def _add(self, connection: Connection) -> None:
        self._counts["opened"] += 1
        now = self._clock()
        life = self._limits.longest_life * random.uniform(0.8, 1.0)  # noqa: S311 - spreads, hides nothing
        slot = Slot(connection, retires_at=now + life, idle_since=now)
        self._slots.add(slot)
        if self._is_closing:
            self._close_later(slot, "retired")
        else:
            self._idle.append(slot)

    def _settle(self, slot: Slot) -> None:
        now = self._clock()
        if slot.retires_at <= now or self._is_closing or len(self._slots) > self.opener.bound + 1:
            self._close_later(slot, "retired")
            return
        slot.idle_since = now
        self._idle.append(slot)

    async def _open(self) -> None:
        try:
            self._add(await self.opener.open())
        except FAILURES as error:
            self._not_opened(error)
        finally:
            self.opening -= 1
        self._ready()

    def _not_opened(self, error: BaseException) -> None:
        self._counts["open_failed"] += 1
        log.warning("pool.not_opened", error=type(error).__name__)
        if is_too_many(error):
            # One of those that are open is for critical work alone.
            self.opener.lower(len(self._slots) - 1)
        if is_lasting(error) and not self._slots:
            self._hopeless()
        pause = max(self.opener.may_open_at - self._clock(), 0.0)
        asyncio.get_running_loop().call_later(pause + 0.001, self._try_again)

    def _try_again(self) -> None:
        if self._is_closing:
            return
        self._ready()
        if not self._slots and not self.opening:
            # Newcomers may be refused at once by now, so nobody's wait would find out that the server is back.
            self.open_more(1, most=1)

    async def _prove(self, slot: Slot, statement: str, idle_since: float | None = None) -> None:
        """Keep a connection that answers, drop one that does not."""
        is_well = False
        try:
            if not slot.connection.is_closed():
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await slot.connection.execute(statement)
                is_well = True
        except FAILURES as error:
            log.info("pool.dropped", error=type(error).__name__)
        finally:
            if is_well:
                self._settle(slot)
                slot.idle_since = idle_since or slot.idle_since
            else:
                self.drop(slot)
        self._ready()

    def _close_later(self, slot: Slot, why: str) -> None:
        self._counts[why] += 1
        self._slots.discard(slot)
        self._start(_close(slot.connection))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="pool")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _close(connection: Connection) -> None:
    try:
        await connection.close(timeout=_ANSWER_SECONDS)
    except FAILURES:
        connection.terminate()
