r"""
Parse a filter, a subset of Google AIP-160, into a tree.

    sequence   = choice { "AND" choice }
    choice     = term { "OR" term }             OR binds tighter than AND, as AIP-160 has it
    term       = "NOT" term | "(" sequence ")" | comparison
    comparison = field operator value | field ":" "*"

A value is a word (active, 3, 2026-03-07) or a text in quotes, in which \ escapes.
"""

from collections.abc import Callable, Mapping

import msgspec

from healthprotocol.foundation.errors import Violation

from .fields import PRESENT, Field
from .lexer import Token, tokens
from .values import Value, expectation, read

POINTER = "/filter"
LONGEST = 2_000
DEEPEST = 20
MOST_TERMS = 50

KEYWORDS = frozenset({"AND", "OR", "NOT"})


class Comparison(msgspec.Struct, frozen=True):
    """A field against a value; `value` is None exactly when the operator is `:*`."""

    field: Field
    operator: str
    value: Value | None


class Junction(msgspec.Struct, frozen=True):
    """Two or more nodes that must all hold (`and`), or of which one must (`or`)."""

    word: str
    nodes: tuple["Node", ...]


class Negation(msgspec.Struct, frozen=True):
    """True when the node is not."""

    node: "Node"


Node = Comparison | Junction | Negation


class FilterFault(Exception):
    """Stops the parse at the first fault; `violation` describes it. Never leaves this package."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.violation = Violation(POINTER, code, detail)


def parse(source: str, fields: Mapping[str, Field]) -> Node | None:
    """Return the tree of `source`, or None when it is blank. Raises FilterFault."""
    if len(source) > LONGEST:
        raise FilterFault("filter_too_long", f"A filter has at most {LONGEST:,} characters.")
    if not source.strip():
        return None
    return _Parser(source, fields).whole()


class _Parser:
    """Recursive descent; the depth is bounded by DEEPEST, so the stack is too."""

    def __init__(self, source: str, fields: Mapping[str, Field]) -> None:
        self._tokens = list(tokens(source))
        self._fields = fields
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

    def _comparison(self) -> Comparison:
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise FilterFault("filter_too_many_terms", f"A filter has at most {MOST_TERMS} comparisons.")
        name, field = self._field()
        operator = self._operator(name, field)
        if operator == PRESENT:
            return Comparison(field, operator, None)
        return Comparison(field, operator, self._value(name, field))

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
        if token.kind != "operator":
            raise self._unexpected("a comparison such as = or >=")
        self._position += 1
        operator = token.text
        if operator == ":" and self._took("word", "*"):
            operator = PRESENT
        if operator not in field.operators:
            raise FilterFault(
                "filter_operator",
                f"{name} at character {token.at} is compared with {' '.join(field.operators)} only.",
            )
        return operator

    def _value(self, name: str, field: Field) -> Value:
        token = self._next
        is_word = token.kind == "word" and token.text not in KEYWORDS
        if not is_word and token.kind != "string":
            raise self._unexpected("a value; put a text in double quotes")
        value = read(field, token.text)
        if value is None:
            raise FilterFault("filter_value", f"{name} at character {token.at} needs {expectation(field)}.")
        self._position += 1
        return value

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
