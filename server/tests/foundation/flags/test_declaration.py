"""Declaring flags."""

from datetime import date

import pytest

from healthprotocol.foundation.flags.declaration import Registry, boolean, string
from tests.foundation.flags.declared import ABOUT, FASTER


class TestADeclaration:
    @pytest.mark.parametrize("key", ["faster", "Lists.faster", "lists..faster", "lists.faster ", "1.a"])
    def test_needs_a_key_with_its_area(self, key: str) -> None:
        with pytest.raises(ValueError, match="area first"):
            boolean(key, **ABOUT)

    def test_needs_somebody_who_looks_after_it(self) -> None:
        with pytest.raises(ValueError, match="needs owner"):
            boolean("lists.faster", description="For tests.", created_on=date(2026, 11, 22))

    def test_names_variants_that_it_has(self) -> None:
        with pytest.raises(ValueError, match="no variant 'green'"):
            string("page.colour", {"red": "r", "blue": "b"}, default="green", off="red", **ABOUT)

    def test_cannot_end_before_it_begins(self) -> None:
        with pytest.raises(ValueError, match="ends before"):
            boolean("lists.faster", **{**ABOUT, "ends_on": date(2026, 11, 21)})


class TestARegistry:
    def test_takes_a_key_once(self) -> None:
        with pytest.raises(ValueError, match="declared twice"):
            Registry([FASTER, FASTER])
