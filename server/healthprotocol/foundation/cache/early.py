"""
When a value is made anew before it must be.

Source: Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention, PVLDB 8(8), 2015: each
reader decides by chance, with a probability that grows exponentially towards the end and with what the value costs to
make, so that of many readers about one is early. Here `fresh_seconds` is the end.
"""

import math
import random

BETA = 1.0


def is_due(*, age_seconds: float, cost_seconds: float, fresh_seconds: float, chance: float | None = None) -> bool:
    """Tell whether this reader makes the value anew. `chance` is from 0 (exclusive) to 1, by default random."""
    drawn = chance if chance is not None else 1.0 - random.random()  # noqa: S311 - no secret depends on it
    return age_seconds - cost_seconds * BETA * math.log(drawn) >= fresh_seconds
