"""What this process remembers of failed attempts."""

import time
from collections import OrderedDict
from collections.abc import Callable

from healthprotocol.trust.accounts.errors import TooManyAttempts
from healthprotocol.trust.accounts.rules.attempts import (
    NETWORK,
    PERSON,
    Attempts,
    Lane,
    failed,
    longest_wait,
    network_of,
    wait_seconds,
)

_MOST_REMEMBERED = 100_000


class Throttle:
    """
    Slows down guessing: per person and network, and per network. Only failures count.

    Keys are hashes and networks; no address of a person is kept.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._known: OrderedDict[tuple[bytes, str], Attempts] = OrderedDict()

    def require(self, person: bytes, address: str | None) -> None:
        """Return when the attempt may be made. Raises TooManyAttempts with how long to wait."""
        now = self._monotonic()
        waits = [wait_seconds(self._known.get(key), now=now) for key, _ in _keys(person, address)]
        if (seconds := longest_wait(waits)) > 0:
            raise TooManyAttempts(retry_after_seconds=seconds)

    def failed(self, person: bytes, address: str | None, *, lane: Lane = PERSON) -> None:
        """Remember a failure; `lane` is the limit of the person, the network has its own."""
        now = self._monotonic()
        for key, its_lane in _keys(person, address, lane):
            self._known[key] = failed(self._known.get(key), its_lane, now=now)
            self._known.move_to_end(key)
        while len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)

    def succeeded(self, person: bytes, address: str | None) -> None:
        """Forget the failures of this person from this network; those of the network stay."""
        self._known.pop((person, network_of(address)), None)


def _keys(
    person: bytes, address: str | None, lane_of_person: Lane = PERSON
) -> tuple[tuple[tuple[bytes, str], Lane], ...]:
    network = network_of(address)
    return (((person, network), lane_of_person), ((b"", network), NETWORK))
