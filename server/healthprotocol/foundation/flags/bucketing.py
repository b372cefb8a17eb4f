"""
Who is in a percentage: the same ones each time, on every node, and more of them when it grows.

HMAC-SHA256 gives each caller one point of [0, 2^64) a flag. She is in p per cent when her point lies below p per cent
of the line, so raising p takes nobody out, and two flags choose independently of each other.
"""

import hmac
from uuid import UUID

_POINTS = 1 << 64
_BYTES = 8


def salt_of(key: str) -> bytes:
    """Return the key under which the callers of one flag are spread."""
    return b"hp/flag/v1|" + key.encode()


def point(salt: bytes, organisation_id: UUID, account_id: UUID | None) -> int:
    """Return where a caller lies, 0 to 2^64 - 1; `account_id` None asks for the organisation as a whole."""
    name = organisation_id.bytes if account_id is None else organisation_id.bytes + b"|" + account_id.bytes
    return int.from_bytes(hmac.digest(salt, name, "sha256")[:_BYTES], "big")


def bound(percentage: float) -> int:
    """Return the first point outside `percentage`, which is 0 to 100."""
    return min(_POINTS, max(0, int(percentage / 100 * _POINTS)))
