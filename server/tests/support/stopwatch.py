"""How long something takes that computes, on a machine that does other things beside it."""

import time
from collections.abc import Callable


def processor_seconds(act: Callable[[], object], *, enough: float, attempts: int = 5) -> float:
    """
    Return the processor time of `act`: of several attempts the least, none more after one below `enough`.

    Time in which others had the processor does not count; what they do to its caches does, hence the attempts.
    """
    least = float("inf")
    for _ in range(attempts):
        began = time.thread_time()
        act()
        least = min(least, time.thread_time() - began)
        if least < enough:
            break
    return least
