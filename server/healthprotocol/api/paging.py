"""A page of a list, and the query every list takes (Google AIP-132, AIP-158, AIP-160)."""

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], omit_defaults=True, frozen=True):
    """Items in order; `next_page_token` is absent on the last page."""

    items: list[T]
    next_page_token: str | None = None


class ListQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """`filter`, `order_by` and `page_token` as the listing of the resource reads them; `page_size` 1 to 200."""

    filter: str = ""
    order_by: str = ""
    page_size: int = 50
    page_token: str | None = None


class NoQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A route that takes no query parameters refuses any."""
