"""YAML without its traps."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.care.protocols.rules.exchange.documents import Json, Unreadable, canonical
from healthprotocol.care.protocols.rules.exchange.yaml_documents import MAX_YAML_BYTES, parse_yaml, write_yaml
from tests.support.stopwatch import processor_seconds


def refusal(text: str) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        parse_yaml(text.encode())
    return caught.value


class TestScalars:
    @pytest.mark.parametrize(
        "text",
        ["2026-03-01", "2026-03-01T08:00:00Z", "08:00", "08:00:00", "no", "yes", "on", "off", "0x1F", "012", "1_000",
         ".inf", ".nan", "1e5", "=", "12:30:45"],
    )  # fmt: skip
    def test_stay_the_text_they_are(self, text: str) -> None:
        assert parse_yaml(f"a: {text}".encode()) == {"a": text}

    @pytest.mark.parametrize(
        ("text", "value"),
        [("7", 7), ("-7", -7), ("1.50", Decimal("1.50")), ("1.0e+2", Decimal("1.0e2")), ("true", True),
         ("False", False), ("null", None), ("~", None), ("", None), ("'7'", "7"), ('"true"', "true"), ("! 7", "7"),
         ("!!str 7", "7")],
    )  # fmt: skip
    def test_are_what_they_look_like(self, text: str, value: Json) -> None:
        assert canonical(parse_yaml(f"a: {text}".encode())) == canonical({"a": value})

    def test_an_empty_file_is_nothing(self) -> None:
        assert parse_yaml(b"") is None

    def test_an_exponent_beyond_reason_is_refused(self) -> None:
        assert refusal("a: 1.0e+99999999999999999999").code == "number_invalid"


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("a: &x [1]\nb: *x", "alias"),
            ("a: *x", "alias"),
            ("a: &x 1", "alias"),
            ("a: !!python/object:os.system 1", "tag"),
            ("a: !!int '7'", "tag"),
            ("a: !!set {x}", "tag"),
            ("<<: {a: 1}", "merge_key"),
            ("a: 1\na: 2", "member_twice"),
            ("? [a]\n: 1", "key_invalid"),
            ("? {a: 1}\n: 1", "key_invalid"),
            ("a: 1\n---\nb: 2", "several_documents"),
            ("a: [", "yaml_invalid"),
            ("a: \x01", "yaml_invalid"),
        ],
    )
    def test_say_what_and_where(self, text: str, code: str) -> None:
        error = refusal(text)

        assert error.code == code

    def test_the_place_is_a_line_and_a_column(self) -> None:
        assert refusal("a: 1\nb: &x 2").place == "line 2, column 4"

    def test_a_file_that_is_too_large(self) -> None:
        assert refusal("#" * (MAX_YAML_BYTES + 1)).code == "too_large"

    def test_more_values_than_anybody_writes(self) -> None:
        assert refusal("[" + "0," * 1_000_001 + "0]").code == "too_many_values"

    @pytest.mark.parametrize("bomb", ["[" * 200_000, "{a: " * 50_000, "- " * 50_000])
    def test_a_bomb_of_brackets_goes_off_at_once(self, bomb: str) -> None:
        assert refusal(bomb).code == "too_deep"
        assert processor_seconds(lambda: refusal(bomb), enough=5) < 5

    def test_a_key_named_like_a_merge_but_quoted_is_a_key(self) -> None:
        assert parse_yaml(b'"<<": 1') == {"<<": 1}


_texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00")) | st.text(
    st.sampled_from("no yes:-#'\"\n\t |>&*!%@`{}[],?1e.08\u0085\u2028")
)
_decimals = st.decimals(-1_000_000, 1_000_000, places=3)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | _decimals | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=15,
)


class TestWriting:
    @given(_values)
    def test_what_is_written_is_read_back(self, value: Json) -> None:
        assert canonical(parse_yaml(write_yaml(value))) == canonical(value)

    @pytest.mark.parametrize("literal", ["1E+2", "-0", "12345678901234567890", "1E-7", "2.50"])
    def test_a_number_stays_one_of_the_same_value(self, literal: str) -> None:
        number = Decimal(literal)

        again = parse_yaml(write_yaml([number]))

        assert again == [number]
        assert isinstance(again, list)
        assert isinstance(again[0], Decimal)

    def test_the_same_object_twice_is_written_twice(self) -> None:
        shared: Json = {"a": 1}

        assert parse_yaml(write_yaml([shared, shared])) == [{"a": 1}, {"a": 1}]
