"""What a caller may ask of a list, and what is answered to the rest."""

import contextlib
import hashlib
import hmac
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.foundation.db.listing import (
    Listing,
    ListingSpec,
    boolean,
    choice,
    date,
    integer,
    seal,
    tags,
    text,
    timestamp,
    uuid,
)
from healthprotocol.foundation.db.listing.aip160 import DEEPEST, LONGEST, MOST_TERMS
from healthprotocol.foundation.errors import BadRequest
from healthprotocol.foundation.ids import OrganisationId

HERE = OrganisationId(UUID("01890a5d-ac96-774b-bcce-b302099a8057"))
ELSEWHERE = OrganisationId(UUID("01890a5d-ac96-774b-bcce-b302099a8058"))


class KeyedSigner:
    """Signs with HMAC-SHA-256 under a fixed key."""

    def __init__(self, key: bytes = b"a" * 32) -> None:
        self._key = key

    def sign(self, message: bytes) -> bytes:
        return hmac.digest(self._key, message, hashlib.sha256)

    def verify(self, message: bytes, mac: bytes) -> bool:
        return hmac.compare_digest(self.sign(message), mac)


SIGNER = KeyedSigner()
SPEC = ListingSpec(
    name="boats",
    fields={
        "id": uuid("b.id", sortable=True),
        "title": text("b.title", sortable=True, contains=True),
        "status": choice("b.status", ("active", "paused"), sortable=True),
        "berths": integer("b.berths", sortable=True),
        "built_on": date("b.built_on", sortable=True, nullable=True),
        "seen_at": timestamp("b.seen_at", sortable=True),
        "is_afloat": boolean("b.is_afloat"),
        "tags": tags("b.tags"),
    },
    default_order="title",
)


def parse(organisation_id: OrganisationId = HERE, **asked: Any) -> Listing:
    return SPEC.parse(signer=SIGNER, organisation_id=organisation_id, **asked)


def where(source: str) -> tuple[str, list[Any]]:
    return parse(filter=source).where(2)


def fault(**asked: Any) -> tuple[str, str, str]:
    with pytest.raises(BadRequest) as caught:
        parse(**asked)
    violation = caught.value.violations[0]
    return violation.pointer, violation.code, violation.detail


class TestFilter:
    def test_blank_selects_everything(self) -> None:
        assert where("  ") == ("true", [])

    def test_a_comparison_binds_its_value(self) -> None:
        assert where('title = "Ebro"') == ("b.title = $2::text", ["Ebro"])

    def test_or_binds_tighter_than_and(self) -> None:
        clause, args = where("berths = 1 AND berths = 2 OR berths = 3")

        assert clause == "(b.berths = $2::bigint and (b.berths = $3::bigint or b.berths = $4::bigint))"
        assert args == [1, 2, 3]

    def test_parentheses_group(self) -> None:
        clause, _ = where("(berths = 1 AND berths = 2) OR berths = 3")

        assert clause == "((b.berths = $2::bigint and b.berths = $3::bigint) or b.berths = $4::bigint)"

    def test_not_of_an_unknown_is_true(self) -> None:
        assert where("NOT built_on < 2026-03-07")[0] == "(b.built_on < $2::date) is not true"

    def test_differs_counts_a_missing_value_as_different(self) -> None:
        assert where("built_on != 2026-03-07")[0] == "b.built_on is distinct from $2::date"

    def test_has_finds_a_tag(self) -> None:
        assert where("tags:sail") == ("b.tags @> array[$2::text]", ["sail"])

    def test_has_finds_a_part_of_a_text_in_any_case(self) -> None:
        assert where('title:"eb"')[0] == "strpos(lower(b.title), lower($2::text)) > 0"

    def test_has_star_asks_for_presence(self) -> None:
        assert where("built_on:*") == ("b.built_on is not null", [])

    def test_quotes_and_backslashes_stay_in_the_value(self) -> None:
        assert where(r'title = "a\"b\\c; drop table boat --"')[1] == ['a"b\\c; drop table boat --']

    def test_single_quotes_do_as_well(self) -> None:
        assert where("title = 'O\"Hara'")[1] == ['O"Hara']

    def test_instants_are_brought_to_utc(self) -> None:
        _, args = where('seen_at >= "2026-03-07T14:00:00+01:00"')

        assert args[0].isoformat() == "2026-03-07T13:00:00+00:00"

    @pytest.mark.parametrize(
        ("source", "instant"),
        [
            ("seen_at >= 2026-03-07T13:00:00Z", "2026-03-07T13:00:00+00:00"),
            ("(seen_at >= 2026-03-07T15:00:00.5+02:00)", "2026-03-07T13:00:00.500000+00:00"),
            ("seen_at >= 2026-03-07", "2026-03-07T00:00:00+00:00"),
            ('seen_at >= "2026-03-07"', "2026-03-07T00:00:00+00:00"),
        ],
    )
    def test_an_instant_needs_no_quotes(self, source: str, instant: str) -> None:
        twice = [where(source)[1][0].isoformat() for _ in range(2)]

        assert twice == [instant, instant]

    def test_instants_without_quotes_stand_in_a_list(self) -> None:
        _, args = where("seen_at IN (2026-03-07T13:00:00Z, 2026-03-08)")

        assert [one.day for one in args[0]] == [7, 8]

    def test_a_number_of_units_that_is_too_large_is_told_so(self) -> None:
        _, code, detail = fault(filter="seen_at > now - 9999999d")

        assert code == "filter_value"
        assert "at most 5 digits" in detail


class TestRefusedFilter:
    @pytest.mark.parametrize("source", ["title = null", "title != null", "title:*"])
    def test_of_no_value_says_that_there_always_is_one(self, source: str) -> None:
        _, code, detail = fault(filter=source)

        assert code == "filter_operator"
        assert "always has a value" in detail

    @pytest.mark.parametrize(
        ("source", "code"),
        [
            ("captain = 1", "filter_unknown_field"),
            ("title", "filter_syntax"),
            ("title =", "filter_syntax"),
            ("= 3", "filter_syntax"),
            ("AND", "filter_syntax"),
            ("title = a title = b", "filter_syntax"),
            ("(title = a", "filter_syntax"),
            ("title = a)", "filter_syntax"),
            ('title = "a', "filter_syntax"),
            ("title != (a)", "filter_syntax"),
            ("title = AND", "filter_syntax"),
            ("title and berths", "filter_syntax"),
            ("title ~ a", "filter_syntax"),
            ("title < a", "filter_operator"),
            ("title:*", "filter_operator"),
            ("tags = sail", "filter_operator"),
            ("status = sunk", "filter_value"),
            ("berths = three", "filter_value"),
            ("berths = 9223372036854775808", "filter_value"),
            ("berths = 1_000", "filter_value"),
            ("built_on = 2026-02-30", "filter_value"),
            ("built_on = 20260307", "filter_value"),
            ('seen_at = "2026-03-07T13:00:00"', "filter_value"),
            ("seen_at = 2026-03-07T13:00:00", "filter_value"),
            ("seen_at = 2026-03-07T13:00:00Z:1", "filter_value"),
            ('seen_at = "0001-01-01T00:00:00+14:00"', "filter_value"),
            ("is_afloat = yes", "filter_value"),
            ("id = 7", "filter_value"),
            ('title = "a\x00b"', "filter_value"),
            ('title = "\ud800"', "filter_value"),
        ],
    )
    def test_says_where_and_what_is_expected(self, source: str, code: str) -> None:
        pointer, found, detail = fault(filter=source)

        assert (pointer, found) == ("/filter", code)
        assert "character" in detail or "at the end" in detail

    def test_an_unknown_field_is_told_the_fields(self) -> None:
        _, _, detail = fault(filter="captain = 1")

        assert detail == (
            "The name at character 1 is no field of this list. "
            "Fields: id, title, status, berths, built_on, seen_at, is_afloat, tags."
        )

    def test_a_word_outside_the_choice_is_told_the_choice(self) -> None:
        assert fault(filter="status = sunk")[2] == "status at character 10 needs one of active, paused."

    def test_too_long(self) -> None:
        assert fault(filter="a" * (LONGEST + 1))[1] == "filter_too_long"

    def test_as_deep_as_allowed_is_read_and_one_more_is_not(self) -> None:
        deepest = "(" * DEEPEST + "berths = 1" + ")" * DEEPEST

        assert where(deepest)[1] == [1]
        assert fault(filter=f"({deepest})")[1] == "filter_too_deep"

    def test_many_nots_are_deep_too(self) -> None:
        assert fault(filter="NOT " * (DEEPEST + 1) + "berths = 1")[1] == "filter_too_deep"

    def test_as_many_terms_as_allowed_are_read_and_one_more_is_not(self) -> None:
        most = " OR ".join(["berths = 1"] * MOST_TERMS)

        assert len(where(most)[1]) == MOST_TERMS
        assert fault(filter=f"{most} OR berths = 1")[1] == "filter_too_many_terms"

    @given(st.text(max_size=300))
    def test_any_text_is_read_or_refused(self, source: str) -> None:
        with contextlib.suppress(BadRequest):
            parse(filter=source, order_by=source, page_size=source, page_token=source)

    @given(
        st.lists(
            st.sampled_from(
                ["(", ")", "AND", "OR", "NOT", "title", "berths", "tags", "=", "!=", ":", "*", "<", "3", '"x"', "-"]
            ),
            max_size=30,
        )
    )
    def test_any_row_of_tokens_is_read_or_refused(self, words: list[str]) -> None:
        source = " ".join(words)
        try:
            clause, args = where(source)
        except BadRequest:
            return

        assert clause.count("$") == len(args)
        assert clause.count("(") == clause.count(")")

    @given(st.text(min_size=1, max_size=40))
    def test_a_value_never_reaches_the_sql(self, value: str) -> None:
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        try:
            clause, args = where(f'title = "{quoted}"')
        except BadRequest:
            assert any(c < " " or "\ud800" <= c <= "\udfff" for c in value)
            return

        assert (clause, args) == ("b.title = $2::text", [value])


class TestOrder:
    def test_the_id_ends_every_order_in_the_same_direction(self) -> None:
        sql, _ = parse(order_by="status desc").sql("select 1 from boat b", "b.x = $1", 2)

        assert "order by b.status desc, b.id desc" in sql

    def test_without_one_the_default_holds(self) -> None:
        assert [key.name for key in parse().order.keys] == ["title", "id"]

    @pytest.mark.parametrize(
        "source", ["captain", "is_afloat", "title up", "title,,id", "title,title", "title desc asc"]
    )
    def test_others_are_refused(self, source: str) -> None:
        assert fault(order_by=source)[:2] == ("/order_by", "order_by_invalid")

    @pytest.mark.parametrize(
        ("source", "code"), [("a" * 501, "order_by_too_long"), ("a,b,c,d,e,f", "order_by_too_many_fields")]
    )
    def test_has_its_limits(self, source: str, code: str) -> None:
        assert fault(order_by=source)[1] == code

    def test_the_sortable_fields_are_named(self) -> None:
        assert fault(order_by="captain")[2] == (
            "Item 1: expected a field this list sorts by: id, title, status, berths, built_on, seen_at."
        )


class TestPageSize:
    @pytest.mark.parametrize(("asked", "size"), [(None, 50), ("", 50), ("1", 1), (200, 200), ("200", 200)])
    def test_is_1_to_200(self, asked: int | str | None, size: int) -> None:
        assert parse(page_size=asked).page_size == size

    @pytest.mark.parametrize("asked", ["0", "-1", "201", "1.5", "\u0661", "1_0", "many", "9" * 5000, 0, 201, True])
    def test_others_are_refused_not_bent(self, asked: int | str) -> None:
        assert fault(page_size=asked)[:2] == ("/page_size", "page_size_out_of_range")


class TestPageToken:
    def token(self, **asked: Any) -> str:
        row = {"title": "Ebro", "id": HERE, "berths": 3}
        token = parse(page_size=1, **asked).page([row, row]).next_page_token
        assert token is not None
        return token

    def test_the_last_page_has_none(self) -> None:
        assert parse(page_size=2).page([{"title": "Ebro", "id": HERE}]).next_page_token is None

    def test_brings_back_the_sort_values(self) -> None:
        assert parse(page_token=self.token()).last == ("Ebro", HERE)

    def test_the_page_size_may_change(self) -> None:
        assert parse(page_token=self.token(), page_size=7).last == ("Ebro", HERE)

    @pytest.mark.parametrize(
        "changed",
        [
            {"organisation_id": ELSEWHERE},
            {"filter": "berths = 1"},
            {"order_by": "berths"},
            {"order_by": "title desc"},
        ],
    )
    def test_of_another_question_is_refused(self, changed: dict[str, str]) -> None:
        assert fault(page_token=self.token(), **changed)[:2] == ("/page_token", "page_token_invalid")

    def test_of_another_list_is_refused(self) -> None:
        twin = ListingSpec(name="ferries", fields=SPEC.fields, default_order="title")

        with pytest.raises(BadRequest) as caught:
            twin.parse(page_token=self.token(), signer=SIGNER, organisation_id=HERE)

        assert caught.value.violations[0].code == "page_token_invalid"

    def test_under_another_key_is_refused(self) -> None:
        with pytest.raises(BadRequest):
            SPEC.parse(page_token=self.token(), signer=KeyedSigner(b"b" * 32), organisation_id=HERE)

    def test_every_changed_character_is_noticed(self) -> None:
        token = self.token()

        for place, character in enumerate(token):
            changed = token[:place] + ("A" if character != "A" else "B") + token[place + 1 :]
            assert fault(page_token=changed)[1] == "page_token_invalid"

    @given(st.text(max_size=100))
    def test_no_text_is_taken_for_one(self, token: str) -> None:
        if token:
            assert fault(page_token=token)[1] == "page_token_invalid"

    @pytest.mark.parametrize(
        "values",
        [
            ["Ebro"],
            "Ebro",
            [False, None, "Ebro"],
            [False, None, "Ebro", "no id"],
            [False, None, 7, str(HERE)],
            [None, None, "Ebro", str(HERE)],
        ],
    )
    def test_of_ours_with_other_values_is_refused(self, values: Any) -> None:
        binding = (str(HERE), SPEC.name, "aip160", "", "title, id")

        token = seal(values, binding=binding, signer=SIGNER)

        assert fault(page_token=token)[1] == "page_token_invalid"

    def test_all_faults_are_told_at_once(self) -> None:
        with pytest.raises(BadRequest) as caught:
            parse(filter="(", order_by="?", page_size=0)

        assert [v.pointer for v in caught.value.violations] == ["/filter", "/order_by", "/page_size"]


class TestSpec:
    def test_refuses_a_tiebreak_that_cannot_break_ties(self) -> None:
        with pytest.raises(ValueError, match="tiebreak"):
            ListingSpec(name="boats", fields={"id": uuid("id")}, default_order="id")

    def test_refuses_an_order_it_does_not_have(self) -> None:
        with pytest.raises(ValueError, match="default order"):
            ListingSpec(name="boats", fields={"id": uuid("id", sortable=True)}, default_order="title")
