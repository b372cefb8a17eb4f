"""
Lists: one whitelist per list, parsed from `filter`, `order_by`, `page_size` and `page_token` (AIP-132, 158, 160).

A repository declares its list once and asks for pages; the caller's words never reach SQL:

    BOATS = ListingSpec(
        name="boats",
        fields={"id": uuid("b.id", sortable=True), "status": choice("b.status", STATES), ...},
        default_order="title",
    )
    listing = await BOATS.ask(tx, query)
    page = await fetch_page(tx, listing, "select b.id, b.title from boat b", "b.organisation_id = $1", tx.tenant)

A grammar (`grammar`) makes a condition tree (`tree`), `settling` names what is derived from its values, `compiler`
makes SQL of it. AIP-160 is the grammar unless another is given, and all the rest is the same for each.
"""

import functools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypedDict, Unpack

import msgspec

from healthprotocol.foundation.errors import BadRequest, Violation
from healthprotocol.foundation.ids import OrganisationId

from . import ordering
from .aip160 import AIP160
from .fields import Compound, Field, Kind, timestamp
from .fields import boolean as boolean_field
from .grammar import Grammar
from .listing import Listing, with_derived
from .page import DEFAULT_PAGE_SIZE, LARGEST_COUNT, LARGEST_PAGE_SIZE, Asked
from .page_token import Signer, unseal
from .settling import Settled, settle
from .shapes import EVERYTHING, Memory, Order, Shape
from .tree import Bound, FilterFault
from .values import Value

if TYPE_CHECKING:
    from healthprotocol.foundation.db.transaction import Transaction

_MOST_DIGITS = 6
# What a token carries before its sort values: which way it leads, and what `now` means on every page of the list.
_HEAD = (boolean_field(""), timestamp(""))


class Said(TypedDict, total=False):
    """The parameters of a list request, as `Asked` explains them; absent, None and blank are the same."""

    filter: str | None
    order_by: str | None
    page_size: int | str | None
    page_token: str | None
    count_up_to: int | None


class ListingSpec(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one list offers.

    `name` binds page tokens and must be unique; `tiebreak` names a unique, sortable, never-null field that ends every
    order. `compounds` are the fields found together only. `narrow_by` names the fields that a query that is too costly
    is told to use; by default the ids, the encrypted fields, and what the list is ordered by.

    `ranged_orders` names, for fields that rise together with that of the default order, the order of a list whose
    filter gives them a range and whose request gives no order: that of the index that finds the range. The first of
    them that has a range decides, unless the default order's own field has one.

    `further_orders` names what the list's service puts in order itself, before this is asked; here they are only told.
    """

    name: str
    fields: Mapping[str, Field]
    default_order: str
    tiebreak: str = "id"
    compounds: Mapping[str, Compound] = {}
    narrow_by: tuple[str, ...] = ()
    ranged_orders: Mapping[str, str] = {}
    further_orders: tuple[str, ...] = ()
    memory: Memory = msgspec.field(default_factory=Memory)

    def __post_init__(self) -> None:
        """Refuse, at import, a spec that could not page."""
        tiebreak = self.fields.get(self.tiebreak)
        if tiebreak is None or not tiebreak.sortable or tiebreak.nullable:
            raise ValueError(f"listing {self.name}: the tiebreak must be a sortable field that is never null")
        if isinstance(ordering.parse(self.default_order, self.fields, self.tiebreak), Violation):
            raise ValueError(f"listing {self.name}: the default order names an unknown field")  # noqa: TRY004 - a value
        parts = {name: field.part_of for name, field in self.fields.items() if field.part_of}
        if parts != {part: name for name, compound in self.compounds.items() for part in compound.parts}:
            raise ValueError(f"listing {self.name}: the parts of its compounds are not those of its fields")
        for name, source in self.ranged_orders.items():
            if ordering.own(name, source, self.fields, self.tiebreak) is None:
                raise ValueError(f"listing {self.name}: the order of a range of {name} must begin with it")

    async def ask(self, tx: "Transaction", asked: Asked, *, grammar: Grammar = AIP160) -> Listing:
        """
        Check a list request in its transaction and seal what of its filter is encrypted.

        `grammar` is that of `asked.filter`. Raises BadRequest.
        """
        listing = self.parse(
            filter=asked.filter,
            order_by=asked.order_by,
            page_size=asked.page_size,
            page_token=asked.page_token,
            count_up_to=asked.count_up_to,
            signer=tx.keys.signer("page_token"),
            organisation_id=tx.tenant,
            now=tx.now,
            grammar=grammar,
        )
        return await listing.sealed(tx) if listing.shape.is_sealed else listing

    def parse(
        self,
        *,
        signer: Signer,
        organisation_id: OrganisationId,
        now: datetime | None = None,
        grammar: Grammar = AIP160,
        **said: Unpack[Said],
    ) -> Listing:
        """
        Check the parameters of a list request, whose filter `grammar` reads; `now` is the present that it speaks of.

        A page size outside 1 to 200 is refused rather than bent to fit: a caller that asked for 1,000 and silently got
        200 would take the first page for the whole.

        Raises:
            BadRequest: with every fault, at `/order_by`, `/page_size`, `/count_up_to`, `/page_token`, and at `/filter`
            or where else the grammar says.
        """
        faults: list[Violation] = []
        source, wanted = (said.get("filter") or "").strip(), (said.get("order_by") or "").strip()
        present = now or datetime.now(UTC)
        shape, values = self._filter(grammar, source, present, faults)
        is_readable = not faults
        order = self._order(wanted, faults) if wanted or shape.order is None else shape.order
        size, page_token = _page_size(said.get("page_size"), faults), said.get("page_token")
        count_up_to = _count_up_to(said.get("count_up_to"), faults)
        # Of the order itself, not of what was said: a release that orders otherwise does not take older tokens for its.
        binding = (_text_of(organisation_id), self.name, grammar.name, source, "" if order is None else order.text)
        place = _Place(as_of=present if grammar.speaks_of_now(source) else None)
        # A token is bound to the query: while that is faulty there is nothing to check it against.
        if page_token and order is not None and is_readable:
            found = _Place.of_token(page_token, order, binding=binding, signer=signer)
            if found is None:
                faults.append(_TOKEN_FAULT)
            elif found.as_of is not None:
                # Every page of a list means the same by `now` as its first.
                shape, values = self._filter(grammar, source, found.as_of, faults)
            place = found or place
        if faults or order is None:
            raise BadRequest(violations=faults)
        return Listing(
            name=self.name,
            page_size=size,
            order=order,
            shape=shape,
            values=values,
            last=place.last,
            is_backward=place.is_backward,
            as_of=place.as_of,
            count_up_to=count_up_to,
            binding=binding,
            signer=signer,
            memory=self.memory,
            narrowing=self.narrowing,
        )

    def narrowing(self) -> tuple[str, ...]:
        """The fields that make a query cheap."""
        if self.narrow_by:
            return self.narrow_by
        exact = [n for n, f in self.fields.items() if f.kind in {Kind.UUID, Kind.SECRET} and n != self.tiebreak]
        return (*exact, self.default_order.split(",", maxsplit=1)[0].split()[0])

    def _filter(
        self, grammar: Grammar, source: str, now: datetime, faults: list[Violation]
    ) -> tuple[Shape, tuple[Bound, ...]]:
        """Return the shape of `source` and its values; a shape that was met before is not parsed again."""
        if not source:
            return EVERYTHING, ()
        cut = grammar.cut(source)
        if cut is not None:
            known = self.memory.shapes.get((grammar.name, cut.shape))
            if known is not None:
                slots = known.settled.slots
                values = [slot.read(one, now) for slot, one in zip(slots, cut.written, strict=True)]
                if not any(value is None for value in values):
                    return known, with_derived(values, known.settled.derived)
        try:
            parsed, values, is_cut_rightly = grammar.read(source, self.fields, now)
            settled = settle(parsed, self.compounds)
        except FilterFault as fault:
            faults.append(fault.violation)
            return EVERYTHING, ()
        shape = self._shape(settled)
        if cut is not None and is_cut_rightly:
            self.memory.shapes[grammar.name, cut.shape] = shape
        return shape, with_derived(values, settled.derived)

    def _shape(self, settled: Settled) -> Shape:
        first = self.default_order.split(",", maxsplit=1)[0].split()[0]
        moments = {first, *self.ranged_orders} if self.ranged_orders else set[str]()
        shape = Shape(settled, tiebreak=self.tiebreak, moments=moments, narrow_by=self.narrow_by)
        name = next((name for name in self.ranged_orders if name in shape.ranges), None)
        if name is not None and first not in shape.ranges:
            keys = ordering.own(name, self.ranged_orders[name], self.fields, self.tiebreak)
            shape.order = None if keys is None else Order(keys)
        return shape

    def _order(self, source: str, faults: list[Violation]) -> Order | None:
        known = self.memory.orders.get(source)
        if known is not None:
            return known
        keys = ordering.parse(source or self.default_order, self.fields, self.tiebreak, further=self.further_orders)
        if isinstance(keys, Violation):
            faults.append(keys)
            return None
        order = self.memory.orders[source] = Order(keys)
        return order


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a page is: what its token says, or the beginning."""

    as_of: datetime | None
    last: tuple[Value | None, ...] | None = None
    is_backward: bool = False

    @classmethod
    def of_token(cls, token: str, order: Order, *, binding: tuple[str, ...], signer: Signer) -> "_Place | None":
        found = unseal(token, [*_HEAD, *[key.field for key in order.keys]], binding=binding, signer=signer)
        if found is None or found[0] is None:
            return None
        as_of = found[1] if isinstance(found[1], datetime) else None
        return cls(as_of=as_of, last=found[2:], is_backward=found[0] is True)


@functools.lru_cache(maxsize=4_096)
def _text_of(organisation_id: OrganisationId) -> str:
    return str(organisation_id)


_TOKEN_FAULT = Violation(
    "/page_token",
    "page_token_invalid",
    "The page token does not belong to this list, filter and order. Begin again without one.",
)


def _page_size(asked: int | str | None, faults: list[Violation]) -> int:
    if asked is None or asked == "":
        return DEFAULT_PAGE_SIZE
    text = str(asked)
    # Digits only, and few: int() would take underscores, signs and other scripts' digits.
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and 1 <= int(text) <= LARGEST_PAGE_SIZE:
        return int(text)
    faults.append(
        Violation("/page_size", "page_size_out_of_range", f"A page has 1 to {LARGEST_PAGE_SIZE} items; ask for that.")
    )
    return DEFAULT_PAGE_SIZE


def _count_up_to(asked: int | None, faults: list[Violation]) -> int | None:
    if asked is not None and not 1 <= asked <= LARGEST_COUNT:
        detail = f"It is counted up to 1 to {LARGEST_COUNT:,}; ask for that, or for no count."
        faults.append(Violation("/count_up_to", "count_out_of_range", detail))
    return asked
