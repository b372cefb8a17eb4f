"""Records come out as they went in: whatever they say, however the bytes arrive, wherever reading goes on."""

import csv
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.foundation.tabular import (
    CSV,
    NDJSON,
    DialectFault,
    Place,
    Record,
    RecordReader,
    csv_line,
    detect,
    reading,
    unescaped,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
ROWS = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=12)
HEADER = "a,b,c\r\n"


def read(content: bytes, *, size: int, place: Place | None = None) -> list[Record]:
    dialect = detect(content)
    reader = RecordReader(dialect, place)
    start = dialect.begins_at if place is None else place.offset
    found: list[Record] = []
    for at in range(start, len(content), size):
        reader.feed(content[at : at + size])
        while (record := reader.take()) is not None:
            found.append(record)
    reader.close()
    while (record := reader.take()) is not None:
        found.append(record)
    return found


class TestCsv:
    @given(rows=ROWS, size=st.integers(1, 64))
    def test_gives_back_every_text_whatever_is_in_it(self, rows: list[tuple[str, str, str]], size: int) -> None:
        # A line of nothing but blanks says nothing, and is passed over.
        rows = [("x" + row[0], *row[1:]) for row in rows]
        content = (HEADER + "".join(csv_line(row) for row in rows)).encode()

        found = read(content, size=size)

        assert [tuple(map(unescaped, one.cells or ())) for one in found] == rows

    @given(rows=ROWS, size=st.integers(1, 64), data=st.data())
    def test_goes_on_from_any_record_as_if_it_had_read_all(
        self, rows: list[tuple[str, str, str]], size: int, data: st.DataObject
    ) -> None:
        content = (HEADER + "".join(csv_line(("x", *row)) for row in rows)).encode()
        whole = read(content, size=size)
        number = data.draw(st.integers(0, len(whole) - 1))

        rest = read(content, size=size, place=whole[number].behind)

        assert rest == whole[number + 1 :]

    @given(noise=st.binary(max_size=400), size=st.integers(1, 50))
    def test_never_fails_on_noise_and_always_comes_to_the_end(self, noise: bytes, size: int) -> None:
        found = read(HEADER.encode() + noise, size=size)

        assert all((one.cells is None) == (one.fault is not None) for one in found)
        assert [one.line for one in found] == sorted({one.line for one in found})
        assert len(found) <= noise.count(b"\n") + 1

    def test_a_stray_quote_costs_its_own_line_only(self) -> None:
        found = read(b'a,b\n1,"open\n2,x\n3,5" pipe\n4,y\n', size=7)

        assert [(one.line, one.cells, one.fault and one.fault.code) for one in found] == [
            (2, None, "quote_open"),
            (3, ["2", "x"], None),
            (4, ["3", '5" pipe'], None),
            (5, ["4", "y"], None),
        ]


class TestQuotesThatNeverClose:
    def test_cost_each_line_of_the_record_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # Each line closes a quote and opens another one: the record goes on and on.
        line = b'x","y\n'
        content = b"a,b\n" + b'1,"' + line * 900
        reader = RecordReader(detect(content), None)
        reader.feed(content[4:])
        reader.close()
        read_by_csv = Lengths()
        monkeypatch.setattr(reading, "csv", read_by_csv)

        record = reader.take()

        assert record is not None
        assert record.fault is not None
        assert read_by_csv.total < 2 * len(content)


class Lengths:
    """Stands for the module csv, and adds up what it is given to read."""

    Error = csv.Error

    def __init__(self) -> None:
        self.total = 0

    def reader(self, lines: list[str], **how: Any) -> Any:
        self.total += sum(map(len, lines))
        return csv.reader(lines, **how)


class TestDialect:
    def test_is_found_out_from_the_first_bytes(self) -> None:
        comma = detect(b"\xef\xbb\xbfGiven Name,b,,\r\nx")
        semicolon = detect(b'"a,b";c\n')
        lines = detect(b'\n{"a": 1}\n')

        assert (comma.format, comma.delimiter, comma.columns, comma.begins_at) == (CSV, ",", ("given name", "b"), 19)
        assert (semicolon.delimiter, semicolon.columns) == (";", ("a,b", "c"))
        assert (lines.format, lines.columns) == (NDJSON, ())


class TestWorkbooks:
    @pytest.mark.parametrize("beginning", [b"PK\x03\x04\x14\x00", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00"])
    def test_are_told_apart_from_text_with_what_to_do(self, beginning: bytes) -> None:
        with pytest.raises(DialectFault, match="Save its sheet as CSV UTF-8") as caught:
            detect(beginning + b"\n1,2")

        assert caught.value.code == "workbook"
