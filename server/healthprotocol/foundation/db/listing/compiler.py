"""
Make SQL of a condition tree and of a page's last row.

Everything here is SqlText: what the spec was written with, and the words below. A value has a number, never a text.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from .fields import HAS, IN, PREFIX, PRESENT, Kind
from .ordering import SortKey
from .sql import SqlText, placeholder
from .tree import Comparison, Junction, Negation, Node

# How a page is read: as PostgreSQL likes; walked in its order, with joins asked row by row, or with their ids listed
# first; or sorted, once all of it was found.
Way: TypeAlias = Literal["", "walked", "listed", "sorted"]


class Parameters:
    """
    Hands out placeholders from `first` on, and keeps which place of the values each of them is to be filled from.

    The places are those of the filter's values; the page's own arguments follow them in the order of `more`.
    """

    def __init__(self, first: int, *, way: Way = "") -> None:
        self.places: list[int] = []
        self.way: Way = way
        self._next = first

    def of_place(self, place: int, cast: SqlText) -> SqlText:
        """Return the placeholder, with its type, of the value at a place."""
        self.places.append(place)
        return self.more(cast)

    def more(self, cast: SqlText) -> SqlText:
        """Return the placeholder of an argument that is no value of the filter."""
        text = placeholder(self._next) + "::" + cast
        self._next += 1
        return text


def filter_condition(node: Node, parameters: Parameters) -> SqlText:
    """Return the condition of `node`, which is true or false but never null under a NOT."""
    match node:
        case Junction():
            inner: list[SqlText] = [filter_condition(each, parameters) for each in node.nodes]
            word: SqlText = " and " if node.word == "and" else " or "
            return "(" + word.join(inner) + ")"
        case Negation():
            # Not `not (...)`: a null inside would make the whole null, and hide rows that do not match.
            return "(" + filter_condition(node.node, parameters) + ") is not true"
        case Comparison():
            condition = _comparison(node, parameters)
            join = node.field.join
            if join is None:
                return condition
            if parameters.way == "listed" and join.listed:
                return join.listed.replace("?", condition)
            return "exists (select from " + join.source + " and " + condition + _END_OF_EXISTS[parameters.way]


# PostgreSQL makes no join of a subquery with an offset: it is asked row by row, as far as the list is walked.
_END_OF_EXISTS: dict[Way, SqlText] = {"": ")", "sorted": ")", "walked": " offset 0)", "listed": " offset 0)"}


def _comparison(node: Comparison, parameters: Parameters) -> SqlText:
    field = node.field
    if node.slot is None:
        return field.expression + (" is not null" if node.operator == PRESENT else " is null")
    if node.operator == IN:
        return field.expression + " = any(" + parameters.of_place(node.slot, field.cast + "[]") + ")"
    value = parameters.of_place(node.slot, field.cast)
    if node.operator == PREFIX:
        assert node.end is not None
        end = parameters.of_place(node.end, field.cast)
        return "(" + field.expression + " ~>=~ " + value + " and " + field.expression + " ~<~ " + end + ")"
    if node.operator == HAS:
        return _has(node, value)
    if node.operator == "!=" and field.nullable:
        return field.expression + " is distinct from " + value
    return field.expression + _SIGNS[node.operator] + value


def _has(node: Comparison, value: SqlText) -> SqlText:
    field = node.field
    if field.match:
        return field.match.replace("?", value)
    if field.kind is Kind.TAGS:
        return field.expression + " @> array[" + value + "]"
    return "strpos(lower(" + field.expression + "), lower(" + value + ")) > 0"


_SIGNS: dict[str, SqlText] = {"=": " = ", "!=": " <> ", "<": " < ", "<=": " <= ", ">": " > ", ">=": " >= "}


def order_by(keys: Sequence[SortKey], *, is_fenced: bool = False) -> SqlText:
    """Return the terms of `order by`; those that are fenced no index serves, so the rows are found first and sorted."""
    if not is_fenced:
        return ", ".join([key.sql for key in keys])
    # PostgreSQL keeps a select of its own as it stands, where it would see through a sum or a cast.
    return ", ".join(["(select " + key.field.expression + (") desc" if key.is_descending else ")") for key in keys])


def after(keys: Sequence[SortKey], is_null: Sequence[bool], parameters: Parameters) -> SqlText:
    """
    Return the condition of the rows that come after a row; `is_null` says which of its sort values are.

    The other values are bound, in order. PostgreSQL's own place for nulls is kept (last ascending, first descending),
    so that a plain index serves the order, and its exact reverse serves the way back.
    """
    if _is_one_direction(keys):
        expressions = ", ".join([key.field.expression for key in keys])
        values = ", ".join([parameters.more(key.field.cast) for key in keys])
        return "(" + expressions + (") < (" if keys[0].is_descending else ") > (") + values + ")"
    return _after_in_turn(keys, is_null, parameters)


def _is_one_direction(keys: Sequence[SortKey]) -> bool:
    return len({key.is_descending for key in keys}) == 1 and not any(key.field.nullable for key in keys)


def _after_in_turn(keys: Sequence[SortKey], is_null: Sequence[bool], parameters: Parameters) -> SqlText:
    """Spell the row comparison out: later in the first key, or equal there and later in the rest."""
    bound: SqlText = ""
    alternatives: list[SqlText] = []
    equal_so_far: list[SqlText] = []
    for key, missing in zip(keys, is_null, strict=True):
        column = key.field.expression
        value = None if missing else parameters.more(key.field.cast)
        if key is keys[0] and value is not None and not key.field.nullable:
            # Says nothing new, but an index can begin there: no index serves the alternatives.
            bound = column + (" <= " if key.is_descending else " >= ") + value
        later = _later(key, value)
        if later is not None:
            alternatives.append("(" + " and ".join([*equal_so_far, later]) + ")")
        equal_so_far.append(column + " is null" if value is None else column + " = " + value)
    spelled_out = "(" + " or ".join(alternatives) + ")"
    return bound + " and " + spelled_out if bound else spelled_out


def _later(key: SortKey, value: SqlText | None) -> SqlText | None:
    """The condition of a strictly later value of one key; None when nothing is later."""
    column = key.field.expression
    if value is None:
        return column + " is not null" if key.is_descending else None
    if key.is_descending:
        return column + " < " + value
    if not key.field.nullable:
        return column + " > " + value
    return "(" + column + " > " + value + " or " + column + " is null)"
