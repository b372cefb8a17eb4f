"""Reactions across slices: events delivered in the same transaction, to the subscribers that `assembly.py` lists."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from healthprotocol.foundation.db.transaction import Transaction

Subscriber = Callable[["Transaction", Any], Awaitable[None]]


class Subscriptions:
    """Which functions hear of which event. Filled once at assembly; an event without a subscriber is no error."""

    def __init__(self, pairs: Iterable[tuple[type, Subscriber]] = ()) -> None:
        self._by_type: dict[type, list[Subscriber]] = {}
        for event_type, subscriber in pairs:
            self._by_type.setdefault(event_type, []).append(subscriber)

    async def deliver(self, tx: "Transaction", event: object) -> None:
        """Call every subscriber of the event's class, in the order listed; what one raises ends the transaction."""
        for subscriber in self._by_type.get(type(event), ()):
            await subscriber(tx, event)
