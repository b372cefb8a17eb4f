"""
Lists: one whitelist per list, parsed from `filter`, `order_by`, `page_size` and `page_token` (AIP-132, 158, 160).

A repository declares its list once and asks for pages; the caller's words never reach SQL:

    PROTOCOLS = ListingSpec(
        name="protocols",
        fields={"id": uuid("p.id", sortable=True), "status": choice("p.status", STATES), ...},
        default_order="title",
    )
    sql, args = listing.sql("select p.id, p.title from page p", "p.organisation_id = $1", 2)
    rows, next_page_token = listing.page(await tx.fetch(sql, organisation_id, *args))
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from healthprotocol.foundation.errors import BadRequest, Violation
from healthprotocol.foundation.ids import OrganisationId

from . import filters, ordering
from .conditions import Parameters, after, filter_condition
from .fields import Field
from .filters import FilterFault, Node
from .ordering import SortKey
from .page_token import Signer, seal, unseal
from .values import Value

DEFAULT_PAGE_SIZE = 50
LARGEST_PAGE_SIZE = 200
_MOST_DIGITS = 6


class Columns(Protocol):
    """What a row of any driver can do: give a column by its name."""

    def __getitem__(self, name: str, /) -> Any:
        """Return the value of a column."""
        ...


Row = TypeVar("Row", bound=Columns)


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One request for one page, checked. `last` is the sort values of the row before the page, None on the first."""

    page_size: int
    order: tuple[SortKey, ...]
    condition: Node | None
    last: tuple[Value | None, ...] | None
    binding: tuple[str, ...]
    signer: Signer

    def where(self, first_parameter: int) -> tuple[str, list[Value | None]]:
        """Return the filter alone as a condition (`true` without one), for acts on everything it selects."""
        parameters = Parameters(first_parameter)
        clause = "true" if self.condition is None else filter_condition(self.condition, parameters)
        return clause, parameters.values

    def sql(self, base_select: str, base_where: str, first_parameter: int) -> tuple[str, list[Value | None]]:
        """
        Return the statement of this page and its own arguments, numbered from `first_parameter`.

        `base_select` must yield every sortable field as a column of the field's name, because the next page token is
        made of them. `base_where` must hold the organisation. One row more than the page is read, to see the end.
        """
        parameters = Parameters(first_parameter)
        conditions = [base_where]
        if self.condition is not None:
            conditions.append(filter_condition(self.condition, parameters))
        if self.last is not None:
            conditions.append(after(self.order, self.last, parameters))
        limit = parameters.bind(self.page_size + 1, "bigint")
        clauses = [
            base_select,
            "where " + "\n  and ".join(conditions),
            "order by " + ", ".join(key.sql for key in self.order),
            f"limit {limit}",
        ]
        return "\n".join(clauses), parameters.values

    def page(self, rows: Sequence[Row]) -> tuple[list[Row], str | None]:
        """Return the rows of the page and the token of the next, or None when this was the last."""
        if len(rows) <= self.page_size:
            return list(rows), None
        page = list(rows[: self.page_size])
        values = [page[-1][key.name] for key in self.order]
        return page, seal(values, binding=self.binding, signer=self.signer)


class ListingSpec(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one list offers.

    `name` binds page tokens and must be unique; `tiebreak` names a unique, sortable, never-null field that ends every
    order.
    """

    name: str
    fields: Mapping[str, Field]
    default_order: str
    tiebreak: str = "id"

    def __post_init__(self) -> None:
        """Refuse, at import, a spec that could not page."""
        tiebreak = self.fields.get(self.tiebreak)
        if tiebreak is None or not tiebreak.sortable or tiebreak.nullable:
            raise ValueError(f"listing {self.name}: the tiebreak must be a sortable field that is never null")
        is_ordered = not isinstance(ordering.parse(self.default_order, self.fields, self.tiebreak), Violation)
        if not is_ordered:
            raise ValueError(f"listing {self.name}: the default order names an unknown field")

    def parse(
        self,
        *,
        filter: str | None = None,  # noqa: A002 - the public name of the parameter
        order_by: str | None = None,
        page_size: int | str | None = None,
        page_token: str | None = None,
        signer: Signer,
        organisation_id: OrganisationId,
    ) -> Listing:
        """
        Check the four parameters of a list request.

        A page size outside 1 to 200 is refused rather than bent to fit: a caller that asked for 1,000 and silently got
        200 would take the first page for the whole.

        Raises:
            BadRequest: with every fault, at `/filter`, `/order_by`, `/page_size` and `/page_token`.
        """
        faults: list[Violation] = []
        condition = self._condition(filter or "", faults)
        order = self._order(order_by or "", faults)
        size = _page_size(page_size, faults)
        binding = (str(organisation_id), self.name, (filter or "").strip(), (order_by or "").strip())
        last = None
        # A token is bound to the query: while that is faulty there is nothing to check it against.
        if page_token and not any(fault.pointer != "/page_size" for fault in faults):
            last = unseal(page_token, [key.field for key in order], binding=binding, signer=signer)
            if last is None:
                faults.append(_TOKEN_FAULT)
        if faults:
            raise BadRequest(violations=faults)
        return Listing(page_size=size, order=order, condition=condition, last=last, binding=binding, signer=signer)

    def _condition(self, source: str, faults: list[Violation]) -> Node | None:
        try:
            return filters.parse(source, self.fields)
        except FilterFault as fault:
            faults.append(fault.violation)
            return None

    def _order(self, source: str, faults: list[Violation]) -> tuple[SortKey, ...]:
        order = ordering.parse(source if source.strip() else self.default_order, self.fields, self.tiebreak)
        if isinstance(order, Violation):
            faults.append(order)
            return ()
        return order


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
