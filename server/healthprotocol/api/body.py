"""
Bodies and queries into typed values.

The fast path is one msgspec decode; only when that fails does jsonschema list every fault of the input, each with its
JSON pointer and never with the value.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from functools import cache
from typing import Any, Generic, TypeVar

import jsonschema_rs
import msgspec

from healthprotocol.foundation.errors import BadRequest, Invalid, Violation

T = TypeVar("T")

_MAX_VIOLATIONS = 100
# Near the ends of the calendar there is no day before and no zone east, and nobody asks for such a day in earnest.
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)


class Further(msgspec.Struct, Generic[T], frozen=True):
    """
    What the rules say of an object whose shape has faults, so that one answer tells the faults of both.

    `judge` is given the object without the members that have a fault, and with `stand_ins` (JSON values without any
    fault) where it lacks one that it needs. What it was given is judged and thrown away, never written.
    """

    judge: Callable[[T], Sequence[Violation]]
    stand_ins: Mapping[str, Any] = msgspec.field(default_factory=dict[str, Any])


def decode_body(body: bytes, kind: type[T], *, trusted_markup: bool = False, further: Further[T] | None = None) -> T:
    """
    Return the JSON `body` as `kind`, strictly: unknown fields, other types and markup that would run are faults.

    `trusted_markup` lets such markup through, for files that are kept as they are and never shown as markup. `further`
    is asked only when there is a fault; a body without one is judged by who acts on it.

    Raises BadRequest when it is no JSON, Invalid with every fault when it is JSON of another shape.
    """
    try:
        try:
            value = _decoder(kind).decode(body)
            found = [] if trusted_markup or b"<" not in body else _active_markup(msgspec.json.decode(body))
        except msgspec.ValidationError as error:
            told = faults(body, kind) or [_from_msgspec(str(error))]
            raise Invalid(violations=[*told, *_further(body, kind, told, further)]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest(
            "The body is not valid JSON in UTF-8.", violations=[Violation("", "json_invalid", "Send valid JSON.")]
        ) from None
    if found:
        raise Invalid(violations=[*found, *_further(body, kind, found, further)])
    return value


def _further(body: bytes, kind: type[T], told: Sequence[Violation], further: Further[T] | None) -> list[Violation]:
    """Return what the rules say of the members of an object that have no fault yet; none when it is no object."""
    value = msgspec.json.decode(body)
    if further is None or not isinstance(value, dict):
        return []
    faulty = {_member(one) for one in told}
    known = _parameters(kind)[1] - faulty
    rest = {**further.stand_ins, **{name: inner for name, inner in value.items() if name in known}}
    try:
        judged = further.judge(_decoder(kind).decode(msgspec.json.encode(rest)))
    except msgspec.ValidationError:
        # A fault that cannot be laid to a member: there is nothing left to judge.
        return []
    return [one for one in judged if _member(one) not in faulty][: _MAX_VIOLATIONS - len(told)]


def _member(violation: Violation) -> str:
    """Return the member of the outermost object that a fault is in; empty for the object as a whole."""
    return violation.pointer.removeprefix("/").partition("/")[0].replace("~1", "/").replace("~0", "~")


def faults(body: bytes, kind: type[Any]) -> list[Violation]:
    """Return every way in which a JSON body does not fit `kind`, at most 100, in document order."""
    value = msgspec.json.decode(body)
    found: dict[Violation, None] = dict.fromkeys(_active_markup(value)) if b"<" in body else {}
    for _, error in zip(range(_MAX_VIOLATIONS), _validator(kind).iter_errors(value), strict=False):
        found.update(dict.fromkeys(_from_jsonschema(error)))
    return list(found)[:_MAX_VIOLATIONS]


def convert_query(query: Mapping[str, Sequence[str]], kind: type[T]) -> T:
    """
    Return the query parameters as the struct `kind`. A parameter given twice is a fault unless the field is a list.

    Raises BadRequest naming each parameter that is unknown, repeated or does not fit.
    """
    fields, known = _parameters(kind)
    violations = [
        Violation(f"/{_escape(name)}", "unknown_parameter", f"Known parameters: {', '.join(sorted(known)) or 'none'}.")
        for name in query
        if name not in known
    ]
    violations += [
        Violation(f"/{_escape(name)}", "repeated", "Give this parameter once.")
        for name, values in query.items()
        if name in known and len(values) > 1
    ]
    if violations:
        raise BadRequest("The query has faults.", violations=violations)
    single = {name: values[0] for name, values in query.items()}
    try:
        value = msgspec.convert(single, kind, strict=False)
    except msgspec.ValidationError as error:
        found = [fault for name in fields if (fault := _parameter_fault(name, single)) is not None]
        raise BadRequest("The query has faults.", violations=found or [_from_msgspec(str(error))]) from None
    far = [
        Violation(f"/{one.encode_name}", "out_of_range", _FAR) for one in fields if _is_far(getattr(value, one.name))
    ]
    if far:
        raise BadRequest("The query has faults.", violations=far)
    return value


@cache
def _parameters(kind: type[Any]) -> tuple[tuple[msgspec.structs.FieldInfo, ...], frozenset[str]]:
    """Return the fields of a struct and the names that they have in the address or the body."""
    fields = msgspec.structs.fields(kind)
    return fields, frozenset(field.encode_name for field in fields)


_FAR = f"Give a day from {FIRST_DAY} to {LAST_DAY}."


def _is_far(value: object) -> bool:
    day = value.date() if isinstance(value, datetime) else value
    return isinstance(day, date) and not FIRST_DAY <= day <= LAST_DAY


def _parameter_fault(field: msgspec.structs.FieldInfo, query: Mapping[str, str]) -> Violation | None:
    pointer = f"/{field.encode_name}"
    if field.encode_name not in query:
        return Violation(pointer, "required", "This parameter is required.") if field.required else None
    try:
        msgspec.convert(query[field.encode_name], field.type, strict=False)
    except msgspec.ValidationError as error:
        told = _from_msgspec(str(error))
        options = _options(field.type) if _IS_NONE_OF_THEM in str(error) else []
        said = f"It must be one of: {', '.join(options)}." if options else told.detail
        return Violation(pointer, told.code, said)
    return None


# The last two want a letter right after the <, as a browser does: "blood pressure <140, data: see below" is no markup.
_ACTIVE = re.compile(
    r"<[\s/]{0,20}(?:script|iframe|object|embed|applet|style|link|meta|base|form|svg|math|frame|frameset)\b"
    r"|<[a-z/!?][^<>]{0,1000}[\s/\"']on[a-z]{3,30}\s*="
    r"|<[a-z/!?][^<>]{0,1000}(?:javascript|vbscript|data)\s*:",
    re.IGNORECASE,
)


def _active_markup(value: object, pointer: str = "") -> list[Violation]:
    """Find texts with markup that would run in a browser. Plain markup is left to who sanitises rich text."""
    if isinstance(value, str):
        if "<" in value and _ACTIVE.search(value):
            return [Violation(pointer, "markup_not_allowed", "Scripts, frames, styles and event handlers are refused.")]
        return []
    if isinstance(value, dict):
        items = [(f"{pointer}/{_escape(_safe_name(str(key)))}", inner) for key, inner in value.items()]
    elif isinstance(value, list):
        items = [(f"{pointer}/{index}", inner) for index, inner in enumerate(value)]
    else:
        return []
    return [violation for place, inner in items for violation in _active_markup(inner, place)]


@cache
def _decoder(kind: type[Any]) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(kind)


@cache
def _validator(kind: type[Any]) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        msgspec.json.schema(kind), validate_formats=True, formats={"partial-time": _is_local_time}
    )


def _is_local_time(text: str) -> bool:
    try:
        return time.fromisoformat(text).tzinfo is None
    except ValueError:
        return False


_SENTENCES = {
    "type": "It must be of another type.",
    "required": "A required field is missing.",
    "additionalProperties": "This field is not known here.",
    "enum": "It must be one of the listed values.",
    "const": "It must be the one listed value.",
    "anyOf": "It fits none of the allowed shapes.",
    "oneOf": "It fits none of the allowed shapes.",
    "format": "It is not a real value of its format.",
    "pattern": "It does not match the required pattern.",
}
_FORMATS = {
    "date": "It must be a day that there is, as YYYY-MM-DD.",
    "date-time": "It must be a time with its offset, such as 2026-03-07T13:00:00Z.",
    "uuid": "It must be an id (UUID).",
}
_LIMITS = {
    "minLength": ("too_short", "It must have at least {} characters."),
    "maxLength": ("too_long", "It must have at most {} characters."),
    "minItems": ("too_few", "It must have at least {} items."),
    "maxItems": ("too_many", "It must have at most {} items."),
    "minimum": ("too_small", "It must be at least {}."),
    "maximum": ("too_large", "It must be at most {}."),
    "exclusiveMinimum": ("too_small", "It must be more than {}."),
    "exclusiveMaximum": ("too_large", "It must be less than {}."),
}


def _from_jsonschema(error: Any) -> list[Violation]:
    branches = getattr(error.kind, "context", None)
    if branches:
        # An optional field is `anyOf [shape, null]`: the faults of its shape say more than "fits neither".
        told = [branch for branch in branches if branch and not _is_only_null(branch)]
        if len(told) == 1:
            return [violation for inner in told[0] for violation in _from_jsonschema(inner)]
    return [_one_violation(error)]


def _is_only_null(branch: Sequence[Any]) -> bool:
    return len(branch) == 1 and list(getattr(branch[0].kind, "types", ()) or ()) == ["null"]


def _one_violation(error: Any) -> Violation:
    pointer = "".join(f"/{_escape(str(part))}" for part in error.instance_path)
    keyword = str(error.schema_path[-1]) if error.schema_path else "invalid"
    if keyword in _LIMITS:
        code, sentence = _LIMITS[keyword]
        if keyword in {"minLength", "minItems"} and _limit(error, keyword) == "1":
            sentence = "It must not be empty."
        return Violation(pointer, code, sentence.format(_limit(error, keyword)))
    if keyword == "additionalProperties":
        unexpected = list(getattr(error.kind, "unexpected", ()))
        names = ", ".join(_safe_name(str(name)) for name in unexpected[:5])
        where = f"{pointer}/{_escape(_safe_name(str(unexpected[0])))}" if len(unexpected) == 1 else pointer
        return Violation(where, "unknown_field", f"Not known here: {names}.")
    if keyword == "required":
        name = str(getattr(error.kind, "property", "")).strip("'\"")
        return Violation(f"{pointer}/{_escape(name)}", "required", "This field is required.")
    if keyword == "type":
        return Violation(pointer, "wrong_type", f"It must be {_types(error)}.")
    if keyword == "enum":
        options = ", ".join(str(option) for option in getattr(error.kind, "options", ()) or ())[:300]
        return Violation(pointer, "not_allowed", f"It must be one of: {options}." if options else _SENTENCES["enum"])
    named = _FORMATS.get(str(getattr(error.kind, "format", ""))) if keyword == "format" else None
    return Violation(pointer, keyword.lower(), named or _SENTENCES.get(keyword, "It does not fit."))


def _limit(error: Any, keyword: str) -> str:
    return str(getattr(error.kind, "limit", keyword))


def _types(error: Any) -> str:
    types = getattr(error.kind, "types", None) or ["of another type"]
    words = {"integer": "a whole number", "number": "a number", "string": "a text", "object": "an object",
             "array": "a list", "boolean": "true or false", "null": "null"}  # fmt: skip
    return " or ".join(words.get(str(name), str(name)) for name in types)


def _options(kind: Any) -> list[str]:
    """Return the words that a parameter may be, none where it may be others too."""
    info = msgspec.inspect.type_info(kind)
    parts = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    return [str(word) for part in parts if isinstance(part, msgspec.inspect.LiteralType) for word in part.values]


_IS_NONE_OF_THEM = "Invalid enum value"
_PATH = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`$")


def _from_msgspec(message: str) -> Violation:
    """Msgspec's messages name types, limits and enum members, never the value; an unknown enum member it does quote."""
    match = _PATH.search(message)
    path = match["path"] if match else ""
    pointer = re.sub(r"\[(\d+)\]", r"/\1", path.replace("[...]", "")).replace(".", "/")
    sentence = _PATH.sub("", message)
    if _IS_NONE_OF_THEM in sentence:
        sentence = "It must be one of the listed values"
    unknown = re.search(r"unknown field `(?P<name>[^`]*)`", sentence)
    if unknown:
        return Violation(
            f"{pointer}/{_escape(_safe_name(unknown['name']))}", "unknown_field", "This field is not known here."
        )
    missing = re.search(r"missing required field `(?P<name>[^`]*)`", sentence)
    if missing:
        return Violation(f"{pointer}/{missing['name']}", "required", "This field is required.")
    return Violation(pointer, "invalid", sentence + ".")


def _safe_name(name: str) -> str:
    """A field's name as sent, only where it looks like a name: a value sent in its place must not be echoed."""
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}", name) else "(a name that is not shown)"


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
