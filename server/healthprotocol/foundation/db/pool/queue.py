"""
Who waits for a connection, in which order they are served, and who is told at once that it would be in vain.

Three classes, each in order of arrival. `CRITICAL` is what keeps the house standing (is it well, who comes in): it is
always first. Below it age counts: a second of waiting lifts a waiter by a class, so what runs in the background is
late under load, but never starves.
"""

import asyncio
from collections.abc import Callable
from enum import IntEnum
from typing import Any

AGE_SECONDS = 1.0


class Priority(IntEnum):
    """Who goes first when connections are short."""

    CRITICAL = 0
    INTERACTIVE = 1
    BACKGROUND = 2


class Waiter:
    """One who waits, since when on the pool's clock, and what it waits on."""

    __slots__ = ("future", "priority", "since")

    def __init__(self, priority: Priority, since: float, future: "asyncio.Future[Any]") -> None:
        self.priority = priority
        self.since = since
        self.future = future


class WaitQueue:
    """Waiters of every class. Adding, taking and removing cost the same however many there are."""

    def __init__(self, age_seconds: float = AGE_SECONDS) -> None:
        self._classes: tuple[dict[Waiter, None], ...] = tuple({} for _ in Priority)
        self._age_seconds = age_seconds
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, waiter: Waiter) -> None:
        """Put a waiter at the end of its class."""
        self._classes[waiter.priority][waiter] = None
        self._length += 1

    def remove(self, waiter: Waiter) -> bool:
        """Take out one who leaves; False when it had been taken already."""
        if waiter not in self._classes[waiter.priority]:
            return False
        del self._classes[waiter.priority][waiter]
        self._length -= 1
        return True

    def first(self, now: float, may: Callable[[Priority], bool]) -> Waiter | None:
        """Return who is to be served next among the classes that `may` be served, and leave it in its place."""
        best: Waiter | None = None
        best_rank = (0.0, 0.0)
        for priority in Priority:
            waiter = next(iter(self._classes[priority]), None)
            if waiter is None or not may(priority):
                continue
            rank = (self._rank(waiter, now), waiter.since)
            if best is None or rank < best_rank:
                best, best_rank = waiter, rank
        return best

    def ahead_of(self, priority: Priority) -> int:
        """Return how many wait whom a newcomer of this class would stand behind."""
        return sum(len(self._classes[other]) for other in Priority if other <= priority)

    def oldest_since(self, priority: Priority | None = None) -> float | None:
        """Return since when the first waiter of a class, or of all, has waited; None when nobody does."""
        classes = self._classes if priority is None else (self._classes[priority],)
        return min((next(iter(each)).since for each in classes if each), default=None)

    def all(self) -> list[Waiter]:
        """Return everybody, for an end that concerns all."""
        return [waiter for each in self._classes for waiter in each]

    def _rank(self, waiter: Waiter, now: float) -> float:
        if waiter.priority is Priority.CRITICAL:
            return -1.0
        return max(0.0, waiter.priority - (now - waiter.since) // self._age_seconds)
