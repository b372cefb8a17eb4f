"""An event loop whose clock jumps to the next timer when nothing is left to do: hours pass in a moment."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _NeverWaits(selectors.SelectSelector):
    def __init__(self, loop: "VirtualLoop") -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout:
            self._loop.now += timeout
        elif timeout is None:
            raise RuntimeError("everybody waits, and no timer will wake anybody")
        return super().select(0)


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
