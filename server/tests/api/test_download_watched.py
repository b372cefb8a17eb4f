"""A download ends with the right to read it."""

from collections.abc import AsyncGenerator

import pytest

from healthprotocol.api.download import watched
from healthprotocol.foundation.errors import Unauthenticated


class TestWatched:
    async def test_breaks_off_when_the_reader_is_out_and_closes_what_it_reads(self) -> None:
        closed: list[bool] = []
        answers = [True, True, False]

        async def parts() -> AsyncGenerator[bytes, None]:
            try:
                while True:
                    yield b"part"
            finally:
                closed.append(True)

        async def is_good() -> bool:
            return answers.pop(0)

        reading = watched(parts(), is_good, every_seconds=0.0)
        got = [await anext(reading), await anext(reading)]
        with pytest.raises(Unauthenticated):
            await anext(reading)

        assert (got, closed) == ([b"part"] * 2, [True])
