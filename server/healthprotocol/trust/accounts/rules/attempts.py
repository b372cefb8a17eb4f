"""How long to wait after failed attempts: nothing at first, then growing. Nobody can be locked out for good."""

from collections.abc import Sequence

import msgspec


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """
    A limit for one kind of key.

    `free` failures cost nothing; then the wait doubles from `first_seconds` up to `longest_seconds`. A key without
    failures for `forget_seconds` starts anew.
    """

    free: int
    first_seconds: float
    longest_seconds: float
    forget_seconds: float


class Attempts(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a key. Times are seconds of one monotonic clock."""

    failures: int
    last_at: float
    open_at: float


# One person mistyping, from one network.
PERSON = Lane(free=5, first_seconds=1, longest_seconds=300, forget_seconds=3600)
# Everybody behind one network address: a clinic has many people, a list of stolen passwords has more.
NETWORK = Lane(free=50, first_seconds=1, longest_seconds=60, forget_seconds=3600)


def wait_seconds(known: Attempts | None, *, now: float) -> float:
    """Return how long this key has still to wait, 0.0 when it may try."""
    return 0.0 if known is None else max(0.0, known.open_at - now)


def failed(known: Attempts | None, lane: Lane, *, now: float) -> Attempts:
    """Return what to remember after another failure."""
    is_new = known is None or now - known.last_at >= lane.forget_seconds
    failures = 1 if is_new or known is None else known.failures + 1
    over = failures - lane.free
    # Bounded before the power, which would overflow a float after a thousand failures.
    wait = min(lane.first_seconds * 2 ** min(over, 32), lane.longest_seconds) if over >= 0 else 0.0
    return Attempts(failures=failures, last_at=now, open_at=now + wait)


def longest_wait(waits: Sequence[float]) -> int:
    """Return whole seconds for Retry-After, 0 when nothing has to be waited for."""
    longest = max(waits, default=0.0)
    return 0 if longest <= 0 else int(longest) + 1


def network_of(address: str | None) -> str:
    """
    Return the network that a client's address stands for: /24 of IPv4, /64 of IPv6, else the text itself.

    One attacker usually holds that many addresses and not many more.
    """
    if address is None:
        return ""
    mapped = address.lower().removeprefix("::ffff:")
    if mapped.count(".") == 3:  # noqa: PLR2004 - an IPv4 address has three dots
        return mapped.rpartition(".")[0]
    if ":" not in mapped:
        return mapped
    head, gap, tail = mapped.partition("::")
    groups = head.split(":") if head else []
    if gap:
        tail_groups = tail.split(":") if tail else []
        groups += ["0"] * (8 - len(groups) - len(tail_groups)) + tail_groups
    return ":".join(group.lstrip("0") or "0" for group in groups[:4])
