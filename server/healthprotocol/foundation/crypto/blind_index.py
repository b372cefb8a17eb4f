"""
Blind indexes: find an encrypted value by equality without keeping it readable.

An index value is a keyed hash of the normalised value. Keys differ between organisations, tables and columns, so equal
values do not show as equal anywhere else. Treat index values as secrets in exports and logs.
"""

import hmac
from hashlib import sha256

from healthprotocol.foundation.crypto.hkdf import derive
from healthprotocol.foundation.crypto.normalisers import (
    NORMALISER,
    compound,
    day,
    email,
    folded,
    identifier,
    phone,
)

__all__ = [
    "COMPOUND_BYTES",
    "UNIQUE_BYTES",
    "Indexer",
    "compound",
    "day",
    "email",
    "folded",
    "identifier",
    "phone",
]

UNIQUE_BYTES = 16
COMPOUND_BYTES = 8


class Indexer:
    """The index of one column of one organisation."""

    __slots__ = ("_key", "_size")

    def __init__(self, index_root: bytes, *, table: str, column: str, name: str, size: int = UNIQUE_BYTES) -> None:
        self._key = derive(index_root, "hp/bidx/v1", table, column, name, NORMALISER)
        self._size = size

    def of(self, normalised: str) -> bytes:
        """Return the index of a value that went through its normaliser: `size` bytes."""
        return hmac.new(self._key, normalised.encode(), sha256).digest()[: self._size]
