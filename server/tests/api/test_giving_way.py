"""A write that gives way to another one is begun again, and comes through or says so."""

import pytest

from healthprotocol.api import giving_way
from healthprotocol.api.giving_way import persistently
from healthprotocol.foundation.errors import Contended, Unavailable


class Write:
    """Gives way as often as it is told to."""

    def __init__(self, *, gives_way: int, error: type[Unavailable] = Contended) -> None:
        self.begun = 0
        self._gives_way = gives_way
        self._error = error

    async def __call__(self) -> str:
        self.begun += 1
        if self.begun <= self._gives_way:
            raise self._error
        return "written"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giving_way, "PAUSE_SECONDS", 0.0)


class TestPersistently:
    @pytest.mark.parametrize("times", [0, 1, 2])
    async def test_comes_through_by_the_third_time(self, times: int) -> None:
        write = Write(gives_way=times)

        assert await persistently(write) == "written"
        assert write.begun == times + 1

    async def test_says_so_when_it_gave_way_three_times(self) -> None:
        write = Write(gives_way=3)

        with pytest.raises(Contended):
            await persistently(write)

        assert write.begun == 3

    async def test_does_nothing_again_that_failed_in_another_way(self) -> None:
        write = Write(gives_way=1, error=Unavailable)

        with pytest.raises(Unavailable):
            await persistently(write)

        assert write.begun == 1
