"""The fields of a listing: what a caller may filter and sort by, and the one SQL expression behind each name."""

import enum
from collections.abc import Collection

import msgspec


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


# What a bound value is cast to: the planner must see the column's own type, or no index serves the comparison.
CASTS = {
    Kind.TEXT: "text",
    Kind.CHOICE: "text",
    Kind.UUID: "uuid",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "timestamptz",
    Kind.INTEGER: "bigint",
    Kind.BOOLEAN: "boolean",
    Kind.TAGS: "text",
}

PRESENT = ":*"
EQUALITY = ("=", "!=")
RANGE = ("=", "!=", "<", "<=", ">", ">=")

OPERATORS = {
    Kind.TEXT: EQUALITY,
    Kind.CHOICE: EQUALITY,
    Kind.UUID: EQUALITY,
    Kind.DATE: RANGE,
    Kind.TIMESTAMP: RANGE,
    Kind.INTEGER: RANGE,
    Kind.BOOLEAN: EQUALITY,
    Kind.TAGS: (":",),
}


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """
    One name a caller may use in `filter` and, when `sortable`, in `order_by`.

    `expression` is SQL and comes from the programmer alone; a value of the caller never enters it. `nullable` must be
    true when the expression can be null, or pages would lose those rows. `operators` are the filter grammar's signs,
    with `:*` for "has any value". `values` is the closed set of a choice.
    """

    expression: str
    kind: Kind
    operators: tuple[str, ...]
    sortable: bool = False
    nullable: bool = False
    values: tuple[str, ...] = ()

    @property
    def cast(self) -> str:
        """The PostgreSQL type of one bound value."""
        return CASTS[self.kind]


def text(expression: str, *, sortable: bool = False, contains: bool = False, nullable: bool = False) -> Field:
    """A text; `contains` also allows `:`, which finds the value anywhere in it, in any case (no index serves that)."""
    extra = (":",) if contains else ()
    return _field(Kind.TEXT, expression, extra=extra, sortable=sortable, nullable=nullable)


def choice(expression: str, values: Collection[str], *, sortable: bool = False, nullable: bool = False) -> Field:
    """One of a closed set of words; any other is refused with the list of them."""
    return _field(Kind.CHOICE, expression, values=tuple(values), sortable=sortable, nullable=nullable)


def uuid(expression: str, *, sortable: bool = False, nullable: bool = False) -> Field:
    """An id."""
    return _field(Kind.UUID, expression, sortable=sortable, nullable=nullable)


def date(expression: str, *, sortable: bool = False, nullable: bool = False) -> Field:
    """A calendar day, `2026-03-07`."""
    return _field(Kind.DATE, expression, sortable=sortable, nullable=nullable)


def timestamp(expression: str, *, sortable: bool = False, nullable: bool = False) -> Field:
    """An instant with its offset, `2026-03-07T13:00:00Z`."""
    return _field(Kind.TIMESTAMP, expression, sortable=sortable, nullable=nullable)


def integer(expression: str, *, sortable: bool = False, nullable: bool = False) -> Field:
    """A whole number of 64 bits."""
    return _field(Kind.INTEGER, expression, sortable=sortable, nullable=nullable)


def boolean(expression: str, *, sortable: bool = False, nullable: bool = False) -> Field:
    """`true` or `false`."""
    return _field(Kind.BOOLEAN, expression, sortable=sortable, nullable=nullable)


def tags(expression: str) -> Field:
    """A `text[]`; `:` asks whether it holds the value."""
    return _field(Kind.TAGS, expression)


def _field(
    kind: Kind,
    expression: str,
    *,
    extra: tuple[str, ...] = (),
    values: tuple[str, ...] = (),
    sortable: bool = False,
    nullable: bool = False,
) -> Field:
    operators = OPERATORS[kind] + extra + ((PRESENT,) if nullable else ())
    return Field(
        expression=expression, kind=kind, operators=operators, values=values, sortable=sortable, nullable=nullable
    )
