"""Files as exact values, within limits."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.care.protocols.rules.exchange.documents import (
    MAX_BYTES,
    Document,
    Json,
    Source,
    Unreadable,
    at_pointer,
    canonical,
    copy_json,
    decode_source,
    encode_source,
    escape_pointer,
    parse_json,
    write_json,
)
from tests.support.stopwatch import processor_seconds


def refusal(body: bytes) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        parse_json(body)
    return caught.value


class TestNumbers:
    @pytest.mark.parametrize(
        "literal", ["1", "1.0", "1.50", "-0", "0.1", "1E+2", "123456789012345678901234567890", "-0.0", "1E-7"]
    )
    def test_keep_their_text(self, literal: str) -> None:
        body = f'{{"value":{literal}}}'.encode()

        assert canonical(parse_json(body)) == body

    def test_a_whole_number_is_an_int(self) -> None:
        assert parse_json(b"[7]") == [7]
        assert isinstance(parse_json(b"[7]")[0], int)  # pyright: ignore[reportIndexIssue, reportOptionalSubscript, reportArgumentType]

    def test_a_million_digits_take_no_time(self) -> None:
        body = b"[" + b"9" * 1_000_000 + b"]"

        assert processor_seconds(lambda: parse_json(body), enough=2) < 2

    def test_an_exponent_beyond_reason_is_refused(self) -> None:
        assert refusal(b"[1e99999999999999999999]").code == "number_invalid"

    @pytest.mark.parametrize("literal", [b"[NaN]", b"[Infinity]", b"[-Infinity]"])
    def test_what_is_no_number_is_refused(self, literal: bytes) -> None:
        assert refusal(literal).code == "number_invalid"


class TestRefusals:
    def test_broken_json_with_its_line(self) -> None:
        error = refusal(b'{\n "a": }')

        assert (error.code, error.place) == ("json_invalid", "line 2, column 7")

    def test_another_encoding_with_its_byte(self) -> None:
        assert refusal('{"name": "Odér"}'.encode("latin-1")).place == "byte 12"

    def test_a_file_that_is_too_large(self) -> None:
        assert refusal(b" " * (MAX_BYTES + 1)).code == "too_large"

    @pytest.mark.parametrize("levels", [101, 100_000])
    def test_nesting_without_end(self, levels: int) -> None:
        assert refusal(b"[" * levels + b"]" * levels).code == "too_deep"

    def test_nesting_to_the_limit_is_read(self) -> None:
        parse_json(b"[" * 100 + b"]" * 100)

    def test_more_values_than_anybody_writes(self) -> None:
        assert refusal(b"[" + b"0," * 1_000_001 + b"0]").code == "too_many_values"

    def test_a_member_given_twice(self) -> None:
        assert refusal(b'{"a": 1, "a": 2}').code == "member_twice"

    @pytest.mark.parametrize("text", [b'"\\u0000"', b'{"\\u0000": 1}', b'"\\ud800"', b'"a\\udfffb"'])
    def test_text_that_cannot_be_stored(self, text: bytes) -> None:
        assert refusal(text).code == "text_invalid"


class TestTexts:
    def test_a_byte_order_mark_is_passed_over(self) -> None:
        assert parse_json(b'\xef\xbb\xbf"a"') == "a"

    def test_every_alphabet_is_read(self) -> None:
        assert parse_json('"Amazonas Ганга 長江"'.encode()) == "Amazonas Ганга 長江"

    def test_written_json_is_indented_and_ends_its_line(self) -> None:
        assert write_json({"a": [1, Decimal("2.0")]}) == b'{\n  "a": [\n    1,\n    2.0\n  ]\n}\n'


class TestSource:
    def test_comes_back_from_storage_as_it_was(self) -> None:
        value: Json = {"a": [1, Decimal("1.0"), None, True, "ä"]}
        source = Source(format="fhir", documents=(Document("plan.json", value), Document("b", [])), root="/0/entry/1")

        again = decode_source(encode_source(source))

        assert again == source
        assert canonical(again.documents[0].value) == canonical(value)


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(st.characters(blacklist_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=20,
)


class TestAnyValue:
    @given(_values)
    def test_is_read_as_it_was_written(self, value: Json) -> None:
        body = json.dumps(value).encode()

        if "\\u0000" in json.dumps(value):
            assert refusal(body).code == "text_invalid"
        else:
            assert json.loads(canonical(parse_json(body))) == value

    @given(_values)
    def test_is_found_by_its_pointers(self, value: Json) -> None:
        holder: Json = {"a/b~c": [value]}

        assert at_pointer(holder, f"/{escape_pointer('a/b~c')}/0") == value
        assert copy_json(holder) == holder

    def test_a_pointer_to_nothing_is_told(self) -> None:
        with pytest.raises(KeyError):
            at_pointer("text", "/a")
