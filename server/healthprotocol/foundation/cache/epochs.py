"""
What this process knows of the epochs of tags, and for how long it may believe it.

The truth stands in PostgreSQL. What was read there is believed for BOUND_SECONDS from before the question was sent; a
word of a change (`heard`) ends that at once, a lost connection (`lost`) for everything. So a message that never comes
costs at most BOUND_SECONDS of staleness, and a message that comes costs one question. Tags that were of use in the last
minute are asked for again before their time, all together, so that hardly anybody waits for an answer.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice
from operator import itemgetter

import msgspec

from healthprotocol.foundation.cache.entry import Epochs, Name
from healthprotocol.foundation.cache.unit import Unit
from healthprotocol.foundation.telemetry import metrics

BOUND_SECONDS = 2.0
CAPACITY = 50_000
AT_ONCE = 1_000
_USED_SECONDS = 60.0
_MOST_USED = 5_000
_TURNS = 3

# Two facts in one round trip: the epochs, and whether this transaction has written, so that what it reads may be its
# own and not yet anybody else's.
_READ = """
select pg_current_xact_id_if_assigned() is not null as has_written,
  array(select hp_cache_epochs($1::uuid[], $2::text[])) as epochs
"""

Ask = Callable[[Sequence[Name]], Awaitable[Sequence[int]]]


class Seen(msgspec.Struct, frozen=True):
    """
    Epochs as a transaction sees them. `asked_at` is the monotonic instant before the question was sent.

    `has_written`: what it reads is not what all may see, of what it wrote itself or from a replica that lags.
    """

    epochs: Epochs
    has_written: bool
    asked_at: float


async def see(unit: Unit, names: Sequence[Name]) -> Seen:
    """Return the epochs of tags as this transaction sees them now."""
    asked_at = time.monotonic()
    row = await unit.fetchrow(_READ, [organisation_id for organisation_id, _ in names], [tag for _, tag in names])
    return Seen(dict(zip(names, row["epochs"], strict=True)), row["has_written"] or unit.may_lag, asked_at)


class EpochBook:
    """The epochs that this process believes, each for `bound_seconds` of `monotonic`."""

    def __init__(
        self, *, bound_seconds: float = BOUND_SECONDS, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.bound_seconds = bound_seconds
        self._monotonic = monotonic
        self._known: OrderedDict[Name, tuple[int, float]] = OrderedDict()
        self._used: OrderedDict[Name, float] = OrderedDict()
        self._wanted: dict[Name, None] = {}
        # What changed of late: answers to questions sent before may be from before the change.
        self._changed_at: OrderedDict[Name, float] = OrderedDict()
        self._lost_at = float("-inf")
        self._check: asyncio.Future[None] | None = None

    def agrees(self, epochs: Epochs) -> bool | None:
        """Tell whether these epochs are the present ones; None when that is not known well enough."""
        now = self._monotonic()
        oldest = now - self.bound_seconds
        unknown = False
        for name, epoch in epochs.items():
            known = self._known.get(name)
            self._used[name] = now
            self._used.move_to_end(name)
            if known is None or known[1] < oldest:
                unknown = True
            elif known[0] != epoch:
                return False
        while len(self._used) > CAPACITY:
            self._used.popitem(last=False)
        return None if unknown else True

    def in_use(self) -> list[Name]:
        """Return the tags that were of use in the last minute, at most 5,000, those used last."""
        oldest = self._monotonic() - _USED_SECONDS
        self._used = OrderedDict(
            sorted((one for one in self._used.items() if one[1] >= oldest), key=itemgetter(1))[-_MOST_USED:]
        )
        return list(self._used)

    async def check(self, names: Iterable[Name], ask: Ask, *, holds: bool = False) -> None:
        """
        Have the epochs of these tags known: one question for all who ask while another one is under way.

        `holds`: the caller asks on a connection that it holds. Then it waits for nobody, who may be waiting for it.

        Raises what `ask` raises to the one whose question it was; the others ask for themselves.
        """
        wanted = list(names)
        if holds:
            await self._ask(wanted, ask)
            return
        for _ in range(_TURNS):
            if self._check is None:
                break
            self._wanted.update(dict.fromkeys(wanted))
            await asyncio.wait([self._check], timeout=self.bound_seconds)
            if self._are_known(wanted):
                return
        if self._check is not None:
            await self._ask(wanted, ask)
            return
        self._check = done = asyncio.get_running_loop().create_future()
        try:
            await self._ask(self._all_wanted(wanted), ask)
        finally:
            self._check = None
            done.set_result(None)

    def learn(self, epochs: Epochs, *, asked_at: float) -> None:
        """Believe what was read from a question sent at `asked_at`, except what is known to have changed since."""
        if asked_at <= max(self._lost_at, self._monotonic() - self.bound_seconds):
            return
        for name, epoch in epochs.items():
            known = self._known.get(name)
            if self._changed_at.get(name, 0.0) >= asked_at or (known is not None and known[1] > asked_at):
                continue
            self._known[name] = (epoch, asked_at)
            self._known.move_to_end(name)
        while len(self._known) > CAPACITY:
            self._known.popitem(last=False)

    def heard(self, names: Iterable[Name]) -> None:
        """Believe nothing of these tags any more: they have just changed."""
        now = self._monotonic()
        for name in names:
            self._known.pop(name, None)
            self._changed_at[name] = now
            self._changed_at.move_to_end(name)
        # Answers to questions older than the bound are not believed anyway, so their changes need not be remembered.
        while self._changed_at and next(iter(self._changed_at.values())) < now - self.bound_seconds:
            self._changed_at.popitem(last=False)
        if len(self._changed_at) > CAPACITY:
            self.lost()

    def lost(self) -> None:
        """Believe nothing any more: something may have changed without a word."""
        self._known.clear()
        self._changed_at.clear()
        self._lost_at = self._monotonic()

    def _are_known(self, names: Iterable[Name]) -> bool:
        oldest = self._monotonic() - self.bound_seconds
        return all((known := self._known.get(name)) is not None and known[1] >= oldest for name in names)

    def _all_wanted(self, wanted: Sequence[Name]) -> list[Name]:
        together = list(dict.fromkeys((*wanted, *islice(self._wanted, AT_ONCE))))
        self._wanted.clear()
        return together

    async def _ask(self, wanted: Sequence[Name], ask: Ask) -> None:
        asked_at = self._monotonic()
        found = await ask(wanted)
        metrics.cache_epochs_checked(len(wanted))
        self.learn(dict(zip(wanted, found, strict=True)), asked_at=asked_at)
