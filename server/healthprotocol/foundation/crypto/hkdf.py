"""Keys from keys: HKDF-SHA256 (RFC 5869) with a length-prefixed purpose, so that no two purposes share a key."""

import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from healthprotocol.foundation.crypto.fields import length_prefixed


def derive(secret: bytes, *purpose: str, length: int = 32) -> bytes:
    """Return `length` bytes that only the holder of `secret` can make for this purpose. `secret` must be uniform."""
    info = length_prefixed(*(part.encode() for part in purpose))
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret)


class Signer:
    """Makes and checks marks (HMAC-SHA256) on what leaves the server and must come back unchanged."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, message: bytes) -> bytes:
        """Return the 32-byte mark of the message."""
        return hmac.digest(self._key, message, "sha256")

    def verify(self, message: bytes, mac: bytes) -> bool:
        """Tell whether the mark `mac` was made by `sign` over this message, in time that does not depend on either."""
        return hmac.compare_digest(self.sign(message), mac)
