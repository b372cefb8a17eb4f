"""What stands outside the database: it opens in its place, for a day or two, and says nothing by itself."""

from uuid import UUID

import pytest

from healthprotocol.foundation.crypto.errors import DecryptionFailed
from healthprotocol.foundation.crypto.sealing import Sealer

OURS, THEIRS = UUID(int=1), UUID(int=2)
DAY = 86_400.0


def sealer(day: float = 20_000, secret: bytes = b"s" * 32) -> Sealer:
    return Sealer(secret, clock=lambda: day * DAY)


class TestSeal:
    def test_opens_in_its_place(self) -> None:
        sealed = sealer().seal(OURS, b"place", b"the value")

        assert sealer().open(OURS, b"place", sealed) == b"the value"

    @pytest.mark.parametrize(
        ("organisation_id", "place", "opener"),
        [
            (THEIRS, b"place", sealer()),
            (OURS, b"another place", sealer()),
            (OURS, b"place", sealer(secret=b"t" * 32)),
            (OURS, b"place", sealer(20_002)),
            (OURS, b"place", sealer(19_998)),
        ],
    )
    def test_opens_nowhere_else(self, organisation_id: UUID, place: bytes, opener: Sealer) -> None:
        sealed = sealer().seal(OURS, b"place", b"the value")

        with pytest.raises(DecryptionFailed):
            opener.open(organisation_id, place, sealed)

    @pytest.mark.parametrize("day", [19_999, 20_001])
    def test_opens_across_midnight(self, day: int) -> None:
        assert sealer(day).open(OURS, b"place", sealer().seal(OURS, b"place", b"the value")) == b"the value"

    def test_does_not_open_when_any_bit_was_changed(self) -> None:
        sealed = sealer().seal(OURS, b"place", b"the value")

        for bit in range(len(sealed) * 8):
            altered = bytearray(sealed)
            altered[bit // 8] ^= 1 << bit % 8
            with pytest.raises(DecryptionFailed):
                sealer().open(OURS, b"place", bytes(altered))

    def test_does_not_open_when_it_was_cut(self) -> None:
        sealed = sealer().seal(OURS, b"place", b"the value")

        for length in range(len(sealed)):
            with pytest.raises(DecryptionFailed):
                sealer().open(OURS, b"place", sealed[:length])

    def test_shows_neither_the_value_nor_its_length(self) -> None:
        short, longer = (sealer().seal(OURS, b"place", text) for text in (b"no", b"the whole truth"))

        assert b"truth" not in longer
        assert len(short) == len(longer)


class TestMark:
    def test_is_the_same_for_the_same_place_only(self) -> None:
        places = [(OURS, b"a"), (OURS, b"b"), (THEIRS, b"a"), (OURS, b"a")]

        marks = [sealer().mark(*place) for place in places]

        assert marks[0] == marks[3]
        assert len(set(marks)) == 3
        assert {len(mark) for mark in marks} == {16}
