"""
What a filter means, whatever grammar it was written in: comparisons joined by and, or and not.

A grammar reads the caller's words and yields a tree and its slots; the compiler makes SQL of the tree. A tree holds no
value, only the numbers of slots, so one tree serves every request of the same shape.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeAlias

import msgspec

from healthprotocol.foundation.errors import Violation

from .fields import Field
from .values import Value

# A value, all values of an IN, or None where the caller's words are none for the field.
Bound: TypeAlias = Value | bytes | list[Value] | list[bytes] | None


class Slot(msgspec.Struct, frozen=True):
    """The place of one value: `read` makes it of the caller's words and the instant that `now` means; None refuses."""

    field: Field
    read: Callable[[str, datetime], Bound]


class Comparison(msgspec.Struct, frozen=True):
    """
    A field against the value of a slot.

    `slot` is None exactly when the operator asks for presence or absence; `end` is set by `settle`, for a prefix.
    """

    name: str
    field: Field
    operator: str
    slot: int | None
    end: int | None = None


class Junction(msgspec.Struct, frozen=True):
    """Two or more nodes that must all hold (`and`), or of which one must (`or`)."""

    word: str
    nodes: tuple["Node", ...]


class Negation(msgspec.Struct, frozen=True):
    """True when the node is not."""

    node: "Node"


Node: TypeAlias = Comparison | Junction | Negation


class Parsed(msgspec.Struct, frozen=True):
    """What a grammar yields: the tree, None for everything, and the slots that its comparisons name by place."""

    node: Node | None
    slots: tuple[Slot, ...]


class FilterFault(Exception):
    """Stops a parse at the first fault; `violation` describes it. Never leaves this package."""

    def __init__(self, code: str, detail: str, *, pointer: str = "/filter") -> None:
        super().__init__(code)
        self.violation = Violation(pointer, code, detail)


def comparisons(node: Node | None) -> Iterator[Comparison]:
    """Yield every comparison of a tree, from left to right."""
    match node:
        case None:
            return
        case Comparison():
            yield node
        case Negation():
            yield from comparisons(node.node)
        case Junction():
            for each in node.nodes:
                yield from comparisons(each)
