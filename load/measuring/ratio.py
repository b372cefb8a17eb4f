"""Before against after in one run: taking turns, so that what else happens on the machine happens to both."""

import math
from collections.abc import Awaitable, Callable
from statistics import fmean, median, stdev
from time import perf_counter

import msgspec

Act = Callable[[], Awaitable[object]]
# Student's t at 97.5 % for few pairs, and what it comes to for many.
_T = {5: 2.78, 6: 2.57, 8: 2.36, 10: 2.26, 15: 2.14, 20: 2.09, 30: 2.05}
_T_MANY = 2.0


class Ratio(msgspec.Struct, frozen=True):
    """How many times faster `after` is than `before`, with the ends of the 95 % confidence interval."""

    name: str
    times: float
    low: float
    high: float
    before_ms: float
    after_ms: float
    pairs: int

    def __str__(self) -> str:
        return (
            f"{self.name:58} {self.times:8.2f} times [{self.low:.2f} … {self.high:.2f}]   "
            f"{self.before_ms:9.2f} → {self.after_ms:.2f} ms, {self.pairs} pairs"
        )


async def compared(name: str, before: Act, after: Act, *, pairs: int, warm: int = 6) -> Ratio:
    """Time both in pairs, the order of which alternates; the ratio is the geometric mean of those of the pairs."""
    for _ in range(warm):
        await before()
        await after()
    times: list[tuple[float, float]] = []
    for number in range(pairs):
        if number % 2:
            late = await _timed(after)
            times.append((await _timed(before), late))
        else:
            early = await _timed(before)
            times.append((early, await _timed(after)))
    return of_pairs(name, times)


def of_pairs(name: str, times: list[tuple[float, float]]) -> Ratio:
    """Return the ratio of pairs of times in milliseconds, before and after."""
    pairs = len(times)
    logs = [math.log(one / other) for one, other in times]
    mean = fmean(logs)
    width = _t(pairs) * stdev(logs) / math.sqrt(pairs)
    return Ratio(
        name,
        math.exp(mean),
        math.exp(mean - width),
        math.exp(mean + width),
        median(one for one, _ in times),
        median(other for _, other in times),
        pairs,
    )


async def _timed(act: Act) -> float:
    began = perf_counter()
    await act()
    return (perf_counter() - began) * 1000


def _t(pairs: int) -> float:
    return next((t for least, t in sorted(_T.items(), reverse=True) if pairs >= least), _T_MANY if pairs > 5 else 4.3)  # noqa: PLR2004
