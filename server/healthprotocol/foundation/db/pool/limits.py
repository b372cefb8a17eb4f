"""What an operator may choose of a pool, and what the pool refuses with."""

import msgspec

from healthprotocol.foundation.db.pool.control import Rule


class PoolLimits(msgspec.Struct, frozen=True, kw_only=True):
    """
    The limits of one process's pool. Times in seconds.

    `most` is the highest number of connections lent at once; one more is opened for critical work alone. `queue` is
    how many may wait, `shed_after` the age of the first interactive waiter from which newcomers are refused at once.
    A loan without a new statement for `leak_told` is told of, for `leak_reclaimed` ended. Connections live for
    `longest_life`, less up to a fifth by chance, and are closed when they were idle for `longest_idle`.
    """

    least: int = 2
    most: int = 10
    queue: int = 256
    shed_after: float = 0.5
    leak_told: float = 30.0
    leak_reclaimed: float = 120.0
    longest_life: float = 1800.0
    longest_idle: float = 60.0
    open_timeout: float = 5.0
    most_opening: int = 4
    rule: Rule = Rule()


class Refused(Exception):
    """No connection for this one; `reason` is one word, and a try after `retry_after_seconds` may fare better."""

    def __init__(self, reason: str, retry_after_seconds: float) -> None:
        super().__init__(f"no connection: {reason}")
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds
