"""A place in a document that may be of any shape: typed access that notes every mend and refusal with its pointer."""

from collections.abc import Iterator
from decimal import Decimal

from healthprotocol.care.protocols.rules.exchange.documents import Json, canonical, escape_pointer
from healthprotocol.care.protocols.rules.exchange.report import Report
from healthprotocol.care.protocols.rules.exchange.texts import clean, cut, one_line

_MAX_NUMBER = 1e12
_MAX_DIGITS = 18


class Node:
    """A value, where it is, and the report it speaks to. Only objects have members; of anything else all are absent."""

    __slots__ = ("file", "pointer", "report", "value")

    def __init__(self, value: Json, report: Report, *, file: str, pointer: str = "") -> None:
        self.value = value
        self.report = report
        self.file = file
        self.pointer = pointer

    def __contains__(self, name: str) -> bool:
        return isinstance(self.value, dict) and self.value.get(name) is not None

    def names(self) -> list[str]:
        """The names of the members that have a value."""
        return [name for name, _ in self.members()]

    def members(self) -> "Iterator[tuple[str, Node]]":
        """Yield the members that have a value, by name."""
        for name, value in self.value.items() if isinstance(self.value, dict) else ():
            if value is not None:
                yield name, self._member(value, name)

    def get(self, name: str) -> "Node | None":
        """Return the member, or None when it is absent or null."""
        if not isinstance(self.value, dict) or self.value.get(name) is None:
            return None
        return self._member(self.value[name], name)

    def path(self, *names: str) -> "Node | None":
        """Return what is below, member by member and taking the first of a list, or None."""
        node: Node | None = self
        for name in names:
            node = node.get(name) if node else None
            if node is not None and isinstance(node.value, list):
                node = next(iter(node.elements()), None)
        return node

    def first(self, name: str) -> "Node | None":
        """Return the first of a member's values, or None."""
        return next(iter(self.items(name)), None)

    def items(self, name: str) -> "list[Node]":
        """Return the values of a list member; a lone value stands for a list of one, because its meaning is clear."""
        node = self.get(name)
        if node is None:
            return []
        if isinstance(node.value, list):
            return node.elements()
        self.adjusted("list_expected", "A list was expected; the single value is taken as a list of one.", at=name)
        return [node]

    def elements(self) -> "list[Node]":
        """Return the items of this list, without nulls; none when it is no list."""
        return [
            Node(item, self.report, file=self.file, pointer=f"{self.pointer}/{index}")
            for index, item in enumerate(self.value if isinstance(self.value, list) else [])
            if item is not None
        ]

    def objects(self, name: str) -> "Iterator[Node]":
        """Yield the objects of a list member, refusing whatever else is in it."""
        for node in self.items(name):
            if isinstance(node.value, dict):
                yield node
            else:
                node.refused("object_expected", "An object was expected here.")

    def text(self, name: str, *, limit: int | None = None, line: bool = False) -> str | None:
        """Return a member as cleaned text, or None when it is absent or blank. A number is taken as its text."""
        node = self.get(name)
        return node.as_text(limit=limit, line=line) if node else None

    def as_text(self, *, limit: int | None = None, line: bool = False) -> str | None:
        """Return this value as cleaned text, cut to `limit`, or None when it is blank or an object or a list."""
        if isinstance(self.value, int | Decimal) and not isinstance(self.value, bool):
            self.adjusted("text_expected", "A text was expected; the number is taken as a text.")
            return str(self.value)
        if not isinstance(self.value, str):
            self.adjusted("text_expected", "A text was expected; what is here instead is left out.")
            return None
        text = one_line(clean(self.value)) if line else clean(self.value)
        if not text.strip():
            return None
        if limit is not None and len(text) > limit:
            self.adjusted("too_long", f"Cut to {limit} characters.")
            return cut(text, limit)
        return text

    def word(self, name: str) -> str | None:
        """Return a member that is a code or an address, without white space around it; None when it is no text."""
        value = self.value.get(name) if isinstance(self.value, dict) else None
        return value.strip() or None if isinstance(value, str) else None

    def integer(self, name: str) -> int | None:
        """Return a whole number, or None when absent; anything that is none is refused."""
        number = self.number(name)
        if number is None:
            return None
        if number != int(number):
            self._at(name).refused("whole_number_expected", "A whole number was expected here.")
            return None
        return int(number)

    def number(self, name: str) -> float | None:
        """Return a finite number, or None when absent; digits in quotes are taken, anything else is refused."""
        node = self.get(name)
        if node is None:
            return None
        value = node.value
        if isinstance(value, str):
            value = _from_digits(value)
            if value is not None:
                node.adjusted("number_expected", "A number was expected; the digits in quotes are taken as one.")
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or not abs(value) <= _MAX_NUMBER:
            node.refused("number_expected", "A number was expected here.")
            return None
        return float(value)

    def boolean(self, name: str) -> bool | None:
        """Return true or false, or None when absent; the words in quotes are taken, anything else is left out."""
        node = self.get(name)
        if node is None or isinstance(node.value, bool):
            return node.value if node else None  # pyright: ignore[reportReturnType]
        word = node.value.strip().lower() if isinstance(node.value, str) else ""
        if word in {"true", "false"}:
            node.adjusted("boolean_expected", "True or false was expected; the word in quotes is taken as one.")
            return word == "true"
        node.adjusted("boolean_expected", "True or false was expected; what is here instead is left out.")
        return None

    def compact(self) -> str:
        """Return the JSON text of this value, for display."""
        return canonical(self.value).decode()

    def understood(self, detail: str) -> None:
        """Note in the report that this part will be executed."""
        self.report.understood(self.file, self.pointer, detail)

    def adjusted(self, code: str, detail: str, *, at: str | None = None) -> None:
        """Note in the report that this part (or its member `at`) was mended."""
        self.report.adjusted(self.file, self._pointer(at), code, detail)

    def refused(self, code: str, detail: str, *, at: str | None = None) -> None:
        """Note in the report that the protocol is refused for this part (or its member `at`)."""
        self.report.refused(self.file, self._pointer(at), code, detail)

    def kept(self, what: str, text: str | None = None) -> None:
        """Keep this part for display, by default as its JSON text."""
        self.report.kept(self.file, self.pointer, what, self.compact() if text is None else text)

    def _member(self, value: Json, name: str) -> "Node":
        return Node(value, self.report, file=self.file, pointer=self._pointer(name))

    def _at(self, name: str) -> "Node":
        return self.get(name) or self

    def _pointer(self, at: str | None) -> str:
        return self.pointer if at is None else f"{self.pointer}/{escape_pointer(at)}"


def _from_digits(text: str) -> Decimal | None:
    text = text.strip()
    if len(text) > _MAX_DIGITS or not text.lstrip("+-").replace(".", "", 1).isdecimal() or not text.isascii():
        return None
    return Decimal(text)
