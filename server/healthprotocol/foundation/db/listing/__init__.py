"""Whitelisted filter, order and keyset pages for every list."""

from .errors import QueryTooCostly
from .fields import (
    Blind,
    Compound,
    Field,
    Join,
    Kind,
    boolean,
    choice,
    date,
    ids,
    integer,
    part,
    secret,
    tags,
    text,
    timestamp,
    uuid,
    words,
)
from .listing import Listing
from .page import Asked, Page
from .page_token import Signer, seal, unseal
from .reading import counted, fetch_page
from .spec import ListingSpec
from .sql import SqlText

__all__ = [
    "Asked",
    "Blind",
    "Compound",
    "Field",
    "Join",
    "Kind",
    "Listing",
    "ListingSpec",
    "Page",
    "QueryTooCostly",
    "Signer",
    "SqlText",
    "boolean",
    "choice",
    "counted",
    "date",
    "fetch_page",
    "ids",
    "integer",
    "part",
    "seal",
    "secret",
    "tags",
    "text",
    "timestamp",
    "unseal",
    "uuid",
    "words",
]
