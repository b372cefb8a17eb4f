"""
Find the page of what is tied to a row of another table by a table of keys, and only then read its rows.

Whether such rows are few or most, and how near they lie to where a list begins, PostgreSQL cannot know. In the order
of the keys the page is where they are entered. In another order all keys of the tie are read and sorted: from the index
alone, where the rows themselves would be a page of the disk each.
"""

from collections.abc import Sequence

import msgspec

from .compiler import Parameters, after, filter_condition, order_by
from .fields import IN, Field, Keys
from .listing import Listing, nulls_of
from .ordering import SortKey
from .ranges import required
from .shapes import Statement
from .sql import SqlText
from .tree import Bound, Comparison


class Keyed(msgspec.Struct, frozen=True):
    """A list whose filter and order a table of keys answers by itself; `base_select` and `base_where` as in `sql`."""

    listing: Listing
    keys: Keys

    @classmethod
    def of(cls, listing: Listing) -> "Keyed | None":
        """Return the list by its keys; None where they do not hold all that is asked."""
        keys = listing.shape.keys
        if keys is None or not all(key.name in keys.columns for key in listing.order.keys):
            return None
        return cls(listing, keys)

    @property
    def is_in_order(self) -> bool:
        """Whether the keys lie in the order of the list, and all else is a range of it: a page is in one place."""
        tie, rest = self._parts()
        first = self.listing.order.keys[0].name
        return tie.operator != IN and self.keys.order == first and all(each.name == first for each in rest)

    def sql(self, base_select: SqlText, base_where: SqlText, first_parameter: int) -> tuple[SqlText, list[Bound]]:
        """Return the statement of the page and its own arguments, as `Listing.sql` does; it holds a page and a row."""
        listing = self.listing
        key = (
            "keyed", base_select, base_where, first_parameter, listing.shape, listing.order, nulls_of(listing.last),
            listing.is_backward,
        )  # fmt: skip
        statement = listing.memory.statements.get(key)
        if statement is None:
            statement = self._page_statement(base_select, base_where, first_parameter)
            listing.memory.statements[key] = statement
        arguments = [listing.values[place] for place in statement.places]
        arguments += [value for value in listing.last or () if value is not None]
        return statement.sql, [*arguments, listing.page_size + 1]

    def count_sql(self, *, most: int) -> tuple[SqlText, list[Bound]]:
        """Return the statement that counts the rows, at most one past `most`, and all its arguments."""
        tie, rest = self._parts()
        return self._counting("count", [tie, *rest], most + 1)

    def reach_sql(self, *, rows: int) -> tuple[SqlText, list[Bound]]:
        """
        Return the statement that counts, up to one past `rows`, how many keys are read at most, and all its arguments.

        They are those of the tie, within the range of the order of the keys where there is one.
        """
        tie, rest = self._parts()
        return self._counting("reach", [tie, *(each for each in rest if each.name == self.keys.order)], rows + 1)

    def _counting(self, what: str, conditions: list[Comparison], limit: int) -> tuple[SqlText, list[Bound]]:
        listing = self.listing
        key = ("keyed", what, listing.shape)
        statement = listing.memory.statements.get(key)
        if statement is None:
            parameters = Parameters(1)
            inner = self._where(conditions, parameters) + "\nlimit " + parameters.more("bigint")
            text = "select count(*)\nfrom (\nselect from " + self.keys.source + inner + "\n) as counted"  # noqa: S608 - made of what the spec says
            statement = listing.memory.statements[key] = Statement(text, parameters.places)
        return statement.sql, [*[listing.values[place] for place in statement.places], limit]

    def _page_statement(self, base_select: SqlText, base_where: SqlText, first_parameter: int) -> Statement:
        listing, columns = self.listing, self.keys.columns
        parameters = Parameters(first_parameter)
        order, _ = listing.directions()
        by_keys = [SortKey(key.name, self._moved(key.name, key.field), key.is_descending) for key in order]
        tie, rest = self._parts()
        inner = self._where([tie, *rest], parameters)
        if listing.last is not None:
            inner += "\n  and " + after(by_keys, nulls_of(listing.last), parameters)
        wanted = next(key for key in order if key.name == self.keys.tiebreak).field.expression
        limit = "\nlimit " + parameters.more("bigint")
        found: SqlText = "select " + columns[self.keys.tiebreak] + " from " + self.keys.source + inner  # noqa: S608 - the same
        text = (
            base_select
            + "\nwhere "
            + base_where
            + "\n  and "
            + wanted
            # Not an array of ids: one row is asked for at a time, in the partition that it is in.
            + " in (\n"
            + found
            + "\norder by "
            + order_by(by_keys)
            + limit
            + "\n)\norder by "
            # Else PostgreSQL goes through the whole index that has this order, for some ids that it believes to be few.
            + order_by(order, is_fenced=True)
            + limit
        )
        return Statement(text, parameters.places)

    def _where(self, conditions: Sequence[Comparison], parameters: Parameters) -> SqlText:
        moved: list[SqlText] = [
            filter_condition(msgspec.structs.replace(each, field=self._moved(each.name, each.field)), parameters)
            for each in conditions
        ]
        return "\nwhere " + "\n  and ".join(moved)

    def _moved(self, name: str, field: Field) -> Field:
        """The field as the table of keys holds it."""
        return msgspec.structs.replace(field, expression=self.keys.columns[name], join=None)

    def _parts(self) -> tuple[Comparison, list[Comparison]]:
        """The comparison with the row that all is tied to, and the others."""
        found = list(required(self.listing.shape.settled.node))
        tie = next(each for each in found if each.field.join is not None)
        return tie, [each for each in found if each is not tie]
