"""What the cache needs of a transaction, and of what opens one: `Transaction` and `Database` of foundation/db."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from healthprotocol.foundation.context import RequestContext


class Unit(Protocol):
    """One transaction of one organisation."""

    pending: dict[str, list[Any]]
    # Whether it reads from a server that may be behind: what it sees is not for others, and not to be kept.
    may_lag: bool

    @property
    def tenant(self) -> UUID:
        """The organisation."""
        ...

    @property
    def now(self) -> datetime:
        """The transaction's instant."""
        ...

    @property
    def context(self) -> RequestContext:
        """The request, which may ask to be answered past the cache."""
        ...

    async def fetchrow(self, sql: str, *args: object) -> Any:
        """Return the first row."""
        ...

    async def execute(self, sql: str, *args: object) -> str:
        """Run a statement."""
        ...

    def before_commit(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Await `callback` before the commit."""
        ...

    def after_commit(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Await `callback` after it."""
        ...


class Units(Protocol):
    """What opens transactions."""

    def transaction(self, organisation_id: Any) -> AbstractAsyncContextManager[Any]:
        """Open a transaction of one organisation; None is of nobody, and sees no tenant's rows."""
        ...


class Ear(Protocol):
    """What hears other processes' notifications: the listener of foundation/db."""

    async def subscribe(self, channel: str, *, heard: Callable[[str], None], lost: Callable[[], None]) -> None:
        """Have `heard` called with each payload, `lost` when some may have been missed."""
        ...
