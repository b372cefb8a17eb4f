"""Bodies and queries: every fault with its place, and never the value."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from healthprotocol.api.body import Further, convert_query, decode_body
from healthprotocol.foundation.errors import BadRequest, Invalid, Violation
from tests.support.stopwatch import processor_seconds

SECRET = "Zx9secretQ"


class Stop(msgspec.Struct, forbid_unknown_fields=True, rename={"calls_at": "callsAt"}):
    name: Annotated[str, Meta(min_length=1, max_length=5)]
    calls_at: tuple[date, ...] = ()


class Boat(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(max_length=8, pattern="^[A-Z]")]
    berths: Annotated[int, Meta(ge=1, lt=100)] = 1
    kind: Literal["sail", "motor"] = "sail"
    note: str | None = None
    stops: Annotated[list[Stop], Meta(max_length=2)] = []
    length: Annotated[float, Meta(gt=0, le=9)] | None = None


class Query(msgspec.Struct, forbid_unknown_fields=True, rename={"first": "from"}):
    first: date | None = None
    at: datetime | None = None
    size: int = 5
    kind: Literal["sail", "motor"] = "sail"


class Sorted(msgspec.Struct, frozen=True):
    by: Literal["name", "size"] | None = None


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    first: int
    second: int


def faults(body: object, kind: Any = Boat) -> dict[str, str]:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    with pytest.raises(Invalid) as caught:
        decode_body(raw, kind)
    assert SECRET not in str(caught.value.violations)
    return {fault.pointer: fault.code for fault in caught.value.violations}


class TestDecodeBody:
    def test_gives_the_typed_value(self) -> None:
        assert decode_body(b'{"name": "Ebro", "note": "a < b"}', Boat) == Boat(name="Ebro", note="a < b")

    def test_tells_every_fault_at_once(self) -> None:
        found = faults(
            {
                "berths": 0,
                "kind": SECRET,
                "note": 7,
                "length": 10,
                "stops": [{"name": "", "callsAt": ["2026-02-30", "2026-01-01"]}, {"name": "longer", "a/b~c": SECRET}],
            }
        )

        assert found == {
            "/name": "required",
            "/berths": "too_small",
            "/kind": "not_allowed",
            "/note": "wrong_type",
            "/length": "too_large",
            "/stops/0/name": "too_short",
            "/stops/0/callsAt/0": "format",
            "/stops/1/name": "too_long",
            "/stops/1/(a name that is not shown)": "unknown_field",
        }

    @pytest.mark.parametrize(
        ("body", "place", "code"),
        [
            ({"name": "ebro"}, "/name", "pattern"),
            ({"name": "Ebro", "berths": 100}, "/berths", "too_large"),
            ({"name": "Ebro", "length": 0}, "/length", "too_small"),
            ({"name": "Ebro", "stops": [{"name": "a"}] * 3}, "/stops", "too_many"),
            ({"name": "Ebro", "sails": 1, "oars": 2}, "", "unknown_field"),
            ({"name": "Ebro", "mast": SECRET}, "/mast", "unknown_field"),
            ([], "", "wrong_type"),
            (7, "", "wrong_type"),
        ],
    )
    def test_names_the_place_and_the_rule(self, body: object, place: str, code: str) -> None:
        assert faults(body) == {place: code}

    def test_says_what_a_value_must_be_in_words(self) -> None:
        with pytest.raises(Invalid) as caught:
            decode_body(b'{"name": "", "callsAt": ["2026-02-30"]}', Stop)

        assert {fault.detail for fault in caught.value.violations} == {
            "It must not be empty.",
            "It must be a day that there is, as YYYY-MM-DD.",
        }

    @pytest.mark.parametrize("body", [b"", b"{", b'{"name": "\xff"}', b"[" * 100_000])
    def test_what_is_no_json_is_unreadable(self, body: bytes) -> None:
        with pytest.raises(BadRequest) as caught:
            decode_body(body, Boat)

        assert caught.value.violations[0].code == "json_invalid"

    def test_tells_at_most_a_hundred_faults(self) -> None:
        with pytest.raises(Invalid) as caught:
            decode_body(msgspec.json.encode([{"name": 1, "x": 1}] * 500), list[Stop])

        assert len(caught.value.violations) == 100


class TestMarkup:
    @pytest.mark.parametrize(
        "text",
        ["<script>", "</SCRIPT >", "< iframe", "<p onclick='x'>", '<a href="javascript:x">', "<img src=x onerror = y>"],
    )
    def test_that_would_run_is_refused_anywhere(self, text: str) -> None:
        body = {"name": "Ebro", "note": text, "stops": [{"name": "a"}]}

        assert faults(body) == {"/note": "markup_not_allowed"}

    @pytest.mark.parametrize("text", ["pressure <140, data: see below", "a < b", "<p>fine</p>", "2 <3 on time = good"])
    def test_that_is_none_passes(self, text: str) -> None:
        assert decode_body(msgspec.json.encode({"name": "Ebro", "note": text}), Boat).note == text

    def test_passes_where_it_is_kept_as_it_is(self) -> None:
        body = b'{"name": "Ebro", "note": "<script>"}'

        assert decode_body(body, Boat, trusted_markup=True).note == "<script>"

    def test_is_told_with_the_other_faults(self) -> None:
        assert faults({"name": 7, "note": "<script>"}) == {"/note": "markup_not_allowed", "/name": "wrong_type"}

    @pytest.mark.parametrize(
        "hostile", ["<" + " " * 99_000, "<a " * 33_000, "<a" + " on" * 33_000, "<" * 100_000, "<a data" * 14_000]
    )
    def test_is_looked_for_in_no_time(self, hostile: str) -> None:
        body = msgspec.json.encode({"name": "Ebro", "note": hostile})

        assert processor_seconds(lambda: decode_body(body, Boat), enough=0.2) < 0.2


def crowded(boat: Boat) -> list[Violation]:
    """A rule of the harbour, and one that would tell of whatever it is given."""
    return [Violation("/berths", "crowded", "Too many.")] * (boat.berths > 9) + [Violation("/name", "judged", "Seen.")]


class TestFurther:
    def told(self, body: str, **options: Any) -> list[tuple[str, str]]:
        further = Further(crowded, stand_ins={"name": "Any"})
        with pytest.raises(Invalid) as caught:
            decode_body(body.encode(), Boat, further=further, **options)
        return [(fault.pointer, fault.code) for fault in caught.value.violations]

    def test_rules_judge_what_has_no_fault_of_shape(self) -> None:
        assert self.told('{"name": "Aue", "berths": 50, "kind": 1}') == [
            ("/kind", "not_allowed"),
            ("/berths", "crowded"),
            ("/name", "judged"),
        ]

    def test_a_member_with_a_fault_is_told_of_once(self) -> None:
        assert self.told('{"name": 5, "berths": 50}') == [("/name", "wrong_type"), ("/berths", "crowded")]

    def test_what_is_needed_and_lacks_is_stood_in_for(self) -> None:
        assert self.told('{"berths": 50, "keels": 1, "masts": 2}') == [
            ("", "unknown_field"),
            ("/name", "required"),
            ("/berths", "crowded"),
        ]

    def test_markup_is_told_beside_the_rules(self) -> None:
        assert self.told('{"name": "Aue", "berths": 50, "note": "<script>"}') == [
            ("/note", "markup_not_allowed"),
            ("/berths", "crowded"),
            ("/name", "judged"),
        ]

    @pytest.mark.parametrize("body", ["[]", "5", "null"])
    def test_what_is_no_object_is_not_judged(self, body: str) -> None:
        assert self.told(body) == [("", "wrong_type")]

    def test_no_more_than_a_hundred_faults_are_told(self) -> None:
        many = ", ".join(f'"s{number}": 1' for number in range(200))
        further = Further(lambda _: [Violation("/note", "judged", "Seen.")] * 200, stand_ins={"name": "Any"})

        with pytest.raises(Invalid) as caught:
            decode_body(f"{{{many}}}".encode(), Boat, further=further)

        assert len(caught.value.violations) == 100

    def test_a_sound_body_is_left_to_who_acts_on_it(self) -> None:
        assert decode_body(b'{"name": "Aue"}', Boat, further=Further(crowded)) == Boat(name="Aue")


class TestConvertQuery:
    def test_gives_the_typed_value(self) -> None:
        assert convert_query({"from": ["2026-03-07"], "size": ["7"]}, Query) == Query(first=date(2026, 3, 7), size=7)

    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ({"sizes": ["7"]}, {"/sizes": "unknown_parameter"}),
            ({"size": ["7", "8"]}, {"/size": "repeated"}),
            ({"size": [SECRET], "from": ["2026-02-30"], "kind": [SECRET]}, None),
            ({"from": ["0001-01-01"]}, {"/from": "out_of_range"}),
            (
                {"from": ["9999-12-31"], "at": ["0001-01-01T00:00:00Z"]},
                {"/from": "out_of_range", "/at": "out_of_range"},
            ),
        ],
    )
    def test_names_every_parameter_with_a_fault(self, query: dict[str, list[str]], told: dict[str, str] | None) -> None:
        with pytest.raises(BadRequest) as caught:
            convert_query(query, Query)

        assert SECRET not in str(caught.value.violations)
        found = {fault.pointer: fault.code for fault in caught.value.violations}
        assert found == (told or dict.fromkeys(("/from", "/size", "/kind"), "invalid"))

    def test_names_the_words_that_a_parameter_may_be(self) -> None:
        with pytest.raises(BadRequest) as caught:
            convert_query({"by": ["keel"]}, Sorted)

        assert caught.value.violations == (Violation("/by", "invalid", "It must be one of: name, size."),)

    def test_names_what_is_missing(self) -> None:
        with pytest.raises(BadRequest) as caught:
            convert_query({"first": ["1"]}, Wanted)

        assert caught.value.violations == (Violation("/second", "required", "This parameter is required."),)
