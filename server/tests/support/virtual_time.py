"""An event loop whose clock jumps to the next timer when nothing is left to do: hours pass in a moment."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_LOOK_EVERY = 64


class _NeverWaits(selectors.SelectSelector):
    def __init__(self, loop: "VirtualLoop") -> None:
        super().__init__()
        self._loop = loop
        self._passed = 0

    def select(self, timeout: float | None = None) -> Any:
        if timeout:
            self._loop.now += timeout
        elif timeout is None:
            raise RuntimeError("everybody waits, and no timer will wake anybody")
        # Asking the kernel costs more than all else here, and only a thread or a signal could make it say anything.
        self._passed += 1
        return super().select(0) if self._passed % _LOOK_EVERY == 0 else []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its `time()` is what was slept so far, in seconds from zero."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_NeverWaits(self))

    def time(self) -> float:
        return self.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a virtual time of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def now() -> float:
    """Return the running loop's time: the clock to give to what is tried."""
    return asyncio.get_running_loop().time()
