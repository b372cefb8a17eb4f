"""The fields of a listing: what a caller may filter and sort by, and the one SQL expression behind each name."""

import enum
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from .sql import SqlText


class Kind(enum.Enum):
    """The type of a field, named as the caller is told of it."""

    TEXT = "text"
    CHOICE = "choice"
    UUID = "uuid"
    DATE = "date"
    TIMESTAMP = "timestamp"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TAGS = "tags"
    WORDS = "words"
    SECRET = "exact text"  # noqa: S105 - the name of a kind


# What a bound value is cast to: the planner must see the column's own type, or no index serves the comparison.
CASTS: dict[Kind, SqlText] = {
    Kind.TEXT: "text",
    Kind.CHOICE: "text",
    Kind.UUID: "uuid",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "timestamptz",
    Kind.INTEGER: "bigint",
    Kind.BOOLEAN: "boolean",
    Kind.TAGS: "text",
    Kind.WORDS: "text",
    Kind.SECRET: "bytea",
}

PRESENT = ":*"
ABSENT = "= null"
HAS = ":"
IN = "IN"
PREFIX = "prefix"
EQUALITY = ("=", "!=", IN)
RANGE = ("=", "!=", "<", "<=", ">", ">=", IN)

OPERATORS = {
    Kind.TEXT: EQUALITY,
    Kind.CHOICE: EQUALITY,
    Kind.UUID: EQUALITY,
    Kind.DATE: RANGE,
    Kind.TIMESTAMP: RANGE,
    Kind.INTEGER: RANGE,
    Kind.BOOLEAN: ("=", "!="),
    Kind.TAGS: (HAS,),
    Kind.WORDS: (HAS,),
    Kind.SECRET: ("=", IN),
}


class Keys(msgspec.Struct, frozen=True):
    """
    A narrow table with a row for each row of a list that is tied to a row of another table, so that these are found.

    `source` is the table, `columns` are its columns by the names of the fields that they hold: what the list is tied
    by, `tiebreak`, and what such a list is ordered by or has ranges of. Its primary key is the tenant, the tie, the
    field that `order` names and the tiebreak, and includes the rest, so that the key alone answers. The tenant is left
    to row-level security.
    """

    source: SqlText
    columns: Mapping[str, SqlText]
    order: str
    tiebreak: str = "id"


class Join(msgspec.Struct, frozen=True):
    """
    Another table that a field lies in, as the slice declares it.

    `source` is what follows `select from`, with the condition that ties it to the row of the list, tenant included:
    `harbour h where h.organisation_id = b.organisation_id and h.id = b.harbour_id`. It becomes an `exists`, so it
    multiplies no rows. `listed` is for a join whose one row may be tied to very many of a long list: the same with the
    ids found first, `b.harbour_id = any(array(select h.id from harbour h where ?))`, with `?` for the condition. Such a
    list is walked first, some thousand rows in its order, and only then all that is tied is found and sorted. With
    `keys` it is found by them, where they hold all that is asked.
    """

    source: SqlText
    listed: SqlText = ""
    keys: Keys | None = None


class Blind(msgspec.Struct, frozen=True, kw_only=True):
    """
    The blind index that finds an encrypted column by equality: which one it is, and the normaliser of what it holds.

    `normalise` is given the value, or for a compound the values of its parts, and raises ValueError for what is none.
    """

    table: str
    column: str
    index: str
    size_bytes: int
    normalise: Callable[[Sequence[Any]], str]
    expected: str = "a text"


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """
    One name a caller may use in `filter` and, when `sortable`, in `order_by`.

    `expression` is SQL and comes from the programmer alone; a value of the caller never enters it. `nullable` must be
    true when the expression can be null, or pages would lose those rows. `operators` are the filter grammar's signs,
    with `:*` for "has any value". `values` is the closed set of a choice, `stored` what the column holds for each where
    that differs. `match` is the whole condition of `:` with `?` for the value, where it is not the kind's own.
    `part_of` names the compound that the field is only found with. `about` says what the name does not, to who reads
    the document.
    """

    expression: SqlText
    kind: Kind
    operators: tuple[str, ...]
    sortable: bool = False
    nullable: bool = False
    values: tuple[str, ...] = ()
    stored: Mapping[str, int] | None = None
    match: SqlText = ""
    join: Join | None = None
    blind: Blind | None = None
    part_of: str = ""
    about: str = ""

    @property
    def cast(self) -> SqlText:
        """The PostgreSQL type of one bound value."""
        return "bigint" if self.stored is not None else CASTS[self.kind]


class Compound(msgspec.Struct, frozen=True, kw_only=True):
    """Fields that are found together only, `a = … AND b = …`, by one index over all of them."""

    parts: tuple[str, ...]
    field: Field


def text(
    expression: SqlText,
    *,
    sortable: bool = False,
    contains: bool = False,
    prefix: bool = False,
    nullable: bool = False,
    join: Join | None = None,
) -> Field:
    """
    A text. `prefix` also allows `= "abc*"`, which wants an index of text_pattern_ops.

    `contains` also allows `:`, which finds the value anywhere in it, in any case; no index serves that.
    """
    extra = ((HAS,) if contains else ()) + ((PREFIX,) if prefix else ())
    return _field(Kind.TEXT, expression, extra=extra, sortable=sortable, nullable=nullable, join=join)


def choice(
    expression: SqlText,
    values: Collection[str],
    *,
    stored: Mapping[str, int] | None = None,
    sortable: bool = False,
    nullable: bool = False,
    join: Join | None = None,
) -> Field:
    """One of a closed set of words; any other is refused with the list of them."""
    return _field(
        Kind.CHOICE,
        expression,
        values=tuple(values),
        stored=stored,
        sortable=sortable,
        nullable=nullable,
        join=join,
    )


def uuid(expression: SqlText, *, sortable: bool = False, nullable: bool = False, join: Join | None = None) -> Field:
    """An id."""
    return _field(Kind.UUID, expression, sortable=sortable, nullable=nullable, join=join)


def date(expression: SqlText, *, sortable: bool = False, nullable: bool = False, join: Join | None = None) -> Field:
    """A calendar day, `2026-03-07` or `today - 30d`."""
    return _field(Kind.DATE, expression, sortable=sortable, nullable=nullable, join=join)


def timestamp(
    expression: SqlText, *, sortable: bool = False, nullable: bool = False, join: Join | None = None
) -> Field:
    """An instant with its offset, `2026-03-07T13:00:00Z`, or `now - 24h`."""
    return _field(Kind.TIMESTAMP, expression, sortable=sortable, nullable=nullable, join=join)


def integer(expression: SqlText, *, sortable: bool = False, nullable: bool = False, join: Join | None = None) -> Field:
    """A whole number of 64 bits."""
    return _field(Kind.INTEGER, expression, sortable=sortable, nullable=nullable, join=join)


def boolean(expression: SqlText, *, sortable: bool = False, nullable: bool = False, join: Join | None = None) -> Field:
    """`true` or `false`."""
    return _field(Kind.BOOLEAN, expression, sortable=sortable, nullable=nullable, join=join)


def tags(expression: SqlText, *, match: SqlText = "") -> Field:
    """A `text[]`; `:` asks whether it holds the value. `match` is a condition of its own for that, with `?`."""
    return _field(Kind.TAGS, expression, match=match)


def words(match: SqlText, *, about: str = "") -> Field:
    """Full text; `:` finds what holds the words, the way a web search does. `match` is the condition, with `?`."""
    return _field(Kind.WORDS, "", match=match, about=about)


def ids(match: SqlText) -> Field:
    """Several ids; `:` asks whether one is among them. `match` is the condition, with `?`."""
    return Field(expression="", kind=Kind.UUID, operators=(HAS,), match=match)


def secret(expression: SqlText, blind: Blind, *, nullable: bool = False, join: Join | None = None) -> Field:
    """An encrypted column, found by equality through its blind index, which `expression` is."""
    return _field(Kind.SECRET, expression, blind=blind, nullable=nullable, join=join)


def part(kind: Kind, compound: str) -> Field:
    """A field that is found as part of `compound` only."""
    return Field(expression="", kind=kind, operators=("=",), part_of=compound)


def _field(
    kind: Kind, expression: SqlText, *, extra: tuple[str, ...] = (), nullable: bool = False, **more: Any
) -> Field:
    operators = OPERATORS[kind] + extra + ((PRESENT, ABSENT) if nullable else ())
    return Field(expression=expression, kind=kind, operators=operators, nullable=nullable, **more)
