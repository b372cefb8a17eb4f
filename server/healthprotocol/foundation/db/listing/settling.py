"""
What lies between a grammar's tree and the compiler: compounds are joined, and values that follow from others are named.

A comparison with an encrypted column is made with the blind index of its value, a prefix has an upper end. Both are
derived: they get places of their own behind the slots, so that the compiler only ever binds places.
"""

from collections.abc import Mapping

import msgspec

from .fields import IN, PREFIX, Blind, Compound
from .tree import Comparison, FilterFault, Junction, Negation, Node, Parsed, Slot


class Derived(msgspec.Struct, frozen=True):
    """
    A value made of those at the places `parts`: a blind index, or without `blind` the end of a prefix.

    `is_many` says that the one part is a list, and that this becomes the list of its indexes.
    """

    parts: tuple[int, ...]
    blind: Blind | None
    is_many: bool = False


class Settled(msgspec.Struct, frozen=True):
    """A tree whose comparisons name places: those of `slots`, then those of `derived`."""

    node: Node | None
    slots: tuple[Slot, ...]
    derived: tuple[Derived, ...]

    @property
    def is_sealed(self) -> bool:
        """Whether some value is a blind index, which only the organisation's key can make."""
        return any(one.blind is not None for one in self.derived)


def settle(parsed: Parsed, compounds: Mapping[str, Compound]) -> Settled:
    """Return the tree as the compiler takes it. Raises FilterFault for a part of a compound without the others."""
    settling = _Settling(parsed, compounds)
    node = None if parsed.node is None else settling.settled(parsed.node)
    return Settled(node, parsed.slots, tuple(settling.derived))


class _Settling:
    def __init__(self, parsed: Parsed, compounds: Mapping[str, Compound]) -> None:
        self.derived: list[Derived] = []
        self._first = len(parsed.slots)
        self._compounds = compounds

    def settled(self, node: Node) -> Node:
        match node:
            case Negation():
                return Negation(self.settled(node.node))
            case Junction():
                nodes = self._compounded(node.nodes) if node.word == "and" else node.nodes
                if len(nodes) == 1:
                    return self.settled(nodes[0])
                return Junction(node.word, tuple(self.settled(each) for each in nodes))
            case Comparison():
                return self._comparison(node)

    def _comparison(self, node: Comparison) -> Comparison:
        field = node.field
        if field.part_of:
            parts = self._compounds[field.part_of].parts
            together = " AND ".join(f"{part} = …" for part in parts)
            raise FilterFault("filter_incomplete", f"{node.name} is found only together with others: {together}.")
        if node.slot is None:
            return node
        if field.blind is not None and node.slot < self._first:
            place = self._derive(Derived((node.slot,), field.blind, is_many=node.operator == IN))
            return msgspec.structs.replace(node, slot=place)
        if node.operator == PREFIX:
            # The end stands in a place of its own; the compiler finds it behind the beginning.
            return msgspec.structs.replace(node, end=self._derive(Derived((node.slot,), None)))
        return node

    def _compounded(self, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        """Put one comparison in the place of those that are parts of the same compound, where all of them are there."""
        for name, compound in self._compounds.items():
            found = {node.name: node for node in nodes if isinstance(node, Comparison) and node.field.part_of == name}
            if set(found) != set(compound.parts):
                continue
            parts = tuple(slot for part in compound.parts if (slot := found[part].slot) is not None)
            place = self._derive(Derived(parts, compound.field.blind))
            rest = tuple(node for node in nodes if node not in found.values())
            nodes = (Comparison(name, compound.field, "=", place), *rest)
        return nodes

    def _derive(self, derived: Derived) -> int:
        self.derived.append(derived)
        return self._first + len(self.derived) - 1
