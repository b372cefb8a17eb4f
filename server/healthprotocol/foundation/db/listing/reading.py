"""
Run a list request: hold it to its budget, read the page, count where a count was asked for.

PostgreSQL estimates the cost of a statement before it runs (EXPLAIN, under the same policies of row-level security).
That is asked once an hour for a usual shape, and once an hour and organisation for an unusual one; what is refused is
estimated again each time, because the values may be others. The key holds the text of a statement, which holds no
value of anybody.
"""

import time
from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec
import structlog

from healthprotocol.foundation.db.transaction import Record, Transaction
from healthprotocol.foundation.errors import Violation
from healthprotocol.foundation.flags.declaration import boolean

from .errors import QueryTooCostly
from .keyed import Keyed
from .listing import Listing
from .page import Page
from .sql import SqlText
from .walking import Walk

# In PostgreSQL's units, of which a page read in order costs some ten. At this many a statement takes a quarter of a
# second from memory, and longer from a disk.
MOST_COST = 25_000.0
_REMEMBERED_SECONDS = 3_600.0

# PostgreSQL's estimate can be wrong for an organisation's data: then an admin turns the refusal off, not the lists.
COST_GUARD = boolean(
    "lists.cost-guard",
    default=True,
    owner="platform",
    description="Lists that the database expects to be dear are refused with a hint, in place of being run.",
    created_on=date(2026, 11, 22),
)

log = structlog.get_logger("listing")


async def fetch_page(
    tx: Transaction, listing: Listing, base_select: SqlText, base_where: SqlText, *args: object, is_all: bool = False
) -> Page[Record]:
    """
    Return a page of rows; `args` are those of `base_select` and `base_where`, which `Listing.sql` tells of.

    `is_all` says that `base_where` holds the organisation and nothing else, so that tables of keys may answer.
    Raises QueryTooCostly.
    """
    if listing.contended:
        keyed = Keyed.of(listing) if is_all else None
        return await _walked(Walk(require_affordable, tx, listing, base_select, base_where, args, keyed))
    first = len(args) + 1
    sql, more = listing.sql(base_select, base_where, first)
    await require_affordable(tx, listing, sql, [*args, *more])
    page = listing.page(await tx.fetch(sql, *args, *more))
    if listing.count_up_to is None:
        return page
    most = listing.count_up_to
    sql, more = listing.count_sql(base_select, base_where, first, most=most)
    await require_affordable(tx, listing, sql, [*args, *more])
    return counted(page, await tx.fetchval(sql, *args, *more), most=most)


async def _walked(walk: Walk) -> Page[Record]:
    listing = walk.listing
    page = listing.page(await walk.rows())
    most = listing.count_up_to
    return page if most is None else counted(page, await walk.count(most), most=most)


def counted(page: Page[Any], found: int, *, most: int) -> Page[Any]:
    """Return the page with how many there are: exactly when `found` is no more than `most`, else at least `most`."""
    if found > most:
        return msgspec.structs.replace(page, total_at_least=most)
    return msgspec.structs.replace(page, total=found)


async def require_affordable(tx: Transaction, listing: Listing, sql: SqlText, args: Sequence[object]) -> None:
    """Raise QueryTooCostly when PostgreSQL expects the statement to cost more than MOST_COST."""
    key = (sql, tx.tenant if listing.shape.is_unusual else None)
    now = time.monotonic()
    if listing.memory.affordable.get(key, 0.0) > now:
        return
    if not tx.flags.is_on(COST_GUARD):
        return
    cost = await estimated_cost(tx, sql, args)
    if cost > MOST_COST:
        log.info("listing.refused", listing=listing.name, cost=round(cost), fields=listing.shape.costly_fields)
        raise _too_costly(listing, cost)
    listing.memory.affordable[key] = now + _REMEMBERED_SECONDS


async def estimated_cost(tx: Transaction, sql: SqlText, args: Sequence[object]) -> float:
    """Return what PostgreSQL expects a statement to cost, in its own units."""
    plan = await tx.fetchval("explain (format json) " + sql, *args)
    found = msgspec.json.decode(plan) if isinstance(plan, str) else plan
    return float(found[0]["Plan"]["Total Cost"])


def _too_costly(listing: Listing, cost: float) -> QueryTooCostly:
    narrow = [name for name in listing.narrowing() if name not in listing.shape.costly_fields]
    costly = listing.shape.costly_fields
    detail = f"Narrow it by {' or '.join(narrow)}" if narrow else "Ask for less"
    if costly:
        detail += f", and compare {', '.join(costly)} without OR, NOT or != where you can"
    return QueryTooCostly(
        detail + ".",
        violations=[Violation("/filter", "too_costly", detail + ".")],
        public={"costly_fields": list(costly), "narrow_by": narrow, "cost": round(cost), "most_cost": MOST_COST},
        private=f"{listing.name}: {listing.order.keys[0].name}",
    )
