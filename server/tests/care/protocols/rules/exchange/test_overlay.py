"""The lens over documents."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.care.protocols.rules.exchange.documents import Json, canonical
from healthprotocol.care.protocols.rules.exchange.overlay import difference, merge, plain, rewrite, same

_plain = st.booleans() | st.integers(-5, 5) | st.text(max_size=3)
_names = st.sampled_from(["a", "b", "key"])
# Without None: it means that a member is taken away.
_values = st.recursive(
    _plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=12,
)
_objects = st.dictionaries(_names, _values, max_size=3)


class TestDifference:
    @given(_objects, _objects)
    def test_turns_the_one_into_the_other(self, before: Json, after: Json) -> None:
        assert same(merge(before, difference(before, after)), after)

    @given(_values)
    def test_of_a_thing_to_itself_is_nothing(self, value: Json) -> None:
        assert difference(value, value) == {}

    def test_replaces_what_is_no_object(self) -> None:
        assert merge([1], [2]) == [2]
        assert merge({"a": 1}, 2) == 2

    def test_names_only_what_differs(self) -> None:
        before: Json = {"a": 1, "b": {"c": 1, "d": 2}, "e": 3}
        after: Json = {"a": 1, "b": {"c": 1, "d": 5}, "f": [1]}

        assert difference(before, after) == {"b": {"d": 5}, "e": None, "f": [1]}


class TestRewrite:
    @given(_values, _values)
    def test_says_what_is_wanted(self, before: Json, after: Json) -> None:
        assert same(rewrite(before, before, after), after)

    def test_keeps_the_way_of_writing(self) -> None:
        document: Json = {"count": Decimal("1.0"), "empty": "", "gone": 1, "times": ["08:00"]}
        before: Json = {"count": 1, "gone": 1, "times": ["08:00:00"]}
        after: Json = {"count": 1, "times": ["08:00:00"], "new": True}

        written = rewrite(document, before, after)

        assert canonical(written) == canonical({"count": Decimal("1.0"), "empty": "", "times": ["08:00"], "new": True})

    def test_an_explicit_default_gives_way_to_a_value(self) -> None:
        assert rewrite({"text": ""}, {}, {"text": "a"}) == {"text": "a"}

    def test_follows_items_by_their_key(self) -> None:
        document: Json = [{"key": "a", "n": Decimal("1.0")}, {"key": "b", "n": Decimal("2.0")}]
        before: Json = [{"key": "a", "n": 1}, {"key": "b", "n": 2}]
        after: Json = [{"key": "b", "n": 2}, {"key": "c", "n": 3}, {"key": "a", "n": 4}]

        written = rewrite(document, before, after)

        assert canonical(written) == b'[{"key":"b","n":2.0},{"key":"c","n":3},{"key":"a","n":4}]'

    def test_follows_items_without_a_key_by_their_place(self) -> None:
        document: Json = [Decimal("1.0"), Decimal("2.0")]

        assert canonical(rewrite(document, [1, 2], [1, 5, 6])) == b"[1.0,5,6]"

    def test_a_list_that_was_read_as_another_is_written_anew(self) -> None:
        assert rewrite([1, 2, 3], [1, 2], [7]) == [7]


class TestSame:
    @pytest.mark.parametrize(
        ("one", "other", "answer"),
        [
            (1, Decimal("1.0"), True),
            (True, 1, False),
            (True, True, True),
            ([1], [1, 2], False),
            ({"a": 1}, {"b": 1}, False),
            ({"a": 1, "b": 2}, {"b": 2, "a": Decimal(1)}, True),
            (None, "", False),
        ],
    )
    def test_compares_meaning(self, one: Json, other: Json, answer: bool) -> None:
        assert same(one, other) is answer


class TestPlain:
    def test_writes_floats_as_people_do(self) -> None:
        assert canonical(plain({"a": 1.0, "b": [0.1, (2.5,)], "c": None})) == b'{"a":1,"b":[0.1,[2.5]],"c":null}'
