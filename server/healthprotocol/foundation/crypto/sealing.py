"""
Values that stand outside the database for a while: sealed under keys derived from the root, and bound to a place.

    "HPS1" | day (4, big-endian) | nonce (12) | ciphertext | tag (16)

The key changes every day (UTC) and with every organisation, so the number of values under one stays far from the limit
of random nonces, and what is kept beyond the day after does not open any more.
"""

import hmac
import os
import struct
import time
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from healthprotocol.foundation.crypto.errors import DecryptionFailed
from healthprotocol.foundation.crypto.fields import Padding, length_prefixed, padded, unpadded
from healthprotocol.foundation.crypto.hkdf import derive

MAGIC = b"HPS1"
MARK_BYTES = 16

_NONCE_BYTES = 12
_HEAD_BYTES = len(MAGIC) + 4
_DAY_SECONDS = 86_400
_CACHED_KEYS = 2_048


class Sealer:
    """Seals values, and marks names so that they say nothing. `secret` must be uniform."""

    def __init__(self, secret: bytes, *, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._marks = derive(secret, "marks")
        self._clock = clock
        self._aead = lru_cache(_CACHED_KEYS)(self._derived)

    def seal(self, organisation_id: UUID, place: bytes, plaintext: bytes) -> bytes:
        """Return the value, filled up and encrypted, so that it opens at this place of this organisation only."""
        day = self._today()
        nonce = os.urandom(_NONCE_BYTES)
        head = MAGIC + struct.pack(">I", day)
        aad = length_prefixed(head, organisation_id.bytes, place)
        return head + nonce + self._aead(organisation_id, day).encrypt(nonce, padded(plaintext, Padding.TEXT), aad)

    def open(self, organisation_id: UUID, place: bytes, sealed: bytes) -> bytes:
        """Return the value. Raises DecryptionFailed when it was altered, moved, or sealed before yesterday."""
        head, nonce = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES : _HEAD_BYTES + _NONCE_BYTES]
        if len(nonce) < _NONCE_BYTES or not head.startswith(MAGIC):
            raise DecryptionFailed(private="not a sealed value")
        (day,) = struct.unpack(">I", head[len(MAGIC) :])
        # Tomorrow is a clock that runs ahead of ours.
        if abs(day - self._today()) > 1:
            raise DecryptionFailed(private="sealed on another day")
        aad = length_prefixed(head, organisation_id.bytes, place)
        try:
            filled = self._aead(organisation_id, day).decrypt(nonce, sealed[_HEAD_BYTES + _NONCE_BYTES :], aad)
            return unpadded(filled)
        except (InvalidTag, ValueError) as error:
            raise DecryptionFailed(private="the sealed value does not open here") from error

    def mark(self, organisation_id: UUID, place: bytes) -> bytes:
        """Return 16 bytes that stand for a place of an organisation and tell nothing of it."""
        message = length_prefixed(organisation_id.bytes, place)
        return hmac.new(self._marks, message, sha256).digest()[:MARK_BYTES]

    def _today(self) -> int:
        return int(self._clock() // _DAY_SECONDS)

    def _derived(self, organisation_id: UUID, day: int) -> AESGCM:
        return AESGCM(derive(self._secret, "seal", str(organisation_id), str(day)))
