"""How often the process looks for values that only hold each other."""

import gc


def collect_rarely(*, young: int) -> None:
    """
    Leave what lives now out of every further look for cycles, and look at new values once there are `young` of them.

    A look at everything that a started program holds stops it for some 80 ms, in the middle of a request or a job.
    Python's own figure for `young` is 700. What lies in cycles is kept somewhat longer for it.
    """
    gc.freeze()
    gc.set_threshold(young, 10, 10)
