"""Turn a filter tree and a page's last row into SQL conditions. Values become parameters, never text."""

from collections.abc import Sequence

from .fields import PRESENT, Kind
from .filters import Comparison, Junction, Negation, Node
from .ordering import SortKey
from .values import Value


class Parameters:
    """Collects bound values and hands out their placeholders, beginning at `first`."""

    def __init__(self, first: int) -> None:
        self.values: list[Value | None] = []
        self._first = first

    def bind(self, value: Value | None, cast: str) -> str:
        """Keep `value` and return its placeholder with its type."""
        self.values.append(value)
        return f"${self._first + len(self.values) - 1}::{cast}"


def filter_condition(node: Node, parameters: Parameters) -> str:
    """Return the condition of `node`, which is true or false but never null under a NOT."""
    match node:
        case Junction():
            inner = f" {node.word} ".join(filter_condition(each, parameters) for each in node.nodes)
            return f"({inner})"
        case Negation():
            # Not `not (...)`: a null inside would make the whole null, and hide rows that do not match.
            return f"({filter_condition(node.node, parameters)}) is not true"
        case Comparison():
            return _comparison(node, parameters)


def _comparison(node: Comparison, parameters: Parameters) -> str:
    field = node.field
    if node.operator == PRESENT:
        return f"{field.expression} is not null"
    value = parameters.bind(node.value, field.cast)
    if node.operator == ":":
        if field.kind is Kind.TAGS:
            return f"{field.expression} @> array[{value}]"
        return f"strpos(lower({field.expression}), lower({value})) > 0"
    if node.operator == "!=":
        return f"{field.expression} is distinct from {value}" if field.nullable else f"{field.expression} <> {value}"
    return f"{field.expression} {node.operator} {value}"


def after(keys: Sequence[SortKey], last: Sequence[Value | None], parameters: Parameters) -> str:
    """
    Return the condition of the rows that come after the row whose sort values are `last`.

    PostgreSQL's own place for nulls is kept (last ascending, first descending), so that a plain index serves the order.
    """
    if _is_one_direction(keys):
        sign = "<" if keys[0].is_descending else ">"
        expressions = ", ".join(key.field.expression for key in keys)
        values = ", ".join(parameters.bind(value, key.field.cast) for key, value in zip(keys, last, strict=True))
        return f"({expressions}) {sign} ({values})"
    return _after_in_turn(keys, last, parameters)


def _is_one_direction(keys: Sequence[SortKey]) -> bool:
    return len({key.is_descending for key in keys}) == 1 and not any(key.field.nullable for key in keys)


def _after_in_turn(keys: Sequence[SortKey], last: Sequence[Value | None], parameters: Parameters) -> str:
    """Spell the row comparison out: later in the first key, or equal there and later in the rest."""
    bound = ""
    alternatives: list[str] = []
    equal_so_far: list[str] = []
    for key, value in zip(keys, last, strict=True):
        column = key.field.expression
        placeholder = None if value is None else parameters.bind(value, key.field.cast)
        if key is keys[0] and placeholder is not None and not key.field.nullable:
            # Says nothing new, but an index can begin there: no index serves the alternatives.
            bound = f"{column} {'<=' if key.is_descending else '>='} {placeholder}"
        later = _later(key, placeholder)
        if later is not None:
            alternatives.append(" and ".join([*equal_so_far, later]))
        equal_so_far.append(f"{column} is null" if placeholder is None else f"{column} = {placeholder}")
    spelled_out = "(" + " or ".join(f"({each})" for each in alternatives) + ")"
    return f"{bound} and {spelled_out}" if bound else spelled_out


def _later(key: SortKey, placeholder: str | None) -> str | None:
    """The condition of a strictly later value of one key; None when nothing is later."""
    column = key.field.expression
    if placeholder is None:
        return f"{column} is not null" if key.is_descending else None
    if key.is_descending:
        return f"{column} < {placeholder}"
    return f"({column} > {placeholder} or {column} is null)" if key.field.nullable else f"{column} > {placeholder}"
