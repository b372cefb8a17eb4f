"""One request for one page, checked: its statements with their arguments, and the page of the rows they return."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import msgspec

from .compiler import Parameters, Way, after, filter_condition, order_by
from .ordering import SortKey
from .page import Page
from .page_token import Signer, seal
from .settling import Derived
from .shapes import Memory, Order, Shape, Statement
from .sql import SqlText
from .tree import Bound, comparisons
from .values import Value, after_prefix

if TYPE_CHECKING:
    from datetime import datetime

    from healthprotocol.foundation.db.transaction import Transaction


class Columns(Protocol):
    """What a row of any driver can do: give a column by its name."""

    def __getitem__(self, name: str, /) -> Any:
        """Return the value of a column."""
        ...

    def values(self) -> Iterable[Any]:
        """Return the values of all columns in their order."""
        ...


Row = TypeVar("Row", bound=Columns)
# Where a row stands in an order: its values by the keys.
Place: TypeAlias = tuple[Value | None, ...]


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """
    A checked list request.

    `last` is the sort values of the row beside the page (before it, or behind it when `is_backward`), None on the
    first. `as_of` is what `now` means in the filter, None where it does not speak of it. `values` are those of the
    filter, with places for what is derived from them.
    """

    name: str
    page_size: int
    order: Order
    shape: Shape
    values: tuple[Bound, ...]
    last: Place | None
    is_backward: bool
    as_of: "datetime | None"
    count_up_to: int | None
    binding: tuple[str, ...]
    signer: Signer
    memory: Memory
    narrowing: Callable[[], tuple[str, ...]]

    @property
    def contended(self) -> tuple[str, ...]:
        """The fields whose range may lie far from where the order begins, so that the walk there has to be bounded."""
        first = self.order.keys[0].name
        return tuple([name for name in self.shape.contenders if name != first])

    async def sealed(self, tx: "Transaction") -> "Listing":
        """Return the listing with the blind indexes that its filter compares by, under the keys of the organisation."""
        values = list(self.values)
        first = len(self.shape.settled.slots)
        for place, derived in enumerate(self.shape.settled.derived, start=first):
            if derived.blind is not None:
                values[place] = await _indexed(tx, derived, values)
        return msgspec.structs.replace(self, values=tuple(values))

    def where(self, first_parameter: int) -> tuple[SqlText, list[Any]]:
        """Return the filter alone as a condition (`true` without one), for acts on everything it selects."""
        key = (first_parameter, self.shape)
        statement = self.memory.statements.get(key)
        if statement is None:
            parameters = Parameters(first_parameter)
            node = self.shape.settled.node
            clause: SqlText = "true" if node is None else filter_condition(node, parameters)
            statement = self.memory.statements[key] = Statement(clause, parameters.places)
        return statement.sql, [self.values[place] for place in statement.places]

    def sql(
        self,
        base_select: SqlText,
        base_where: SqlText,
        first_parameter: int,
        *,
        way: Way = "",
        until: Place | None = None,
    ) -> tuple[SqlText, list[Any]]:
        """
        Return the statement of this page and its own arguments, numbered from `first_parameter`.

        `base_select` must yield every sortable field as a column of the field's name, because the page tokens are made
        of them. `base_where` must hold the organisation. One row more than the page is read, to see the end. The rows
        of a page on the way back come in reverse; `page` turns them. `until` ends a walk before
        a row.
        """
        key = (base_select, base_where, first_parameter, self.shape, self.order, nulls_of(self.last), self.is_backward)
        if way:
            key = (*key, way, until is None, nulls_of(until))
        statement = self.memory.statements.get(key)
        if statement is None:
            statement = self._page_statement(base_select, base_where, first_parameter, way=way, until=until)
            self.memory.statements[key] = statement
        arguments: list[Any] = [self.values[place] for place in statement.places]
        if self.last is not None:
            arguments += [value for value in self.last if value is not None]
        if until is not None:
            arguments += [value for value in until if value is not None]
        arguments.append(self.page_size + 1)
        return statement.sql, arguments

    def count_sql(
        self, base_select: SqlText, base_where: SqlText, first_parameter: int, *, most: int, until: Place | None = None
    ) -> tuple[SqlText, list[Any]]:
        """Return the statement that counts what the filter selects, at most one past `most`, and its arguments."""
        key = (base_select, base_where, first_parameter, self.shape)
        if until is not None:
            key = (*key, self.order, nulls_of(until))
        statement = self.memory.statements.get(key)
        if statement is None:
            parameters = Parameters(first_parameter, way="" if until is None else "listed")
            conditions = self._conditions(base_where, parameters)
            if until is not None:
                conditions += "\n  and " + after(self.order.backward, nulls_of(until), parameters)
            # Columns that nobody asks for are not computed.
            inner = base_select + "\nwhere " + conditions + "\nlimit " + parameters.more("bigint")
            statement = Statement("select count(*)\nfrom (\n" + inner + "\n) as counted", parameters.places)
            self.memory.statements[key] = statement
        arguments: list[Any] = [self.values[place] for place in statement.places]
        if until is not None:
            arguments += [value for value in until if value is not None]
        return statement.sql, [*arguments, most + 1]

    def reach_sql(
        self, base_select: SqlText, base_where: SqlText, first_parameter: int, *, rows: int, of: str = ""
    ) -> tuple[SqlText, list[Any]]:
        """
        Return the statement of the one row that lies `rows` rows away, whatever else the filter says of them.

        They are walked from where the page begins, in its order. With `of`, the name of a field with a range, they are
        those of that range, in the order of the field. Nothing but the order's own range stands in the condition, so
        an index is walked for `rows` rows and no more; and nothing but the order's values is selected, where the select
        is plain enough to be cut, so that the rows themselves need not be read. `place_reached` reads the answer.
        """
        key = ("reach", base_select, base_where, first_parameter, self.shape, of)
        if not of:
            key = (*key, self.order, nulls_of(self.last), self.is_backward)
        statement = self.memory.statements.get(key)
        if statement is None:
            statement = self._reach_statement(base_select, base_where, first_parameter, of=of)
            self.memory.statements[key] = statement
        arguments: list[Any] = [self.values[place] for place in statement.places]
        if self.last is not None and not of:
            arguments += [value for value in self.last if value is not None]
        return statement.sql, [*arguments, rows]

    def place_reached(self, base_select: SqlText, row: Columns) -> Place:
        """Return where the row stands that `reach_sql` found."""
        return tuple(row.values()) if _is_plain(base_select) else self.place_of(row)

    def place_of(self, row: Columns) -> Place:
        """Return the values of a row that say where it stands in the order."""
        return tuple([row[key.name] for key in self.order.keys])

    def page(self, rows: Sequence[Row]) -> Page[Row]:
        """Return the rows of the page with the tokens of its neighbours."""
        is_more = len(rows) > self.page_size
        items = list(rows[: self.page_size])
        if not items:
            return Page(items)
        if self.is_backward:
            items.reverse()
        # Whence one came, there is a page; the other way there is one when a row more was found.
        came_from = self.last is not None
        has_next, has_previous = (came_from, is_more) if self.is_backward else (is_more, came_from)
        return Page(
            items,
            next_page_token=self._token(items[-1], is_backward=False) if has_next else None,
            previous_page_token=self._token(items[0], is_backward=True) if has_previous else None,
        )

    def _token(self, row: Columns, *, is_backward: bool) -> str:
        return seal([is_backward, self.as_of, *self.place_of(row)], binding=self.binding, signer=self.signer)

    def _conditions(self, base_where: SqlText, parameters: Parameters) -> SqlText:
        node = self.shape.settled.node
        return base_where if node is None else base_where + "\n  and " + filter_condition(node, parameters)

    def _page_statement(
        self,
        base_select: SqlText,
        base_where: SqlText,
        first_parameter: int,
        *,
        way: Way,
        until: Place | None,
    ) -> Statement:
        parameters = Parameters(first_parameter, way=way)
        keys, opposite = self.directions()
        conditions = self._conditions(base_where, parameters)
        if self.last is not None:
            conditions += "\n  and " + after(keys, nulls_of(self.last), parameters)
        if until is not None:
            conditions += "\n  and " + after(opposite, nulls_of(until), parameters)
        # Of a single row the index of the order knows nothing: without a fence a kept plan walks all of it in vain.
        is_fenced = way == "sorted" or self.shape.is_single
        text = (
            base_select
            + "\nwhere "
            + conditions
            + "\norder by "
            + order_by(keys, is_fenced=is_fenced)
            + "\nlimit "
            + parameters.more("bigint")
        )
        return Statement(text, parameters.places)

    def _reach_statement(
        self, base_select: SqlText, base_where: SqlText, first_parameter: int, *, of: str
    ) -> Statement:
        parameters = Parameters(first_parameter)
        keys, _ = self.directions()
        conditions = base_where
        own = self.shape.ranges.get(of or keys[0].name)
        if own is not None:
            conditions += "\n  and " + filter_condition(own, parameters)
        if self.last is not None and not of:
            conditions += "\n  and " + after(keys, nulls_of(self.last), parameters)
        if own is not None and of:
            walked = wanted = next(comparisons(own)).field.expression
        else:
            walked, wanted = order_by(keys), ", ".join([key.field.expression for key in keys])
        ends = "\norder by " + walked + "\noffset " + parameters.more("bigint") + "\nlimit 1"
        selected = "select " + wanted + " " + _source_of(base_select) if _is_plain(base_select) else base_select
        return Statement(selected + "\nwhere " + conditions + ends, parameters.places)

    def directions(self) -> "tuple[Sequence[SortKey], Sequence[SortKey]]":
        """Return the keys in the direction that the page is read in, and in the opposite one."""
        order = self.order
        return (order.backward, order.keys) if self.is_backward else (order.keys, order.backward)


def _is_plain(base_select: SqlText) -> bool:
    """Whether what is selected ends at the one `from` there is."""
    return base_select.count("from ") == 1


def _source_of(base_select: SqlText) -> SqlText:
    return base_select[base_select.index("from ") :]


def nulls_of(place: Place | None) -> tuple[bool, ...]:
    """Which values of a place are missing: what decides how it is compared with."""
    return () if place is None else tuple([value is None for value in place])


def with_derived(values: list[Bound], derived: Sequence[Derived]) -> tuple[Bound, ...]:
    """Return the values with places behind them for what is derived; the blind indexes are put in by `sealed`."""
    if not derived:
        return tuple(values)
    ends = [after_prefix(str(values[one.parts[0]])) if one.blind is None else None for one in derived]
    return (*values, *ends)


async def _indexed(tx: "Transaction", derived: Derived, values: Sequence[Bound]) -> Bound:
    blind = derived.blind
    assert blind is not None
    indexer = await tx.keys.index(tx, blind.table, blind.column, blind.index, size=blind.size_bytes)
    if derived.is_many:
        many = values[derived.parts[0]]
        assert isinstance(many, list)
        return [indexer.of(str(one)) for one in many]
    if len(derived.parts) == 1:
        return indexer.of(str(values[derived.parts[0]]))
    return indexer.of(blind.normalise([values[part] for part in derived.parts]))
