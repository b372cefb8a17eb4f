"""
Which stretches of which fields a filter asks for, and which other rows it wants those of a list to be tied to.

Fields that rise together, such as when something happened and when it was recorded, mislead PostgreSQL: it takes them
to be independent, walks one of them in order, and expects rows of the other's range to turn up all along the way.
"""

from collections.abc import Collection, Iterator

from .fields import IN, Keys, Kind
from .tree import Comparison, Junction, Node, comparisons

_BOUNDS = frozenset({"=", "<", "<=", ">", ">="})
_RANGED = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.INTEGER})
_EXACT = frozenset({"=", IN})


def ranges(node: Node | None) -> dict[str, Node]:
    """Return, by field of the list's own table, the comparisons that must hold whatever else does and bound it."""
    found: dict[str, list[Node]] = {}
    for each in required(node):
        if each.operator in _BOUNDS and each.field.kind in _RANGED and each.field.join is None:
            found.setdefault(each.name, []).append(each)
    return {name: nodes[0] if len(nodes) == 1 else Junction("and", tuple(nodes)) for name, nodes in found.items()}


def ties(node: Node | None) -> tuple[str, ...]:
    """Return the fields of broad joins that must have a certain value whatever else holds."""
    return tuple(
        each.name
        for each in required(node)
        if each.operator in _EXACT and each.field.join is not None and each.field.join.listed
    )


def keys_of(node: Node | None) -> Keys | None:
    """Return the table of keys that answers the whole of a filter: one tie to a row, and else what the table holds."""
    found = list(required(node))
    if len(found) != sum(1 for _ in comparisons(node)):
        return None
    tied = [each for each in found if each.field.join is not None and each.field.join.keys is not None]
    if len(tied) != 1 or tied[0].operator not in _EXACT or tied[0].field.join is None:
        return None
    keys = tied[0].field.join.keys
    return keys if keys is not None and all(each.name in keys.columns for each in found) else None


def is_narrowed(node: Node | None, narrow_by: Collection[str]) -> bool:
    """Tell whether the rows must have an id, a secret, or a value of one of `narrow_by`, so that they are few."""
    return any(
        each.operator in _EXACT
        and each.field.join is None
        and (each.name in narrow_by or each.field.kind in {Kind.UUID, Kind.SECRET})
        for each in required(node)
    )


def is_single(node: Node | None, tiebreak: str) -> bool:
    """Tell whether at most one row can be meant, because the unique field `tiebreak` must be equal to a value."""
    return any(each.name == tiebreak and each.operator == "=" for each in required(node))


def required(node: Node | None) -> Iterator[Comparison]:
    """Yield the comparisons that must hold whatever else does."""
    match node:
        case Comparison():
            yield node
        case Junction(word="and"):
            for each in node.nodes:
                yield from required(each)
        case _:
            return
