r"""
The first grammar: a filter of Google AIP-160, read into a condition tree.

    sequence   = choice { "AND" choice }
    choice     = term { "OR" term }             OR binds tighter than AND, as AIP-160 has it
    term       = "NOT" term | "(" sequence ")" | comparison
    comparison = field operator value | field ":" "*" | field ("=" | "!=") "null"
               | field "IN" "(" value { "," value } ")" | field "=" "(" value { "OR" value } ")"

A value is a word (active, 3, 2026-03-07), an instant (2026-03-07T13:00:00Z), a text in quotes, in which \ escapes, or a
moment reckoned from the present: today - 30d, now - 24h (s, m, h, d, w). A text in quotes that ends with * asks for
what begins so, where the field can.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from .fields import ABSENT, HAS, IN, PREFIX, PRESENT, Field, Kind
from .grammar import Cut
from .lexer import Token, is_prefix, items, plain, split, tokens, value_places
from .tree import Bound, Comparison, FilterFault, Junction, Negation, Node, Parsed, Slot
from .values import needed, read, read_relative

LONGEST = 2_000
DEEPEST = 20
MOST_TERMS = 50

KEYWORDS = frozenset({"AND", "OR", "NOT", "IN", "null"})
_VALUES = frozenset({"word", "string", "relative", "instant"})


class Aip160:
    """Google's grammar of filters, as the lists of this API speak it."""

    name = "aip160"

    def speaks_of_now(self, source: str) -> bool:
        """Tell whether `now` or `today` stands in it; in a text too, where the moment is carried for nothing."""
        return "now" in source or "today" in source

    def cut(self, source: str) -> Cut | None:
        """Return its values and the rest, found by one regular expression."""
        if len(source) > LONGEST:
            return None
        shape, written = split(source)
        if "*" in source or "(" in source:
            return Cut((shape, tuple([_form(one) for one in written])), written)
        return Cut(shape, written)

    def read(self, source: str, fields: Mapping[str, Field], now: datetime) -> tuple[Parsed, list[Bound], bool]:
        """Parse it; the cut is right where it found the very values that the parser did."""
        parsed, values, places = parse(source, fields, now)
        return parsed, values, len(source) <= LONGEST and places == value_places(source)


def _form(written: str) -> str:
    """What makes another comparison of a value: a star at the end of a text, and many in parentheses."""
    return "(" if written[0] == "(" else "*" if is_prefix(written) else ""


AIP160 = Aip160()


def parse(source: str, fields: Mapping[str, Field], now: datetime) -> tuple[Parsed, list[Bound], list[tuple[int, int]]]:
    """Return the tree of `source`, its values, and where each stands in it, from 1. Raises FilterFault."""
    if len(source) > LONGEST:
        raise FilterFault("filter_too_long", f"A filter has at most {LONGEST:,} characters.")
    if not source.strip():
        return Parsed(None, ()), [], []
    parser = _Parser(source, fields, now)
    node = parser.whole()
    return Parsed(node, tuple(parser.slots)), parser.values, parser.places


class _Parser:
    """Recursive descent; the depth is bounded by DEEPEST, so the stack is too."""

    def __init__(self, source: str, fields: Mapping[str, Field], now: datetime) -> None:
        self.slots: list[Slot] = []
        self.values: list[Bound] = []
        self.places: list[tuple[int, int]] = []
        self._tokens = list(tokens(source))
        self._source = source
        self._fields = fields
        self._now = now
        self._position = 0
        self._depth = 0
        self._terms = 0

    def whole(self) -> Node:
        node = self._sequence()
        if self._next.kind != "end":
            raise self._unexpected("AND, OR or the end of the filter")
        return node

    def _sequence(self) -> Node:
        return self._joined("and", "AND", self._choice)

    def _choice(self) -> Node:
        return self._joined("or", "OR", self._term)

    def _joined(self, word: str, keyword: str, operand: Callable[[], Node]) -> Node:
        nodes = [operand()]
        while self._took("word", keyword):
            nodes.append(operand())
        return nodes[0] if len(nodes) == 1 else Junction(word, tuple(nodes))

    def _term(self) -> Node:
        if self._took("word", "NOT"):
            return Negation(self._deeper(self._term))
        if not self._took("open"):
            return self._comparison()
        node = self._deeper(self._sequence)
        if not self._took("close"):
            raise self._unexpected("AND, OR or a closing parenthesis")
        return node

    def _deeper(self, inner: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise FilterFault("filter_too_deep", f"A filter nests at most {DEEPEST} parentheses and NOTs.")
        node = inner()
        self._depth -= 1
        return node

    def _comparison(self) -> Node:
        self._count_term()
        name, field = self._field()
        token = self._next
        operator = self._operator(name, field)
        if operator in {PRESENT, ABSENT}:
            return Comparison(name, field, operator, None)
        if operator == "!= null":
            return Comparison(name, field, PRESENT, None)
        if self._next.kind == "open" and operator in {"=", IN}:
            self._require(IN, name, field, token)
            return Comparison(name, field, IN, self._list(name, field))
        if operator == IN:
            raise self._unexpected("values in parentheses")
        if operator == "=" and PREFIX in field.operators and is_prefix(self._next.text):
            return Comparison(name, field, PREFIX, self._slot(name, field, _prefix_of(field)))
        return Comparison(name, field, operator, self._slot(name, field, _one_of(field)))

    def _count_term(self) -> None:
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise FilterFault("filter_too_many_terms", f"A filter has at most {MOST_TERMS} comparisons and values.")

    def _field(self) -> tuple[str, Field]:
        token = self._next
        if token.kind != "word" or token.text in KEYWORDS:
            raise self._unexpected("the name of a field")
        if token.text not in self._fields:
            raise FilterFault(
                "filter_unknown_field",
                f"The name at character {token.at} is no field of this list. Fields: {', '.join(self._fields)}.",
            )
        self._position += 1
        return token.text, self._fields[token.text]

    def _operator(self, name: str, field: Field) -> str:
        token = self._next
        is_in = token.kind == "word" and token.text == IN
        if token.kind != "operator" and not is_in:
            raise self._unexpected("a comparison such as = or >=")
        self._position += 1
        operator = token.text
        if operator == HAS and self._took("word", "*"):
            operator = PRESENT
        elif operator in {"=", "!="} and self._took("word", "null"):
            self._require(ABSENT, name, field, token)
            return ABSENT if operator == "=" else "!= null"
        self._require(operator, name, field, token)
        return operator

    def _require(self, operator: str, name: str, field: Field, token: Token) -> None:
        if operator in {ABSENT, PRESENT} and operator not in field.operators and not field.part_of:
            raise FilterFault(
                "filter_operator", f"{name} at character {token.at} always has a value; leave null and :* out."
            )
        if operator not in field.operators:
            allowed = [one for one in field.operators if one != PREFIX]
            raise FilterFault(
                "filter_operator", f"{name} at character {token.at} is compared with {' '.join(allowed)} only."
            )

    def _slot(self, name: str, field: Field, reader: Callable[[str, datetime], Bound]) -> int:
        token = self._value_token()
        return self._filled(name, Slot(field, reader), token.at, token.end)

    def _list(self, name: str, field: Field) -> int:
        begin = self._next.at
        self._position += 1
        self._value_token()
        while self._took("comma") or self._took("word", "OR"):
            self._count_term()
            self._value_token()
        end = self._next.end
        if not self._took("close"):
            raise self._unexpected("a comma or a closing parenthesis")
        return self._filled(name, Slot(field, _all_of(field)), begin, end)

    def _filled(self, name: str, slot: Slot, begin: int, end: int) -> int:
        value = slot.read(self._source[begin - 1 : end - 1], self._now)
        if value is None:
            written = self._source[begin - 1 : end - 1]
            raise FilterFault("filter_value", f"{name} at character {begin} needs {needed(slot.field, written)}.")
        self.slots.append(slot)
        self.values.append(value)
        self.places.append((begin, end))
        return len(self.slots) - 1

    def _value_token(self) -> Token:
        token = self._next
        if token.kind not in _VALUES or token.text in KEYWORDS or token.text == "*":
            raise self._unexpected("a value; put a text in double quotes")
        self._position += 1
        return token

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    def _took(self, kind: str, text: str | None = None) -> bool:
        if self._next.kind != kind or text not in {None, self._next.text}:
            return False
        self._position += 1
        return True

    def _unexpected(self, expected: str) -> FilterFault:
        token = self._next
        place = "at the end" if token.kind == "end" else f"at character {token.at}"
        return FilterFault("filter_syntax", f"Expected {expected} {place}.")


def _one_of(field: Field) -> Callable[[str, datetime], Bound]:
    """Return the reader of one value of `field`; the same words mean the same whenever it is read."""
    is_moment = field.kind in {Kind.DATE, Kind.TIMESTAMP}

    def one(written: str, now: datetime) -> Bound:
        if is_moment and written[0] in "tn":
            return read_relative(field, written, now)
        return read(field, plain(written))

    return one


def _all_of(field: Field) -> Callable[[str, datetime], Bound]:
    one = _one_of(field)

    def every(written: str, now: datetime) -> Bound:
        values = [one(item, now) for item in items(written)]
        found = [value for value in values if value is not None and not isinstance(value, list)]
        # One that is none refuses them all: a list that is silently shorter finds too little.
        return found if len(found) == len(values) else None  # pyright: ignore[reportReturnType]

    return every


def _prefix_of(field: Field) -> Callable[[str, datetime], Bound]:
    def beginning(written: str, _now: datetime) -> Bound:
        text = plain(written)[:-1]
        return read(field, text) if text else None

    return beginning
