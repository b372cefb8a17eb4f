"""
Read a page of rows that may lie far along in its order.

Such are those whose filter gives a range to one field and whose order goes by another that rises together with it, and
those tied to one row of another table. PostgreSQL errs about both: of the first it expects some all along the order,
where they may begin millions of rows away, and of the second few, where they may be most. So the walk is ended after
some rows. Where that was too early, a small range is found by its own index and sorted, and a large one is refused:
nothing of it reads more than FARTHEST rows at a time. What is tied is found by its keys, where there are such and they
lie in the order of the list or are few; else by the join, and sorted, if PostgreSQL expects that to be affordable.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from healthprotocol.foundation.db.transaction import Record, Transaction
from healthprotocol.foundation.errors import Violation

from .compiler import Way
from .errors import QueryTooCostly
from .keyed import Keyed
from .listing import Listing
from .sql import SqlText

# Most such pages are full after some rows of the order. A row walked is a buffer or two: 3,000 take some 5 ms from
# memory.
NEAREST, FARTHEST = 300, 3_000
# What is tied to another row is walked further: to find all of it instead takes some buffers a row of it.
FARTHEST_TIED = 20_000
# So many keys are read and sorted: some 300 buffers, and 5 ms from memory.
MOST_KEYS = 20_000


class Walk(msgspec.Struct, frozen=True):
    """
    A list, and the statement that it is made of; `args` are those of `select` and `where`.

    `guard` raises QueryTooCostly for a statement that PostgreSQL itself expects to be dear, such as one that no index
    has the order of.
    """

    guard: Callable[[Transaction, Listing, SqlText, Sequence[object]], Awaitable[None]]
    tx: Transaction
    listing: Listing
    select: SqlText
    where: SqlText
    args: Sequence[object]
    keyed: Keyed | None = None

    async def rows(self) -> list[Record]:
        """Return the rows of the page, one more than it when there are more. Raises QueryTooCostly."""
        if self.keyed is not None and self.keyed.is_in_order:
            return await self._rows_by_keys(self.keyed)
        rows = await self._rows_within("walked", NEAREST)
        if rows is None and self.keyed is not None and await self._are_few(self.keyed):
            rows = await self._rows_by_keys(self.keyed)
        if rows is None:
            rows = await self._rows_within("listed", FARTHEST if self._ranged else FARTHEST_TIED)
        if rows is None:
            await self._require_few()
            sql, more = self.listing.sql(self.select, self.where, len(self.args) + 1, way="sorted")
            rows = await self._fetch(sql, more)
        return rows

    async def count(self, most: int) -> int:
        """Return how many rows the filter selects, or `most` + 1 when there are more. Raises QueryTooCostly."""
        if self.keyed is not None and (self.keyed.is_in_order or await self._are_few(self.keyed)):
            sql, args = self.keyed.count_sql(most=most)
            return await self.tx.fetchval(sql, *args)
        if len(self.listing.shape.ranges) <= 1:
            # The order is no matter here, and the index of the one range finds nothing but its rows.
            return await self._counted(most, None)
        whole = msgspec.structs.replace(self.listing, last=None, is_backward=False)
        stop = await self._row_after(whole, FARTHEST)
        until = None if stop is None else whole.place_reached(self.select, stop)
        found = await self._counted(most, until)
        if until is None or found > most:
            return found
        await self._require_few("/count_up_to")
        return await self._counted(most, None)

    async def _rows_within(self, way: Way, reach: int) -> list[Record] | None:
        """Return the rows of the page that lie within `reach` rows; None when it is not full there, and goes on."""
        listing = self.listing
        stop = await self._row_after(listing, reach)
        until = None if stop is None else listing.place_reached(self.select, stop)
        rows = await self._fetch(*listing.sql(self.select, self.where, len(self.args) + 1, way=way, until=until))
        return rows if until is None or len(rows) > listing.page_size else None

    async def _rows_by_keys(self, keyed: Keyed) -> list[Record]:
        return await self._fetch(*keyed.sql(self.select, self.where, len(self.args) + 1))

    async def _are_few(self, keyed: Keyed) -> bool:
        sql, args = keyed.reach_sql(rows=MOST_KEYS)
        return await self.tx.fetchval(sql, *args) <= MOST_KEYS

    @property
    def _ranged(self) -> list[str]:
        return [name for name in self.listing.contended if name in self.listing.shape.ranges]

    async def _counted(self, most: int, until: "tuple[Any, ...] | None") -> int:
        first = len(self.args) + 1
        sql, more = self.listing.count_sql(self.select, self.where, first, most=most, until=until)
        return await self.tx.fetchval(sql, *self.args, *more)

    async def _row_after(self, listing: Listing, rows: int, *, of: str = "") -> Record | None:
        found = await self._fetch(*listing.reach_sql(self.select, self.where, len(self.args) + 1, rows=rows, of=of))
        return next(iter(found), None)

    async def _fetch(self, sql: SqlText, more: Sequence[object]) -> list[Record]:
        await self.guard(self.tx, self.listing, sql, [*self.args, *more])
        return await self.tx.fetch(sql, *self.args, *more)

    async def _require_few(self, pointer: str = "/order_by") -> None:
        """Raise QueryTooCostly when there are ranges, and each of them holds more rows than may be sorted."""
        for name in self._ranged:
            if await self._row_after(self.listing, FARTHEST, of=name) is None:
                return
        if self._ranged:
            raise _too_far(self.listing, self._ranged, pointer)


def _too_far(listing: Listing, ranged: Sequence[str], pointer: str) -> QueryTooCostly:
    first = listing.order.keys[0].name
    narrow = [name for name in listing.narrowing() if name not in listing.shape.moments]
    detail = (
        f"The rows of this range of {' and '.join(ranged)} lie far along in the order of {first}, and are too many to "
        f"sort or to count there: order by {ranged[0]} and give only it a range, or one of fewer than {FARTHEST:,} rows"
        + (f", or narrow it by {' or '.join(narrow)}" if narrow else "")
    )
    return QueryTooCostly(
        detail + ".",
        violations=[Violation(pointer, "too_costly", detail + ".")],
        public={"costly_fields": list(ranged), "narrow_by": narrow, "most_rows": FARTHEST},
        private=f"{listing.name}: {first} beside {ranged[0]}",
    )
