"""
One encrypted cell of a table: the format HP1, its binding to the place where it is stored, and its padding.

    "HP1" | algorithm (1) | key id (16) | key version (4, big-endian) | nonce (12) | ciphertext | tag (16)

The additional data bind the ciphertext to its organisation, table, column, row and key, so a value that is copied into
another cell does not open. Names of tables and columns are the logical ones: renaming a column in the database must not
change them. Row ids are made by the application and never change.
"""

import os
import struct
from enum import Enum
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from healthprotocol.foundation.crypto.errors import DecryptionFailed

MAGIC = b"HP1"
AES_256_GCM = 1
KEY_BYTES = 32
OVERHEAD_BYTES = 52

_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEAD = slice(0, 4)
KEY_REFERENCE = slice(4, 24)
_NONCE = slice(24, 36)
_BODY = slice(36, None)
_PREFIX = MAGIC + bytes([AES_256_GCM])
_PAD_MARK = b"\x80"
_SMALL = 64
_NAME_SIZES = (32, 64, 128)
_LARGEST_POWER = 4096
_STEP = 1024


class Padding(Enum):
    """
    How far a plaintext is filled up before encryption, because the length of a ciphertext tells much about its content.

    CODE: codes, enumerations, booleans, numbers, dates: multiples of 64 bytes, in practice one.
    NAME: names, addresses of e-mail, identifiers: 32, 64 or 128 bytes, longer ones as TEXT.
    TEXT: prose and structured documents: the next power of two from 64 bytes to 4 KiB, then steps of 1 KiB.
    EXACT: secrets whose length is fixed anyway.
    """

    CODE = "code"
    NAME = "name"
    TEXT = "text"
    EXACT = "exact"


def length_prefixed(*parts: bytes) -> bytes:
    """Join parts so that no two different tuples give the same bytes: each is preceded by its length (4 bytes)."""
    return b"".join([struct.pack(">I", len(part)) + part for part in parts])


def padded(plaintext: bytes, padding: Padding) -> bytes:
    """Return the plaintext, a mark byte 0x80, and zeros up to the size that `padding` gives (ISO/IEC 7816-4)."""
    marked = len(plaintext) + 1
    return plaintext + _PAD_MARK + bytes(_padded_size(marked, padding) - marked)


def unpadded(filled: bytes) -> bytes:
    """Undo `padded`. Raises ValueError when the mark is missing."""
    plaintext = filled.rstrip(b"\x00")
    if not plaintext.endswith(_PAD_MARK):
        raise ValueError("the padding mark is missing")
    return plaintext[:-1]


class FieldCipher:
    """One version of one data key, ready for use. Holds the expanded key, which is never written anywhere."""

    __slots__ = ("_aad_head", "_aad_tail", "_aead", "key_id", "reference", "version")

    def __init__(self, *, organisation_id: UUID, key_id: UUID, version: int, key: bytes) -> None:
        self.key_id = key_id
        self.version = version
        self.reference = key_reference(key_id, version)
        self._aead = AESGCM(key)
        self._aad_head = length_prefixed(b"hp/field/v1", organisation_id.bytes)
        self._aad_tail = length_prefixed(key_id.bytes, struct.pack(">I", version))

    def encrypt(self, *, table: str, column: str, row_id: UUID, plaintext: bytes, pad: Padding) -> bytes:
        """Return the cell in format HP1, bound to exactly this place."""
        nonce = os.urandom(_NONCE_BYTES)
        place = b"".join((self._aad_head, _place(table, column), _ROW_ID_LENGTH, row_id.bytes, self._aad_tail))
        body = self._aead.encrypt(nonce, padded(plaintext, pad), place)
        return b"".join((_PREFIX, self.reference, nonce, body))

    def decrypt(self, *, table: str, column: str, row_id: UUID, ciphertext: bytes) -> bytes:
        """Return the plaintext. Raises DecryptionFailed when a bit changed or the cell belongs elsewhere."""
        # A page of names opens hundreds of cells: what is said in three lines elsewhere is said in one here.
        place = b"".join((self._aad_head, _place(table, column), _ROW_ID_LENGTH, row_id.bytes, self._aad_tail))
        try:
            marked = self._aead.decrypt(ciphertext[_NONCE], ciphertext[_BODY], place).rstrip(b"\x00")
        except (InvalidTag, ValueError) as error:
            raise DecryptionFailed(private=f"{table}.{column} of row {row_id}") from error
        if marked[-1:] != _PAD_MARK or ciphertext[_HEAD] != _PREFIX:
            raise DecryptionFailed(private=f"{table}.{column} of row {row_id}")
        return marked[:-1]


def key_reference(key_id: UUID, version: int) -> bytes:
    """Return the 20 bytes by which a ciphertext names its key."""
    return key_id.bytes + struct.pack(">I", version)


def reference_of(ciphertext: bytes) -> bytes:
    """Return the key reference in a ciphertext's header. Raises DecryptionFailed when it is not in format HP1."""
    if len(ciphertext) <= OVERHEAD_BYTES or not ciphertext.startswith(_PREFIX):
        raise DecryptionFailed(private="the header is not HP1 with a known algorithm")
    return ciphertext[KEY_REFERENCE]


_ROW_ID_LENGTH = struct.pack(">I", 16)


@lru_cache(maxsize=1024)
def _place(table: str, column: str) -> bytes:
    return length_prefixed(table.encode(), column.encode())


def _padded_size(marked: int, padding: Padding) -> int:
    if padding is Padding.EXACT:
        return marked
    if padding is Padding.CODE:
        return _up_to(marked, _SMALL)
    if padding is Padding.NAME and marked <= _NAME_SIZES[-1]:
        return next(size for size in _NAME_SIZES if marked <= size)
    if marked <= _LARGEST_POWER:
        return max(_SMALL, 1 << (marked - 1).bit_length())
    return _up_to(marked, _STEP)


def _up_to(size: int, step: int) -> int:
    return -(-size // step) * step
