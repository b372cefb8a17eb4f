"""Take a stream in: unpacked when it is gzip, within limits, in parts of one size, with the hash of the whole."""

import hashlib
import zlib
from collections.abc import AsyncIterator, Iterator

from healthprotocol.foundation.errors import BadRequest, PayloadTooLarge, Violation

_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_UNPACKED_AT_ONCE = 256 * 1024
# What packing may add to content that does not shrink: heads, tails, and a hundredth of it.
_PACKING_BYTES = 64 * 1024


class TooLarge(PayloadTooLarge):
    """
    The file is larger than this installation takes, unpacked.

    Remedy: send it in parts, each with the line of column names; or ask the operator to raise the limit.
    """

    title = "The file is too large"


class NotGzip(BadRequest):
    """
    The file begins like gzip and cannot be unpacked: it is damaged or was cut off.

    Remedy: pack it again, or send it as it is.
    """

    title = "The file cannot be unpacked"

    def __init__(self) -> None:
        super().__init__(violations=[Violation("", "gzip_invalid", "Pack it again, or send it unpacked.")])


class Intake:
    """Counts and hashes the content of one file as it passes; its limit is on the content, unpacked."""

    def __init__(self, *, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._hash = hashlib.sha256()
        self.size_bytes = 0
        self._received_bytes = 0

    def receive(self, packed: bytes) -> bytes:
        """
        Count what comes in, before it is unpacked. Raises TooLarge.

        Gzip can go on for ever and unpack to nothing: zeros behind its end, and members without content.
        """
        self._received_bytes += len(packed)
        if self._received_bytes > self._limit + self._limit // 100 + _PACKING_BYTES:
            raise self._too_large()
        return packed

    @property
    def sha256(self) -> bytes:
        """The hash of all that passed."""
        return self._hash.digest()

    def take(self, content: bytes) -> bytes:
        """Count and hash content. Raises TooLarge."""
        self.size_bytes += len(content)
        if self.size_bytes > self._limit:
            raise self._too_large()
        self._hash.update(content)
        return content

    def _too_large(self) -> TooLarge:
        return TooLarge(f"A file has at most {self._limit:,} bytes, unpacked.", public={"limit_bytes": self._limit})


async def plain_parts(stream: AsyncIterator[bytes], intake: Intake, *, size: int) -> AsyncIterator[bytes]:
    """
    Yield the content of a stream in parts of exactly `size` bytes, the last one smaller.

    Gzip is known by its first bytes and unpacked, a bounded piece at a time: a file that unpacks to a thousand times
    its size never lies in memory. Raises TooLarge, NotGzip.
    """
    waiting = bytearray()
    async for piece in _unpacked(stream, intake):
        waiting += intake.take(piece)
        while len(waiting) >= size:
            yield bytes(waiting[:size])
            del waiting[:size]
    if waiting:
        yield bytes(waiting)


async def _unpacked(stream: AsyncIterator[bytes], intake: Intake) -> AsyncIterator[bytes]:
    beginning = b""
    packed: _Unpacking | None = None
    is_plain = False
    async for received in stream:
        piece = intake.receive(received)
        if packed is None and not is_plain:
            beginning += piece
            if len(beginning) < len(_GZIP):
                continue
            piece = beginning
            packed = _Unpacking() if beginning.startswith(_GZIP) else None
            is_plain = packed is None
        if packed is None:
            yield piece
            continue
        for unpacked in packed.feed(piece):
            yield unpacked
    if packed is not None:
        packed.close()
    elif not is_plain and beginning:
        yield beginning


class _Unpacking:
    """Unpacks gzip, also of several members one behind the other."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(_GZIP_WINDOW)

    def feed(self, piece: bytes) -> Iterator[bytes]:
        rest = piece
        while rest:
            if self._zlib.eof:
                # Some tools fill the end up with zeros.
                rest = rest.lstrip(b"\0")
                if not rest:
                    return
                self._zlib = zlib.decompressobj(_GZIP_WINDOW)
            try:
                content = self._zlib.decompress(rest, _UNPACKED_AT_ONCE)
            except zlib.error:
                raise NotGzip from None
            if content:
                yield content
            rest = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail
        while not self._zlib.eof and (content := self._more()):
            yield content

    def close(self) -> None:
        """Raises NotGzip when something is missing at the end."""
        if not self._zlib.eof:
            raise NotGzip

    def _more(self) -> bytes:
        """What was read already and did not fit into the last piece."""
        try:
            return self._zlib.decompress(b"", _UNPACKED_AT_ONCE)
        except zlib.error:
            raise NotGzip from None
