"""
The pool: lends connections, in order, as many at once as the control rule says, and gets every one of them back.

Nothing here awaits between looking and acting, so there is no lock.
"""

import asyncio
import contextlib
from asyncio import current_task
from collections.abc import Callable
from time import monotonic

import structlog

from healthprotocol.foundation.db.pool.control import TICK_SECONDS, Bounds, Control, decide
from healthprotocol.foundation.db.pool.leaks import LeakWatch
from healthprotocol.foundation.db.pool.lending import Lease, Slot, mark
from healthprotocol.foundation.db.pool.limits import PoolLimits, Refused
from healthprotocol.foundation.db.pool.opening import Connect, Opener, Share
from healthprotocol.foundation.db.pool.queue import Priority, Waiter, WaitQueue
from healthprotocol.foundation.db.pool.sensing import Sensing
from healthprotocol.foundation.db.pool.statistics import Figures, Waits, fresh_counts
from healthprotocol.foundation.db.pool.stock import Stock

_QUIET_SECONDS = 1.0
_CLOSING_SECONDS = 10.0
_FIRST_SIZE = 10
_SURE_LOOKS = 5

log = structlog.get_logger("pool")


class Pool:
    """
    Connections of one process to one server. `acquire` and `release` are for whoever wraps them in a transaction.

    `connect` opens one, and `share`, when given, asks one how many there may be. `clock` is in seconds and never goes
    back. `observe` is told the figures about once a second. `apart` (None: as `connect`) opens connections that the
    pool does not count, for who listens.
    """

    def __init__(
        self,
        connect: Connect,
        limits: PoolLimits | None = None,
        *,
        share: Share | None = None,
        clock: Callable[[], float] = monotonic,
        observe: Callable[[Figures], None] | None = None,
        apart: Connect | None = None,
    ) -> None:
        self.connect_apart = apart or connect
        # What each transaction sets for itself right after `begin`, begun with `; `.
        self.begin_with = ""
        self.limits = limits or PoolLimits()
        self.clock = clock
        self.counts = fresh_counts()
        self._observe = observe
        opener = Opener(connect, most=self.limits.most, timeout=self.limits.open_timeout, clock=clock, share=share)
        self._stock = Stock(
            opener,
            self.limits,
            clock=clock,
            counts=self.counts,
            ready=self._dispatch,
            hopeless=lambda: self._refuse_all("unreachable"),
        )
        self._control = Control(size=min(max(self.limits.least, _FIRST_SIZE), self.limits.most))
        self._queue = WaitQueue()
        self._lent: dict[Lease, None] = {}
        self._lent_behind = 0
        self._followed: Lease | None = None
        self._is_closing = False
        self._is_empty = asyncio.Event()
        self._waits = Waits()
        self._sensing = Sensing()
        self._watch = LeakWatch(self.limits)
        # How many loans end in a second while somebody waits, and in how many looks that was seen.
        self._pace, self._paced = 0.0, 0
        self._tick: asyncio.TimerHandle | None = None
        self._looked_at = self._swept_at = clock()
        self._last_turn = 0

    async def acquire(
        self, priority: Priority = Priority.INTERACTIVE, *, wait_seconds: float = 2.0, request_id: str = ""
    ) -> Lease:
        """
        Lend a connection, after at most `wait_seconds`. Each lease must be given to `release`.

        Raises Refused, and at once when the wait would be in vain: too many wait already, the first of them for too
        long, the server is not there, or this pool is closing.
        """
        now = self.clock()
        if self._queue or self._is_closing or not self._may(priority) or (slot := self._stock.take()) is None:
            lease = await self._wait(priority, now, wait_seconds)
        else:
            self._waits.now[0] += 1
            lease = self._lend(slot, priority, now)
        lease.request_id = request_id
        lease.task = current_task()
        lease.mark = mark()
        return lease

    def release(self, lease: Lease, *, is_clean: bool) -> None:
        """
        Take a connection back; a lease that was reclaimed before is no concern any more.

        `is_clean` says that no transaction and no statement is open on it; else it is mended before it is lent again.
        """
        if lease.is_over:
            return
        self._end(lease)
        self._stock.give_back(lease.slot, is_clean=is_clean)
        if self._queue:
            self._dispatch()

    def reclaim(self, lease: Lease) -> None:
        """End a loan whose borrower does not: the connection is dropped, and its place is free."""
        if lease.is_over:
            return
        self._end(lease)
        self._stock.drop(lease.slot)
        if self._queue:
            self._dispatch()

    def asks(self, lease: Lease) -> None:
        """
        Note that the first message of a transaction goes out now.

        One at a time is followed, and its time begins when this turn of the loop is over: of many that begin at once
        each waits for the others' turns in this process, which says nothing of the server.
        """
        if self._followed is None:
            self._followed = lease
            asyncio.get_running_loop().call_soon(self._begin_pulse, lease)

    def hears(self, lease: Lease) -> None:
        """Note that its answer has come: the pulse of the server."""
        if self._followed is lease:
            self._followed = None
            if lease.asked_at is not None:
                self._sensing.feel(self.clock() - lease.asked_at)
                lease.asked_at = None

    def _begin_pulse(self, lease: Lease) -> None:
        if self._followed is lease:
            lease.asked_at = self.clock()

    def figures(self) -> Figures:
        """Return how the pool is, with who has held a connection for long without using it."""
        now = self.clock()
        return Figures(
            limit=self._control.size,
            bound=self._stock.opener.bound,
            open=len(self._stock),
            idle=self._stock.idle,
            lent=len(self._lent),
            opening=self._stock.opening,
            waiting=len(self._queue),
            wait_p50=self._waits.quantile(0.5),
            wait_p99=self._waits.quantile(0.99),
            pulse=self._control.pulse,
            is_crowded=self._control.is_crowded,
            counts=dict(self.counts),
            holdings=self._watch.told(now),
        )

    @property
    def lent(self) -> int:
        """How many connections somebody uses."""
        return len(self._lent)

    def get_size(self) -> int:
        """Return how many connections are open."""
        return len(self._stock)

    async def open(self) -> None:
        """Open the first connection. Raises what opening it raises: a server must not start half."""
        await self._stock.open_first()
        self.start()

    def start(self) -> None:
        """Begin without a connection, for a server that may be away: the first who borrows opens one."""
        self._plan_tick(_QUIET_SECONDS)

    def terminate(self) -> None:
        """Drop everything at once, whoever holds it: for an end that cannot wait."""
        self._stop_lending()
        for lease in list(self._lent):
            self.reclaim(lease)
        self._stock.terminate()

    async def close(self) -> None:
        """Refuse all who wait, let those finish who hold a connection, for ten seconds, and close everything."""
        self._stop_lending()
        if self._lent:
            self._is_empty.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSING_SECONDS):
                    await self._is_empty.wait()
        for lease in list(self._lent):
            self.reclaim(lease)
        await self._stock.close()

    # Lending

    def _stop_lending(self) -> None:
        self._is_closing = True
        if self._tick is not None:
            self._tick.cancel()
        self._refuse_all("closed")

    def _may(self, priority: Priority) -> bool:
        # One connection beyond the limit is for critical work alone, and a quarter of it never for the background.
        limit, lent = self._control.size, len(self._lent)
        if priority is Priority.INTERACTIVE:
            return lent < limit
        if priority is Priority.CRITICAL:
            return lent <= limit
        return lent < limit and self._lent_behind < max(1, limit - -(-limit // 4))

    def _lend(self, slot: Slot, priority: Priority, now: float) -> Lease:
        lease = Lease(slot, priority, now)
        self._lent[lease] = None
        if priority is Priority.BACKGROUND:
            self._lent_behind += 1
        lent = len(self._lent)
        if lent > self._sensing.most_used:  # noqa: PLR1730 - every request pays for this line
            self._sensing.most_used = lent
        return lease

    def _end(self, lease: Lease) -> None:
        lease.is_over = True
        if self._followed is lease:
            self._followed = None
        del self._lent[lease]
        if lease.priority is Priority.BACKGROUND:
            self._lent_behind -= 1
        self.counts["granted"] += 1
        self._sensing.ended += 1
        if self._is_closing and not self._lent:
            self._is_empty.set()

    # Waiting

    async def _wait(self, priority: Priority, now: float, wait_seconds: float) -> Lease:
        self._refuse_in_vain(priority, now, wait_seconds)
        loop = asyncio.get_running_loop()
        waiter = Waiter(priority, now, loop.create_future())
        self._queue.add(waiter)
        self._dispatch()
        timer = loop.call_later(wait_seconds, self._expire, waiter)
        self._plan_tick(TICK_SECONDS)
        try:
            return await waiter.future
        except BaseException:
            self._leave(waiter)
            raise
        finally:
            timer.cancel()

    def _leave(self, waiter: Waiter) -> None:
        """Whoever is cancelled in the moment in which it was served gives back what it never saw."""
        future = waiter.future
        if not self._queue.remove(waiter) and not future.cancelled() and future.exception() is None:
            self.release(future.result(), is_clean=True)

    def _expire(self, waiter: Waiter) -> None:
        if self._queue.remove(waiter) and not waiter.future.done():
            waiter.future.set_exception(self._refusal("late"))

    def _refuse_in_vain(self, priority: Priority, now: float, wait_seconds: float) -> None:
        if self._is_closing:
            raise self._refusal("closed")
        if self._stock.is_hopeless:
            raise self._refusal("unreachable")
        if priority is Priority.CRITICAL or not self._queue:
            return
        if len(self._queue) >= self.limits.queue:
            raise self._refusal("full")
        oldest = self._queue.oldest_since(Priority.INTERACTIVE)
        if priority is Priority.INTERACTIVE and oldest is not None and now - oldest > self.limits.shed_after:
            raise self._refusal("shed")
        # Twice, because the pace may double before its turn comes; a wait that even then is too long is in vain. Where
        # no loan has ended yet the pace is not nought but unknown.
        is_known = self._paced >= _SURE_LOOKS and self._pace > 0
        if is_known and self._queue.ahead_of(priority) + 1 > 2 * wait_seconds * self._pace:
            raise self._refusal("hopeless")

    def _refusal(self, reason: str) -> Refused:
        self.counts[f"refused_{reason}"] += 1
        clears_in = len(self._queue) / self._pace if self._pace else 1.0
        return Refused(reason, min(max(clears_in, 1.0), 30.0))

    def _refuse_all(self, reason: str) -> None:
        for waiter in self._queue.all():
            self._queue.remove(waiter)
            if not waiter.future.done():
                waiter.future.set_exception(self._refusal(reason))

    def _dispatch(self) -> None:
        """Serve all who can be served now, and open connections for those who could be if there were more."""
        now = self.clock()
        while (waiter := self._queue.first(now, self._may)) is not None:
            if waiter.future.done():
                # Cancelled, and not run since: it takes nothing.
                self._queue.remove(waiter)
                continue
            slot = self._stock.take()
            if slot is None:
                self._stock.open_more(len(self._queue), most=min(self._control.size, self._stock.opener.bound) + 1)
                return
            self._queue.remove(waiter)
            waited = now - waiter.since
            self._waits.add(waited)
            self._sensing.waited += waited
            self._sensing.served += 1
            waiter.future.set_result(self._lend(slot, waiter.priority, now))
        self._sensing.short = max(self._sensing.short, len(self._queue))

    # Looking after it all

    def _plan_tick(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if self._tick is not None:
            if self._tick.when() <= loop.time() + seconds:
                return
            self._tick.cancel()
        self._tick = loop.call_later(seconds, self._look)

    def _look(self) -> None:
        late = 0.0 if self._tick is None else asyncio.get_running_loop().time() - self._tick.when()
        self._tick = None
        if self._is_closing:
            return
        now = self.clock()
        # Planned before anything that could fail: a pool that nobody looks after would stay as it is for good.
        self._plan_tick(TICK_SECONDS if self._queue or self._sensing.most_used else _QUIET_SECONDS)
        self._control_size(now, late=max(late, 0.0))
        if now - self._swept_at >= _QUIET_SECONDS * 0.9:
            self._swept_at = now
            for lease in self._watch.sweep(self._lent, now, self.counts):
                self.reclaim(lease)
            self._stock.sweep(now, least=self.limits.least)
            self._waits.turn(now)
            if self._observe is not None:
                self._observe(self.figures())

    def _control_size(self, now: float, *, late: float) -> None:
        self._note_pace(now)
        asked_at = self._followed.asked_at if self._followed is not None else None
        # A first message that the server has not answered yet tells as much as one that it has.
        if asked_at is not None and now - asked_at > self.limits.rule.crowded:
            self._sensing.feel(now - asked_at)
        if self._queue.first(now, self._may) is None:
            self._sensing.short = max(self._sensing.short, len(self._queue))
        seen = self._sensing.look(now, oldest_since=self._queue.oldest_since(), lent=len(self._lent), late=late)
        bound = self._stock.opener.bound
        self._control = decide(self._control, seen, Bounds(min(self.limits.least, bound), bound), self.limits.rule)
        turn = self._control.changed
        if turn:
            self.counts["grew" if turn > 0 else "shrank"] += 1
            self.counts["turned"] += turn == -self._last_turn
            self._last_turn = turn
            self._dispatch()

    def _note_pace(self, now: float) -> None:
        seconds, self._looked_at = now - self._looked_at, now
        if not self._queue or seconds <= 0:
            self._pace, self._paced = 0.0, 0
            return
        pace = self._sensing.ended / seconds
        self._pace += (pace - self._pace) / min(self._paced + 1, _SURE_LOOKS)
        self._paced += 1
