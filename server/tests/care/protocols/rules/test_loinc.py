"""LOINC codes and their check digit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.care.protocols.rules.loinc import check_digit, is_loinc


class TestIsLoinc:
    @pytest.mark.parametrize("code", ["8480-6", "8462-4", "8867-4", "29463-7", "8310-5", "85354-9", "44249-1"])
    def test_knows_codes(self, code: str) -> None:
        assert is_loinc(code)

    @pytest.mark.parametrize("code", ["", "8480", "8480-5", "8480-66", "-6", "0480-6", "8480-6 ", "LP1234-5", "٨480-6"])
    def test_knows_what_is_none(self, code: str) -> None:
        assert not is_loinc(code)

    @given(st.integers(1, 9_999_999), st.integers(1, 9))
    def test_another_digit_at_the_end_is_noticed(self, number: int, change: int) -> None:
        digit = check_digit(str(number))

        assert is_loinc(f"{number}-{digit}")
        assert not is_loinc(f"{number}-{(digit + change) % 10}")
