"""
What a grammar of filters is: whatever reads a caller's words into a condition tree.

`ListingSpec.ask` and `parse` take one, AIP-160's by default. Everything behind the tree (compounds, blind indexes, the
memory of shapes, statements, pages, budgets) is the same for all, and no grammar ever writes SQL.
"""

from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from .fields import Field
from .tree import Bound, Parsed


class Cut(msgspec.Struct, frozen=True):
    """
    A filter cut in two without understanding it: `shape` names all of it but its values, `written` are these, in order.

    Two filters of the same `shape` must have the same tree, and `written` must fill its slots one for one.
    """

    shape: Hashable
    written: Sequence[str]


class Grammar(Protocol):
    """
    Reads filters.

    `name` is bound into page tokens and the memory of shapes: the same words may mean something else in two grammars.
    """

    @property
    def name(self) -> str:
        """What tells it from the others."""
        ...

    def speaks_of_now(self, source: str) -> bool:
        """Whether `source` may mean something else a moment later; then the pages of a list share one present."""
        ...

    def cut(self, source: str) -> Cut | None:
        """Return the cut of `source`, so that its shape is not read again; None: it is read in full."""
        ...

    def read(self, source: str, fields: Mapping[str, Field], now: datetime) -> tuple[Parsed, list[Bound], bool]:
        """
        Return the tree of `source`, the values of its slots, and whether `cut` cuts it rightly. Raises FilterFault.

        The comparisons must be of `fields`, by operators that each of them has. The bound of what is read is the
        grammar's business: its depth, its terms, its length.
        """
        ...
