"""What a list can be asked, in words: made from its spec, for the OpenAPI document."""

from typing import Any

from .fields import HAS, IN, PREFIX, PRESENT, Field, Kind
from .spec import ListingSpec
from .values import expectation

_EXAMPLES = {
    Kind.TEXT: '"…"',
    Kind.UUID: '"01890a5d-ac96-774b-bcce-b302099a8057"',
    Kind.DATE: "today - 30d",
    Kind.TIMESTAMP: "now - 24h",
    Kind.INTEGER: "1",
    Kind.BOOLEAN: "true",
    Kind.TAGS: '"…"',
    Kind.WORDS: '"…"',
    Kind.SECRET: '"…"',
}
_HOW = (
    "An AIP-160 filter: comparisons joined by AND, OR (which binds tighter) and NOT, with parentheses; "
    'a text stands in double quotes. `x IN ("a", "b")` is one of several'
)
_MOMENTS = ". Days and instants may be reckoned from the present, in UTC: `today - 30d`, `now - 24h` (s, m, h, d, w)"


def described(spec: ListingSpec) -> dict[str, dict[str, Any]]:
    """Return what OpenAPI's parameters `filter` and `order_by` say beside their schema."""
    has_moments = any(field.kind in {Kind.DATE, Kind.TIMESTAMP} for field in spec.fields.values())
    lines = [f"- `{name}`: {_line(spec, field)}" for name, field in spec.fields.items()]
    sortable = [name for name, field in spec.fields.items() if field.sortable]
    further = "".join(f"; or by itself `{name}`" for name in spec.further_orders)
    return {
        "filter": {
            "description": _HOW + (_MOMENTS if has_moments else "") + ". Fields:\n" + "\n".join(lines),
            "example": _example(spec),
        },
        "order_by": {
            "description": (
                "Fields after which the list is ordered, each with `desc` for the other direction: "
                f"{', '.join(f'`{name}`' for name in sortable)}{further}. By default `{spec.default_order}`"
                + "".join(
                    f"; with a range of `{name}` in the filter `{own}`" for name, own in spec.ranged_orders.items()
                )
                + "."
            ),
            "example": spec.default_order,
        },
    }


def _line(spec: ListingSpec, field: Field) -> str:
    told = expectation(field)
    signs = " ".join(f"`{sign}`" for sign in field.operators if sign in {"=", "!=", "<", "<=", ">", ">=", IN, HAS})
    more = ""
    if PREFIX in field.operators:
        more += '; `= "abc*"` is what begins so'
    if PRESENT in field.operators:
        more += "; `:*` is any value, `= null` none"
    if field.part_of:
        more += f"; only together, as {' AND '.join(spec.compounds[field.part_of].parts)}"
    if field.about:
        more += f"; {field.about}"
    return f"{told}; {signs}{more}"


def _example(spec: ListingSpec) -> str:
    """Return a filter of the list's first two fields that tell something by themselves, in the grammar's words."""
    kinds = {Kind.CHOICE, Kind.DATE, Kind.TIMESTAMP}
    telling = [name for name, field in spec.fields.items() if field.kind in kinds and not field.part_of]
    return " AND ".join(_term(name, spec.fields[name]) for name in telling[:2]) or _term(
        spec.tiebreak, spec.fields[spec.tiebreak]
    )


def _term(name: str, field: Field) -> str:
    value = f'"{field.values[0]}"' if field.kind is Kind.CHOICE else _EXAMPLES[field.kind]
    wanted = (">=", "=", HAS) if field.kind in {Kind.DATE, Kind.TIMESTAMP} else ("=", HAS)
    return f"{name} {next(sign for sign in wanted if sign in field.operators)} {value}"
