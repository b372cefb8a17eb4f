"""A stream is taken in unpacked, within limits, in parts of one size."""

import gzip
import hashlib
import os
from collections.abc import AsyncIterator, Iterable

import pytest

from healthprotocol.foundation.files import Intake, NotGzip, TooLarge, plain_parts

LIMIT = 100_000


async def pieces(content: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece


async def taken(content: Iterable[bytes], *, limit: int = LIMIT) -> tuple[list[bytes], Intake]:
    intake = Intake(limit_bytes=limit)
    return [part async for part in plain_parts(pieces(content), intake, size=1_000)], intake


class TestPlainParts:
    @pytest.mark.parametrize("size", [1, 7, 999, 5_000])
    async def test_are_the_content_packed_or_not(self, size: int) -> None:
        content = os.urandom(4_321)
        for sent in (content, gzip.compress(content), gzip.compress(content[:2_000]) + gzip.compress(content[2_000:])):
            parts, intake = await taken(sent[at : at + size] for at in range(0, len(sent), size))

            assert b"".join(parts) == content
            assert [len(part) for part in parts] == [1_000] * 4 + [321]
            assert (intake.size_bytes, intake.sha256) == (4_321, hashlib.sha256(content).digest())

    async def test_end_at_the_limit_though_little_was_sent(self) -> None:
        with pytest.raises(TooLarge):
            await taken([gzip.compress(bytes(LIMIT + 1))])

    @pytest.mark.parametrize("endless", [bytes(10_000), gzip.compress(b"") * 500])
    async def test_end_at_the_limit_though_it_unpacks_to_nothing(self, endless: bytes) -> None:
        sent = 0

        def without_end() -> Iterable[bytes]:
            nonlocal sent
            yield gzip.compress(b"a,b\n")
            while sent < 100 * LIMIT:
                sent += len(endless)
                yield endless

        with pytest.raises(TooLarge):
            await taken(without_end())

        assert sent < 2 * LIMIT

    async def test_take_what_does_not_shrink(self) -> None:
        content = os.urandom(LIMIT)

        parts, _ = await taken([gzip.compress(content)])

        assert b"".join(parts) == content

    async def test_refuse_what_was_cut_off(self) -> None:
        with pytest.raises(NotGzip):
            await taken([gzip.compress(bytes(100))[:-5]])
