"""A second grammar brings nothing but a tree: a toy one in the manner of a query string, `title=Ebro,Po&berths=gt3`."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest

from healthprotocol.foundation.db.listing import (
    Bound,
    Comparison,
    Cut,
    Field,
    FilterFault,
    Junction,
    Listing,
    Negation,
    Parsed,
    Slot,
    read,
)
from healthprotocol.foundation.errors import BadRequest

from .test_spec import HERE, SIGNER, SPEC

NOW = datetime(2026, 3, 7, tzinfo=UTC)
SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


class Toy:
    """Parameters joined by `&`, values by a comma; `:not` is after a name, a sign of two letters before a number."""

    name = "toy"

    def __init__(self) -> None:
        self.read_in_full = 0

    def speaks_of_now(self, source: str) -> bool:
        return "today" in source

    def cut(self, source: str) -> Cut | None:
        terms = [term.partition("=") for term in source.split("&")]
        signs = tuple(_sign(value) for _, _, value in terms)
        written = [value[2:] if sign else value for (_, _, value), sign in zip(terms, signs, strict=True)]
        return Cut((tuple(name for name, _, _ in terms), signs, tuple("," in value for value in written)), written)

    def read(self, source: str, fields: Mapping[str, Field], now: datetime) -> tuple[Parsed, list[Bound], bool]:
        self.read_in_full += 1
        cut = self.cut(source)
        assert cut is not None
        slots: list[Slot] = []
        values: list[Bound] = []
        nodes: list[Comparison | Negation] = []
        for place, (term, written) in enumerate(zip(source.split("&"), cut.written, strict=True)):
            name, _, negated = term.partition("=")[0].partition(":")
            if name not in fields:
                raise FilterFault("unknown_parameter", "There is no such parameter.", pointer=f"/{place}")
            field = fields[name]
            slot = Slot(field, _every(field) if "," in written else _one(field))
            slots.append(slot)
            value = slot.read(written, now)
            if value is None:
                raise FilterFault("bad_value", "It is none.", pointer=f"/{place}")
            values.append(value)
            sign = "IN" if "," in written else SIGNS.get(_sign(term.partition("=")[2]), "=")
            node = Comparison(name, field, sign, len(slots) - 1)
            nodes.append(Negation(node) if negated else node)
        return Parsed(nodes[0] if len(nodes) == 1 else Junction("and", tuple(nodes)), tuple(slots)), values, True


def _sign(value: str) -> str:
    return value[:2] if value[:2] in SIGNS and value[2:3].isdigit() else ""


def _one(field: Field) -> Callable[[str, datetime], Bound]:
    def one(written: str, _: datetime) -> Bound:
        return read(field, written)

    return one


def _every(field: Field) -> Callable[[str, datetime], Bound]:
    def every(written: str, _: datetime) -> Bound:
        values = [value for each in written.split(",") if (value := read(field, each)) is not None]
        return values or None

    return every


def parse(source: str, toy: Toy, *, order_by: str = "", page_token: str | None = None) -> Listing:
    return SPEC.parse(
        filter=source,
        grammar=toy,
        order_by=order_by,
        page_token=page_token,
        signer=SIGNER,
        organisation_id=HERE,
        now=NOW,
    )


class TestAnotherGrammar:
    @pytest.mark.parametrize(
        ("source", "clause", "args"),
        [
            ("title=Ebro", "b.title = $2::text", ["Ebro"]),
            ("title=Ebro,Po", "b.title = any($2::text[])", [["Ebro", "Po"]]),
            ("berths=gt3&title:not=Po", "(b.berths > $2::bigint and (b.title = $3::text) is not true)", [3, "Po"]),
        ],
    )
    def test_yields_the_same_sql_as_the_first(self, source: str, clause: str, args: list[object]) -> None:
        toy = Toy()
        twice = [parse(source, toy).where(2) for _ in range(2)]

        assert twice == [(clause, args), (clause, args)]

    def test_is_read_in_full_once_for_a_shape(self) -> None:
        toy = Toy()

        args = [parse(f"berths=ge{number}&status=active", toy).where(2)[1] for number in (4, 5, 6)]

        assert (args, toy.read_in_full) == ([[4, "active"], [5, "active"], [6, "active"]], 1)

    def test_is_not_taken_for_the_first(self) -> None:
        same = "title=Po"
        page = parse(same, Toy(), order_by="id").page([{"id": HERE, "title": "Po"}] * 51)

        with pytest.raises(BadRequest) as caught:
            SPEC.parse(filter=same, order_by="id", page_token=page.next_page_token, signer=SIGNER, organisation_id=HERE)

        assert caught.value.violations[0].code == "page_token_invalid"
        assert parse(same, Toy(), order_by="id", page_token=page.next_page_token).last == (HERE,)

    def test_says_itself_where_a_fault_is(self) -> None:
        with pytest.raises(BadRequest) as caught:
            parse("title=Po&captain=3", Toy(), page_token="x", order_by="?")

        # A token is not judged beside a filter that cannot be read.
        assert [(one.pointer, one.code) for one in caught.value.violations] == [
            ("/1", "unknown_parameter"),
            ("/order_by", "order_by_invalid"),
        ]

    def test_is_refused_a_value_that_its_shape_was_read_with_another_of(self) -> None:
        toy = Toy()
        parse("berths=3", toy)

        with pytest.raises(BadRequest) as caught:
            parse("berths=three", toy)

        assert caught.value.violations[0].code == "bad_value"
