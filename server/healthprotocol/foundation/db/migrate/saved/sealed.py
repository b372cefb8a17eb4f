"""
A stream in a file: compressed, then sealed chunk by chunk, so that neither side holds more than a chunk in memory.

Layout: magic (8 bytes), prefix (8 random bytes), then chunks of `length (4) | last? (1) | ciphertext`. The nonce of a
chunk is prefix and counter; its place, whether it is the last, and the name of the stream are bound in: a chunk that is
missing, moved, doubled or of another file does not open. Source: Hoang et al., "Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance", CRYPTO 2015 (STREAM).
"""

import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from healthprotocol.foundation.db.migrate.failure import MigrationFailed

_MAGIC = b"HPSAVED1"
_PREFIX_BYTES = 8
_CHUNK_BYTES = 1 << 20
# A sealed chunk is the compressed one and its tag; more is no file of ours.
_LARGEST_BYTES = _CHUNK_BYTES + 64
_COUNTERS = 1 << 32


class SealedWriter:
    """Writes one stream. `rows` are counted by newlines, `digest` is SHA-256 of what came in."""

    def __init__(self, path: Path, key: bytes, name: str) -> None:
        self._aead = AESGCM(key)
        self._name = name.encode()
        self._prefix = os.urandom(_PREFIX_BYTES)
        self._counter = 0
        self._compressor = zlib.compressobj(1)
        self._buffer = bytearray()
        self._hash = hashlib.sha256()
        self.rows = 0
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._file.write(_MAGIC + self._prefix)

    async def write(self, data: bytes) -> None:
        """Take a piece of the stream."""
        self._hash.update(data)
        self.rows += data.count(b"\n")
        self._buffer += self._compressor.compress(data)
        while len(self._buffer) > _CHUNK_BYTES:
            self._seal(bytes(self._buffer[:_CHUNK_BYTES]), is_last=False)
            del self._buffer[:_CHUNK_BYTES]

    def close(self) -> str:
        """Finish the file and force it to the disk; return the digest, hexadecimal."""
        self._buffer += self._compressor.flush()
        while len(self._buffer) > _CHUNK_BYTES:
            self._seal(bytes(self._buffer[:_CHUNK_BYTES]), is_last=False)
            del self._buffer[:_CHUNK_BYTES]
        self._seal(bytes(self._buffer), is_last=True)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._hash.hexdigest()

    def _seal(self, chunk: bytes, *, is_last: bool) -> None:
        nonce, bound = _nonce(self._prefix, self._counter), _bound(self._name, self._counter, is_last=is_last)
        self._counter += 1
        sealed = self._aead.encrypt(nonce, chunk, bound)
        self._file.write(len(sealed).to_bytes(4, "big") + bytes([is_last]) + sealed)


def read_sealed(path: Path, key: bytes, name: str) -> Iterator[bytes]:
    """Give the stream back, piece by piece. Raises MigrationFailed when a byte of it is not what was written."""
    aead, opened = AESGCM(key), zlib.decompressobj()
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise MigrationFailed(f"{path.name} is no saved table")
        prefix, counter, is_last = file.read(_PREFIX_BYTES), 0, False
        while not is_last:
            head = file.read(5)
            length = int.from_bytes(head[:4], "big")
            if len(head) != 5 or length > _LARGEST_BYTES or counter >= _COUNTERS:  # noqa: PLR2004 - 4 and 1
                raise MigrationFailed(f"{path.name} ends too early or is damaged")
            is_last = bool(head[4])
            chunk = _open(
                aead, file.read(length), _nonce(prefix, counter), _bound(name.encode(), counter, is_last=is_last)
            )
            if chunk is None:
                raise MigrationFailed(f"{path.name} is damaged, or was sealed under another root key")
            yield from _inflated(opened, chunk)
            counter += 1
        if file.read(1):
            raise MigrationFailed(f"{path.name} goes on after its end")
    yield opened.flush()


def _open(aead: AESGCM, sealed: bytes, nonce: bytes, bound: bytes) -> bytes | None:
    try:
        return aead.decrypt(nonce, sealed, bound)
    except InvalidTag:
        return None


def _inflated(opened: "zlib._Decompress", chunk: bytes) -> Iterator[bytes]:
    # A megabyte of zeros unpacks to a gigabyte: give it out in pieces.
    while chunk:
        yield opened.decompress(chunk, _CHUNK_BYTES)
        chunk = opened.unconsumed_tail


def _nonce(prefix: bytes, counter: int) -> bytes:
    return prefix + counter.to_bytes(4, "big")


def _bound(name: bytes, counter: int, *, is_last: bool) -> bytes:
    return b"|".join((_MAGIC, name, str(counter).encode(), b"last" if is_last else b"more"))
