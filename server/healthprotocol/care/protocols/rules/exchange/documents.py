"""
Files as exact values.

A number keeps its text (1.0 stays 1.0), so that a document that is read and written again is the same document; only
white space and the order of members are not kept.
"""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, TypeAlias, cast

import msgspec

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | Decimal | bool | None"
Format = Literal["fhir", "radar", "native-json", "native-yaml"]

MAX_BYTES = 10 * 1024 * 1024
MAX_DEPTH = 100
MAX_VALUES = 1_000_000
# Longer literals are kept as Decimal: turning thousands of digits into an int takes quadratic time.
_MAX_INTEGER_DIGITS = 18

_encoder = msgspec.json.Encoder(decimal_format="number")
_sorted_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


class SourceFile(msgspec.Struct, frozen=True):
    """A file as it came or goes: its name (for the report and the format) and its bytes."""

    name: str
    body: bytes


class Document(msgspec.Struct, frozen=True):
    """A file once read."""

    name: str
    value: Json


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one care protocol was imported from, kept beside it for the way back.

    `root` is the JSON pointer, into the list of the documents' values, of what became the protocol: "/0" or, in a
    Bundle, "/0/entry/3/resource".
    """

    format: Format
    documents: tuple[Document, ...]
    root: str = "/0"


class Unreadable(Exception):
    """A file that cannot be read at all; `place` is a line and column or a pointer, and no value is quoted."""

    def __init__(self, code: str, detail: str, *, place: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.place = place


def parse_json(body: bytes) -> Json:
    """
    Return the value of a JSON file in UTF-8 (a byte order mark is allowed).

    Raises Unreadable: larger than 10 MB, deeper than 100 levels, more than a million values, a member given twice, NaN,
    U+0000 or half a surrogate pair in a text.
    """
    try:
        value = json.loads(
            decode_text(body),
            object_pairs_hook=_members,
            parse_float=Decimal,
            parse_int=integer_or_decimal,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Unreadable("json_invalid", "This is not valid JSON.", place=place) from None
    except RecursionError:
        raise Unreadable("too_deep", f"More than {MAX_DEPTH} levels of nesting.") from None
    except ArithmeticError:
        raise Unreadable("number_invalid", "A number is too large to keep.") from None
    check_limits(value)
    return cast("Json", value)


def decode_text(body: bytes) -> str:
    """Return the text of a UTF-8 file without its byte order mark, or raise Unreadable (too large, other encoding)."""
    if len(body) > MAX_BYTES:
        raise Unreadable("too_large", "The file is larger than 10 MB.")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("encoding", "The file is not in UTF-8.", place=f"byte {error.start}") from None


def integer_or_decimal(literal: str) -> int | Decimal:
    """Return a whole number exactly; as Decimal where an int would lose the literal (-0) or take long (many digits)."""
    if literal == "-0" or len(literal) > _MAX_INTEGER_DIGITS:
        return Decimal(literal)
    return int(literal)


def check_limits(value: object) -> None:
    """Raise Unreadable when a value is nested too deep, has too many parts, or holds text that cannot be stored."""
    waiting: list[tuple[object, int]] = [(value, 1)]
    seen = 0
    while waiting:
        item, depth = waiting.pop()
        seen += 1
        if depth > MAX_DEPTH:
            raise Unreadable("too_deep", f"More than {MAX_DEPTH} levels of nesting.")
        if isinstance(item, dict):
            _check_texts(cast("dict[str, object]", item))
            waiting.extend((member, depth + 1) for member in cast("dict[str, object]", item).values())
        elif isinstance(item, list):
            waiting.extend((member, depth + 1) for member in cast("list[object]", item))
        elif isinstance(item, str):
            _check_texts((item,))
        if seen + len(waiting) > MAX_VALUES:
            raise Unreadable("too_many_values", "The file has more than a million values.")


def write_json(value: Json) -> bytes:
    """Return the JSON text of a value, indented by two, with a line end."""
    return msgspec.json.format(_encoder.encode(value), indent=2) + b"\n"


def canonical(value: Json) -> bytes:
    """Return the one JSON text of a value: members sorted, no white space, numbers as they were written."""
    return _sorted_encoder.encode(value)


def encode_source(source: Source) -> bytes:
    """Return a source as bytes, for storage beside the protocol version; `decode_source` is its way back."""
    return _encoder.encode(
        {
            "format": source.format,
            "root": source.root,
            "documents": [{"name": document.name, "value": document.value} for document in source.documents],
        }
    )


def decode_source(stored: bytes) -> Source:
    """Return the source that `encode_source` wrote. Raises Unreadable or KeyError when it wrote something else."""
    value = cast("dict[str, Json]", json.loads(stored, parse_float=Decimal, parse_int=integer_or_decimal))
    documents = cast("list[dict[str, Json]]", value["documents"])
    return Source(
        format=cast("Format", value["format"]),
        root=cast("str", value["root"]),
        documents=tuple(Document(str(item["name"]), item["value"]) for item in documents),
    )


def copy_json(value: Json) -> Json:
    """Return a deep copy; its dicts and lists can be changed freely."""
    if isinstance(value, dict):
        return {name: copy_json(member) for name, member in value.items()}
    if isinstance(value, list):
        return [copy_json(member) for member in value]
    return value


def escape_pointer(part: str) -> str:
    """Return one member name as a part of a JSON pointer (RFC 6901)."""
    return part.replace("~", "~0").replace("/", "~1")


def at_pointer(value: Json, pointer: str) -> Json:
    """Return what a JSON pointer names. Raises KeyError, IndexError or ValueError when it names nothing."""
    for part in pointer.split("/")[1:]:
        if isinstance(value, list):
            value = value[int(part)]
        elif isinstance(value, dict):
            value = value[part.replace("~1", "/").replace("~0", "~")]
        else:
            raise KeyError(part)
    return value


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        # Of two members with one name a parser keeps either, so neither reading would be what the author meant.
        raise Unreadable("member_twice", "An object gives the same member twice.")
    return members


def _refuse_constant(_: str) -> object:
    raise Unreadable("number_invalid", "NaN and Infinity are not JSON.")


def _check_texts(texts: Iterable[str]) -> None:
    for text in texts:
        if "\x00" in text:
            raise Unreadable("text_invalid", "A text holds the character U+0000.")
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise Unreadable("text_invalid", "A text holds half a surrogate pair.")
