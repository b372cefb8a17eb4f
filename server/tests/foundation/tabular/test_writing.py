"""Lines of CSV that no spreadsheet runs, and that come back as they were."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.foundation.tabular import csv_line, escaped, unescaped

BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\0")
texts = st.text(st.sampled_from("'=+-@\t\r\n\0 \",;ab1(") | st.characters(codec="utf-8"), max_size=12)


class TestEscaped:
    @given(texts)
    def test_never_begins_like_a_formula(self, text: str) -> None:
        assert not escaped(text).startswith(BEGINNINGS)

    @given(texts)
    def test_comes_back_the_same(self, text: str) -> None:
        assert unescaped(escaped(text)) == text

    @given(st.lists(texts, min_size=1, max_size=4))
    def test_of_a_line_no_cell_begins_so_either(self, cells: list[str]) -> None:
        line = csv_line(cells)

        [read] = csv.reader(io.StringIO(line, newline=""), strict=True)

        assert [unescaped(one) for one in read] == cells
        assert not any(one.startswith(BEGINNINGS) for one in read)

    def test_of_a_number_is_a_number(self) -> None:
        assert csv_line([-5, 1.5, True, None, ""]) == '-5,1.5,true,,""\r\n'
