"""
Sequential tests for a stream of good and bad outcomes: Page's CUSUM of log-likelihood ratios.

For each outcome the score grows by the logarithm of how much likelier it is under "bad" than under "usual", and never
falls below zero; at `threshold` the stream is taken to be bad. It may be looked at after every outcome, for ever: that
is what a fixed window may not. With a threshold of ln(10^4) a usual stream reaches it less than once in 10^4 times that
the score leaves zero.

Source: E. S. Page, Continuous inspection schemes, Biometrika 41 (1954); G. Lorden, Ann. Math. Stat. 42 (1971).
"""

import math

import msgspec

THRESHOLD = math.log(10_000)
# No share is taken to be more certain than this: a ratio of zero would decide at once, and for ever.
_LEAST, _MOST = 1e-6, 0.999


class Shares(msgspec.Struct, frozen=True):
    """The share of bad outcomes that is usual, and the one that must be found; 0 < usual < bad < 1."""

    usual: float
    bad: float

    def steps(self) -> tuple[float, float]:
        """Return what a bad and a good outcome add to the score."""
        return math.log(self.bad / self.usual), math.log((1 - self.bad) / (1 - self.usual))

    def at_least(self, usual: float) -> "Shares":
        """Return shares whose usual one is no lower than given, with the same ratio of odds between the two."""
        if usual <= self.usual:
            return self
        raised = min(max(usual, _LEAST), _MOST)
        ratio = (self.bad / (1 - self.bad)) / (self.usual / (1 - self.usual))
        odds = raised / (1 - raised) * ratio
        return Shares(raised, min(odds / (1 + odds), (1 + _MOST) / 2))


def grown(score: float, shares: Shares, *, bad: int, good: int) -> float:
    """Return the score after some outcomes that came together; their order among themselves is not known."""
    if bad == 0 and good == 0:
        return score
    for_bad, for_good = shares.steps()
    return max(0.0, score + bad * for_bad + good * for_good)
