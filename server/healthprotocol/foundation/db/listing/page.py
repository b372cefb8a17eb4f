"""What is asked of a list, and a page of it."""

from collections.abc import Iterable
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")
U = TypeVar("U")

DEFAULT_PAGE_SIZE = 50
LARGEST_PAGE_SIZE = 200
LARGEST_COUNT = 10_000


class Page(msgspec.Struct, Generic[T], omit_defaults=True, frozen=True):
    """
    Items in order; `next_page_token` is absent on the last page, `previous_page_token` on the first.

    Only where a count was asked for: `total` is exact; `total_at_least` stands in its place when there are more than
    were counted.
    """

    items: list[T]
    next_page_token: str | None = None
    previous_page_token: str | None = None
    total: int | None = None
    total_at_least: int | None = None

    def of(self, items: Iterable[U]) -> "Page[U]":
        """Return the same page with other items, what became of these."""
        return Page(list(items), self.next_page_token, self.previous_page_token, self.total, self.total_at_least)


class Asked(msgspec.Struct, kw_only=True, frozen=True):
    """
    The parameters of a list request, as they came; `ListingSpec` checks them.

    `page_size` is 1 to 200; `count_up_to`, 1 to 10,000, also asks how many there are, counted no further than that.
    """

    filter: str = ""
    order_by: str = ""
    page_size: int = DEFAULT_PAGE_SIZE
    page_token: str | None = None
    count_up_to: int | None = None
