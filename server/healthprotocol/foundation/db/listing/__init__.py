"""Whitelisted filter, order and keyset pages for every list."""

from .errors import QueryTooCostly
from .fields import (
    Blind,
    Compound,
    Field,
    Join,
    Keys,
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
from .grammar import Cut, Grammar
from .listing import Listing
from .page import Asked, Page
from .page_token import Signer, seal, unseal
from .reading import counted, fetch_page
from .spec import ListingSpec
from .sql import SqlText
from .tree import Bound, Comparison, FilterFault, Junction, Negation, Parsed, Slot
from .values import read

__all__ = [
    "Asked",
    "Blind",
    "Bound",
    "Comparison",
    "Compound",
    "Cut",
    "Field",
    "FilterFault",
    "Grammar",
    "Join",
    "Junction",
    "Keys",
    "Kind",
    "Listing",
    "ListingSpec",
    "Negation",
    "Page",
    "Parsed",
    "QueryTooCostly",
    "Signer",
    "Slot",
    "SqlText",
    "boolean",
    "choice",
    "counted",
    "date",
    "fetch_page",
    "ids",
    "integer",
    "part",
    "read",
    "seal",
    "secret",
    "tags",
    "text",
    "timestamp",
    "unseal",
    "uuid",
    "words",
]
