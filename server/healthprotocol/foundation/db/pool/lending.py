"""A connection of the pool, a loan of it, and who borrowed: told only when somebody asks, because every loan pays."""

import asyncio
import sys
from types import CodeType
from typing import Any, Protocol

import msgspec

from healthprotocol.foundation.db.pool.queue import Priority

_PLACES = 3
_DEPTH = 16
_MOST_KNOWN = 10_000
# Frames between a borrower and the pool; a place in them would tell nothing.
_OURS = ("/healthprotocol/foundation/db/", "/contextlib.py")

Mark = tuple[tuple[CodeType, int], ...]


class Connection(Protocol):
    """What the pool needs of a connection; asyncpg's has it."""

    def is_closed(self) -> bool:
        """Return whether it is of no use any more."""
        ...

    def terminate(self) -> None:
        """Drop it without a word to the server."""
        ...

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as asyncpg's
        """Say goodbye and close."""
        ...

    async def execute(self, query: str, /) -> Any:
        """Run a statement."""
        ...


class Slot:
    """One open connection: until when it is used, since when it is idle, on the pool's clock."""

    __slots__ = ("asked_at", "connection", "idle_since", "retires_at")

    def __init__(self, connection: Any, *, retires_at: float, idle_since: float) -> None:
        self.connection = connection
        self.retires_at = retires_at
        self.idle_since = idle_since
        self.asked_at = idle_since


class Lease:
    """A loan of a connection. `connection` is the borrower's until it gives the lease back, or it is reclaimed."""

    __slots__ = (
        "asked_at",
        "connection",
        "is_over",
        "mark",
        "patience",
        "priority",
        "request_id",
        "since",
        "slot",
        "task",
    )

    def __init__(self, slot: Slot, priority: Priority, since: float) -> None:
        self.slot = slot
        self.connection = slot.connection
        self.priority = priority
        self.since = since
        self.is_over = False
        self.asked_at: float | None = None
        self.mark: Mark = ()
        self.task: asyncio.Task[Any] | None = None
        self.request_id = ""
        # How long a single statement of it may take.
        self.patience = 0.0


class Holding(msgspec.Struct, frozen=True):
    """Who holds a connection. `places` are file:line of who borrowed it, nearest first; `now_at` where it stands."""

    task: str
    request_id: str
    priority: str
    held_seconds: float
    quiet_seconds: float
    places: tuple[str, ...]
    now_at: str | None


def mark() -> Mark:
    """Remember who calls, as code and instruction: a thousandth of the cost of a traceback, and it holds no values."""
    frame = sys._getframe(2)  # noqa: SLF001 - inspect.currentframe is the same
    found: list[tuple[CodeType, int]] = []
    for _ in range(_DEPTH):
        code = frame.f_code
        if not (_known[code] if code in _known else _is_ours(code)):
            found.append((code, frame.f_lasti))
            if len(found) == _PLACES:
                break
        outer = frame.f_back
        if outer is None:
            break
        frame = outer
    return tuple(found)


def holding(lease: Lease, now: float, *, quiet_seconds: float) -> Holding:
    """Return who holds a lease, in words. No value of the borrower's is in them."""
    task = lease.task
    return Holding(
        task=task.get_name() if task else "none",
        request_id=lease.request_id,
        priority=lease.priority.name.lower(),
        held_seconds=round(now - lease.since, 3),
        quiet_seconds=round(quiet_seconds, 3),
        places=tuple(f"{_short(code.co_filename)}:{_line(code, at)}" for code, at in lease.mark),
        now_at=_now_at(task),
    )


def _now_at(task: "asyncio.Task[Any] | None") -> str | None:
    if task is None or task.done():
        return None
    stack = task.get_stack(limit=1)
    return f"{_short(stack[0].f_code.co_filename)}:{stack[0].f_lineno}" if stack else None


def _line(code: CodeType, at: int) -> int:
    for start, end, line in code.co_lines():
        if start <= at < end and line is not None:
            return line
    return code.co_firstlineno


def _short(path: str) -> str:
    return "/".join(path.rsplit("/", 3)[1:])


_known: dict[CodeType, bool] = {}


def _is_ours(code: CodeType) -> bool:
    if len(_known) > _MOST_KNOWN:
        _known.clear()
    ours = _known[code] = any(part in code.co_filename for part in _OURS)
    return ours
