"""
Which stretches of which fields a filter asks for, and which other rows it wants those of a list to be tied to.

Fields that rise together, such as when something happened and when it was recorded, mislead PostgreSQL: it takes them
to be independent, walks one of them in order, and expects rows of the other's range to turn up all along the way.
"""

from collections.abc import Collection, Iterator

from .fields import IN, Kind
from .tree import Comparison, Junction, Node

_BOUNDS = frozenset({"=", "<", "<=", ">", ">="})
_RANGED = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.INTEGER})
_EXACT = frozenset({"=", IN})


def ranges(node: Node | None) -> dict[str, Node]:
    """Return, by field of the list's own table, the comparisons that must hold whatever else does and bound it."""
    found: dict[str, list[Node]] = {}
    for each in _required(node):
        if each.operator in _BOUNDS and each.field.kind in _RANGED and each.field.join is None:
            found.setdefault(each.name, []).append(each)
    return {name: nodes[0] if len(nodes) == 1 else Junction("and", tuple(nodes)) for name, nodes in found.items()}


def ties(node: Node | None) -> tuple[str, ...]:
    """Return the fields of broad joins that must have a certain value whatever else holds."""
    return tuple(
        each.name
        for each in _required(node)
        if each.operator in _EXACT and each.field.join is not None and each.field.join.listed
    )


def is_narrowed(node: Node | None, narrow_by: Collection[str]) -> bool:
    """Tell whether the rows must have an id, a secret, or a value of one of `narrow_by`, so that they are few."""
    return any(
        each.operator in _EXACT
        and each.field.join is None
        and (each.name in narrow_by or each.field.kind in {Kind.UUID, Kind.SECRET})
        for each in _required(node)
    )


def _required(node: Node | None) -> Iterator[Comparison]:
    match node:
        case Comparison():
            yield node
        case Junction(word="and"):
            for each in node.nodes:
                yield from _required(each)
        case _:
            return
