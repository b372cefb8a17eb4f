"""
What is remembered of queries: parsed filters, orders, statements, and what statements cost; nothing of their values.

All of it is per process, bounded, and can be made anew from the request at any time.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from cachebox import LRUCache

from .fields import HAS, IN, PREFIX, Kind
from .ordering import SortKey
from .ranges import is_narrowed, is_single, keys_of, ranges, ties
from .settling import Settled
from .sql import SqlText
from .tree import Comparison, Junction, Negation, Node, comparisons

_MOST_SHAPES = 512
_MOST_STATEMENTS = 1_024
_MOST_COSTS = 4_096
_USUAL = frozenset({"=", "<", "<=", ">", ">=", IN, PREFIX, HAS})


class Shape:
    """A filter without its values. Compared by identity: there is one of each in the memory of its spec."""

    __slots__ = (
        "contenders", "costly_fields", "is_sealed", "is_single", "is_unusual", "keys", "moments", "order", "ranges",
        "settled",
    )  # fmt: skip

    def __init__(
        self, settled: Settled, *, tiebreak: str = "id", moments: Collection[str] = (), narrow_by: Collection[str] = ()
    ) -> None:
        self.settled = settled
        # Whether at most one row is meant, which no order has to find.
        self.is_single = is_single(settled.node, tiebreak)
        self.ranges = ranges(settled.node)
        # The fields that rise together; and those of them that have a range here, with the broad joins: what may lie
        # far along in the order. Few rows are in no danger.
        self.moments = frozenset(moments)
        narrowed = is_narrowed(settled.node, narrow_by)
        far = (*[name for name in self.ranges if name in moments], *ties(settled.node))
        self.contenders = () if narrowed else far
        # What finds all rows of it by their keys alone; None where nothing does.
        self.keys = None if narrowed else keys_of(settled.node)
        # What the list is ordered by when the request does not say, where the filter decides that.
        self.order: Order | None = None
        self.is_sealed = settled.is_sealed
        self.costly_fields = tuple(dict.fromkeys(_costly(settled.node, is_loose=False)))
        # One comparison that an index serves costs the same in every organisation, give or take its size.
        self.is_unusual = bool(self.costly_fields) or sum(1 for _ in comparisons(settled.node)) > 1


class Order:
    """Sort keys, and the same the other way round. Compared by identity."""

    __slots__ = ("backward", "keys", "text")

    def __init__(self, keys: Sequence[SortKey]) -> None:
        self.keys = tuple(keys)
        self.text = ", ".join([key.name + (" desc" if key.is_descending else "") for key in keys])
        self.backward = tuple(key.reversed for key in keys)


class Statement:
    """The text of a statement, and from which places of the filter's values its first arguments come."""

    __slots__ = ("places", "sql")

    def __init__(self, sql: SqlText, places: Sequence[int]) -> None:
        self.sql: SqlText = sql
        self.places = tuple(places)


class Memory:
    """What one list remembers."""

    __slots__ = ("affordable", "orders", "shapes", "statements")

    def __init__(self) -> None:
        self.shapes: LRUCache[tuple[object, ...], Shape | None] = LRUCache(_MOST_SHAPES)
        self.orders: LRUCache[str, Order | None] = LRUCache(_MOST_SHAPES)
        self.statements: LRUCache[tuple[object, ...], Statement | None] = LRUCache(_MOST_STATEMENTS)
        # Until when, by the monotonic clock, a statement counts as affordable; for an unusual one in one organisation.
        self.affordable: LRUCache[tuple[str, UUID | None], float] = LRUCache(_MOST_COSTS)


def _costly(node: Node | None, *, is_loose: bool) -> list[str]:
    """Return the names of the fields that no index may serve: those under OR or NOT, and those compared otherwise."""
    match node:
        case None:
            return []
        case Negation():
            return _costly(node.node, is_loose=True)
        case Junction():
            is_either = node.word == "or"
            return [name for each in node.nodes for name in _costly(each, is_loose=is_loose or is_either)]
        case Comparison():
            is_contained = node.operator == HAS and not node.field.match and node.field.kind in {Kind.TEXT, Kind.TAGS}
            return [node.name] if is_loose or is_contained or node.operator not in _USUAL else []


EVERYTHING = Shape(Settled(None, (), ()))
