"""Whitelisted filter, order and keyset pages for every list."""

from .fields import Field, boolean, choice, date, integer, tags, text, timestamp, uuid
from .page_token import Signer, seal, unseal
from .spec import Listing, ListingSpec

__all__ = [
    "Field",
    "Listing",
    "ListingSpec",
    "Signer",
    "boolean",
    "choice",
    "date",
    "integer",
    "seal",
    "tags",
    "text",
    "timestamp",
    "unseal",
    "uuid",
]
