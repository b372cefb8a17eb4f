"""
What FHIR has no element for, in extensions of our own.

A struct's members become sub-extensions of the same names in camel case, so that another system can read them one by
one. An extension may hold only some members: those on which FHIR's own elements say nothing, or something else.
"""

import base64
import re
from decimal import Decimal

from msgspec import inspect

from healthprotocol.care.protocols.fhir.primitives import is_string
from healthprotocol.care.protocols.rules.exchange.documents import Json
from healthprotocol.care.protocols.rules.exchange.strict import fields, unwrapped

BASE = "https://healthprotocol.example/fhir"
STRUCTURES = f"{BASE}/StructureDefinition"
PROTOCOL = f"{STRUCTURES}/protocol"
STRUCTURE = f"{STRUCTURES}/structure"
PHASE = f"{STRUCTURES}/phase"
ACTIVITY = f"{STRUCTURES}/activity"
OURS = frozenset({PROTOCOL, STRUCTURE, PHASE, ACTIVITY})

# Values that no FHIR value[x] can hold, as codes: a member that is taken away, and things that are there but empty.
_CODES: dict[str, Json] = {"absent": None, "empty-text": "", "empty-list": [], "empty-object": {}}
_MAX_FHIR_INTEGER = 2**31 - 1


def write_extension(url: str, value: Json) -> dict[str, Json]:
    """Return the extension that holds `value`: an object with texts, numbers, lists of them, objects and None."""
    if isinstance(value, dict) and value:
        inner: list[Json] = []
        for name, member in value.items():
            items = member if isinstance(member, list) and member else [member]
            inner.extend(write_extension(_camel(name), item) for item in items)
        return {"url": url, "extension": inner}
    return {"url": url, **_written_value(value)}


def read_extension(extension: Json, kind: type) -> Json:
    """Return the members of the struct `kind` that an extension holds, None for those it takes away."""
    return _read(extension, fields(kind))


def find_extension(element: Json, url: str) -> dict[str, Json] | None:
    """Return the extension of an element with this url, or None."""
    for extension in _extensions(element):
        if isinstance(extension, dict) and extension.get("url") == url:
            return extension
    return None


def remove_extension(element: dict[str, Json], url: str) -> None:
    """Take every extension with this url from an element."""
    present = _extensions(element)
    left = [each for each in present if not (isinstance(each, dict) and each.get("url") == url)]
    if len(left) == len(present):
        return
    if left:
        element["extension"] = left
    else:
        del element["extension"]


def put_extension(element: dict[str, Json], url: str, value: Json) -> None:
    """Give an element the extension, instead of one with the same url."""
    remove_extension(element, url)
    element["extension"] = [*_extensions(element), write_extension(url, value)]


def _extensions(element: Json) -> list[Json]:
    found = element.get("extension") if isinstance(element, dict) else None
    return found if isinstance(found, list) else [found] if isinstance(found, dict) else []


def _written_value(value: Json) -> dict[str, Json]:
    for code, meaning in _CODES.items():
        if value == meaning and type(value) is type(meaning):
            return {"valueCode": code}
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(value, int) and abs(value) <= _MAX_FHIR_INTEGER:
        return {"valueInteger": value}
    if isinstance(value, int | Decimal):
        return {"valueDecimal": value}
    if isinstance(value, str) and not is_string(value):
        return {"valueBase64Binary": base64.b64encode(value.encode()).decode()}
    return {"valueString": value}


def _read(extension: Json, known: dict[str, inspect.Type]) -> Json:
    names = {_camel(name): name for name in known}
    members: dict[str, Json] = {}
    for inner in _extensions(extension):
        if not isinstance(inner, dict) or not isinstance(inner.get("url"), str):
            continue
        name = names.get(str(inner["url"]), str(inner["url"]))
        kind = unwrapped(known[name]) if name in known else None
        if isinstance(kind, inspect.VarTupleType):
            _append(members, name, _read_one(inner, unwrapped(kind.item_type)))
        else:
            members[name] = _read_one(inner, kind)
    return members


def _append(members: dict[str, Json], name: str, item: Json) -> None:
    present = members.get(name)
    if item is None or item == []:
        members[name] = item
    elif isinstance(present, list):
        present.append(item)
    else:
        members[name] = [item]


def _read_one(extension: dict[str, Json], kind: inspect.Type | None) -> Json:
    if "extension" in extension:
        struct = kind.cls if isinstance(kind, inspect.StructType) else None
        return _read(extension, fields(struct) if struct else {})
    if "valueCode" in extension:
        code = extension["valueCode"]
        return _CODES.get(code, code) if isinstance(code, str) else None
    if "valueBase64Binary" in extension:
        return _decoded(extension["valueBase64Binary"])
    return next((value for name, value in extension.items() if name.startswith("value")), None)


def _decoded(value: Json) -> Json:
    try:
        return base64.b64decode(str(value), validate=True).decode()
    except ValueError:
        # What is damaged becomes what no member can be, and so is told.
        return {"damaged": True}


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)
