"""Read `order_by` (AIP-132): `starts_on desc, title`. The id always ends the order, so that no two rows tie."""

from collections.abc import Mapping, Sequence

import msgspec

from healthprotocol.foundation.errors import Violation

from .fields import Field
from .sql import SqlText

POINTER = "/order_by"
LONGEST = 500
MOST_KEYS = 5


class SortKey(msgspec.Struct, frozen=True):
    """A field to sort by. `name` is also the column of the selected rows that carries its value."""

    name: str
    field: Field
    is_descending: bool

    @property
    def sql(self) -> SqlText:
        """The key as a term of `order by`."""
        return self.field.expression + " desc" if self.is_descending else self.field.expression

    @property
    def reversed(self) -> "SortKey":
        """The same key the other way round, nulls too: PostgreSQL puts them last ascending and first descending."""
        return SortKey(self.name, self.field, not self.is_descending)


def parse(
    source: str, fields: Mapping[str, Field], tiebreak: str, *, further: Sequence[str] = ()
) -> tuple[SortKey, ...] | Violation:
    """Return the sort keys of `source`, ended by `tiebreak`, or the first fault, which names `further` orders too."""
    if len(source) > LONGEST:
        return Violation(POINTER, "order_by_too_long", f"An order has at most {LONGEST} characters.")
    terms = [term.split() for term in source.split(",")]
    if len(terms) > MOST_KEYS:
        return Violation(POINTER, "order_by_too_many_fields", f"An order names at most {MOST_KEYS} fields.")
    keys: list[SortKey] = []
    for place, words in enumerate(terms, start=1):
        key = _key(words, fields, keys, further)
        if isinstance(key, str):
            return Violation(POINTER, "order_by_invalid", f"Item {place}: {key}")
        keys.append(key)
    return with_tiebreak(keys, fields, tiebreak)


def own(name: str, source: str, fields: Mapping[str, Field], tiebreak: str) -> tuple[SortKey, ...] | None:
    """
    Return the sort keys of an order that the list takes by itself where `name` has a range; None: it does not begin so.

    It may name what a caller may not sort by. A row within the range has a value, so the field counts as never null.
    """
    known = {each: msgspec.structs.replace(field, sortable=True) for each, field in fields.items()}
    if name in known:
        known[name] = msgspec.structs.replace(known[name], nullable=False)
    keys = parse(source, known, tiebreak)
    return None if isinstance(keys, Violation) or keys[0].name != name else keys


def with_tiebreak(keys: Sequence[SortKey], fields: Mapping[str, Field], tiebreak: str) -> tuple[SortKey, ...]:
    """End `keys` with the tiebreak in the direction of the last one, so that a row comparison serves the commonest."""
    if any(key.name == tiebreak for key in keys):
        return tuple(keys)
    return (*keys, SortKey(tiebreak, fields[tiebreak], bool(keys) and keys[-1].is_descending))


def _key(
    words: Sequence[str], fields: Mapping[str, Field], before: Sequence[SortKey], further: Sequence[str]
) -> SortKey | str:
    """Return the key, or a sentence that says what is wrong with it."""
    sortable = [name for name, field in fields.items() if field.sortable]
    if not words or words[0] not in sortable:
        alone = f"; or by itself {', '.join(further)}" if further else ""
        return f"expected a field this list sorts by: {', '.join(sortable)}{alone}."
    if words[1:] not in ([], ["asc"], ["desc"]):
        return "after the name of a field comes asc, desc or nothing."
    if any(key.name == words[0] for key in before):
        return "a field is named once in an order."
    return SortKey(words[0], fields[words[0]], words[1:] == ["desc"])
