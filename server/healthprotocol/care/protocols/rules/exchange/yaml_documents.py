"""
YAML as JSON: one document of mappings, lists and plain scalars.

Dates, times and yes/no stay the texts they are written
as; aliases, tags and merge keys are refused, so that a file is as large as it looks.
"""

import re
from decimal import Decimal
from typing import cast

import yaml

from healthprotocol.care.protocols.rules.exchange.documents import (
    MAX_DEPTH,
    MAX_VALUES,
    Json,
    Unreadable,
    check_limits,
    decode_text,
    integer_or_decimal,
)

MAX_YAML_BYTES = 2 * 1024 * 1024
_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Narrower than YAML 1.1 on purpose: what a 1.1 writer leaves unquoted as a text must not come back as a number.
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?")
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


def parse_yaml(body: bytes) -> Json:
    """
    Return the value of a YAML file in UTF-8.

    Raises Unreadable: larger than 2 MB, deeper than 100 levels, aliases, anchors, tags, merge keys, keys that are not
    texts, a key given twice, several documents.
    """
    if len(body) > MAX_YAML_BYTES:
        raise Unreadable("too_large", "The YAML file is larger than 2 MB; JSON may have 10 MB.")
    builder = _Builder()
    try:
        for event in yaml.parse(decode_text(body), Loader=_PARSER):
            builder.take(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Unreadable("yaml_invalid", "This is not valid YAML.", place=place) from None
    check_limits(builder.value)
    return builder.value


def write_yaml(value: Json) -> bytes:
    """Return the YAML text of a value, members in their order, one that `parse_yaml` reads back equal."""
    text = yaml.dump(value, Dumper=_Writer, allow_unicode=True, sort_keys=False, width=120)
    return text.encode()


class _Builder:
    """Builds the value from parser events without recursion: depth is refused before a parser's stack is in danger."""

    def __init__(self) -> None:
        self.value: Json = None
        self._open: list[dict[str, Json] | list[Json]] = []
        self._keys: list[str | None] = []
        self._documents = 0
        self._values = 0

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _refuse("several_documents", "Only one YAML document is read from a file.", event)
        elif isinstance(event, yaml.ScalarEvent):
            self._refuse_extras(event)
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._refuse_extras(event)
            self._begin(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._open.pop()
            self._keys.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise _refuse("alias", "YAML aliases are not read.", event)

    def _refuse_extras(self, event: yaml.ScalarEvent | yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        if event.anchor is not None:
            raise _refuse("alias", "YAML anchors are not read.", event)
        if event.tag not in {None, "!", "tag:yaml.org,2002:str"}:
            raise _refuse("tag", "YAML tags are not read.", event)

    def _begin(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        container: dict[str, Json] | list[Json] = {} if isinstance(event, yaml.MappingStartEvent) else []
        if self._open and isinstance(self._open[-1], dict) and self._keys[-1] is None:
            raise _refuse("key_invalid", "A key must be a text.", event)
        self._put(container)
        self._open.append(container)
        self._keys.append(None)
        if len(self._open) > MAX_DEPTH:
            raise _refuse("too_deep", f"More than {MAX_DEPTH} levels of nesting.", event)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if self._open and isinstance(self._open[-1], dict) and self._keys[-1] is None:
            self._key(event, self._open[-1])
        else:
            self._put(_value(event))

    def _key(self, event: yaml.ScalarEvent, mapping: dict[str, Json]) -> None:
        if event.value == "<<" and event.implicit[0]:
            raise _refuse("merge_key", "YAML merge keys are not read.", event)
        if event.value in mapping:
            raise _refuse("member_twice", "A mapping gives the same key twice.", event)
        self._keys[-1] = event.value

    def _put(self, value: Json) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            raise Unreadable("too_many_values", "The file has more than a million values.")
        if not self._open:
            self.value = value
            return
        container = self._open[-1]
        if isinstance(container, list):
            container.append(value)
        else:
            container[cast("str", self._keys[-1])] = value
            self._keys[-1] = None


def _value(event: yaml.ScalarEvent) -> Json:
    text: str = event.value
    plain = event.implicit[0] and event.tag is None
    if not plain:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return integer_or_decimal(text)
    if _FLOAT.fullmatch(text):
        try:
            return Decimal(text)
        except ArithmeticError:
            raise _refuse("number_invalid", "A number is too large to keep.", event) from None
    return text


def _refuse(code: str, detail: str, event: yaml.Event) -> Unreadable:
    mark = event.start_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return Unreadable(code, detail, place=place)


class _Writer(yaml.SafeDumper):
    """Writes Decimal with a point, so that every YAML reader takes it for a number, and never an alias."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base class names it
        return True


def _represent_decimal(writer: _Writer, value: Decimal) -> yaml.ScalarNode:
    literal = str(value)
    if "." not in literal:
        literal = literal.replace("E", ".0E") if "E" in literal else f"{literal}.0"
        if value.is_zero() and value.is_signed() and value.as_tuple().exponent == 0:
            literal = "-0.0"
    return writer.represent_scalar("tag:yaml.org,2002:float", literal)


def _represent_text(writer: _Writer, value: str) -> yaml.ScalarNode:
    # Outside double quotes these line ends of other alphabets are folded, and come back as something else.
    style = '"' if any(character in value for character in "\x85\u2028\u2029") else None
    return writer.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Writer.add_representer(Decimal, _represent_decimal)
_Writer.add_representer(str, _represent_text)
