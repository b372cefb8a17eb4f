"""A page of a list, and the query every list takes (Google AIP-132, AIP-158, AIP-160)."""

import msgspec

from healthprotocol.foundation.db.listing.page import Asked, Page

__all__ = ["ListQuery", "NoQuery", "Page"]


class ListQuery(Asked, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """
    `filter`, `order_by` and `page_token` as the listing of the resource reads them; `page_size` 1 to 200.

    `count_up_to`, 1 to 10,000, also asks for `total`, or `total_at_least` that many.
    """


class NoQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A route that takes no query parameters refuses any."""
