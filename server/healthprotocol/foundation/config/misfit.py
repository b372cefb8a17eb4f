"""A value that does not fit a setting, told to an operator: which, where it came from, and what to write instead."""

from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from healthprotocol.foundation.config.faults import Fault
from healthprotocol.foundation.config.layers import Origin, variable

_KINDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    Path: "a path",
    tuple: "a list with commas between",
}
# What `fault_type` is for a text that nobody can take apart as a URL.
NO_URL = "no_url"
_OUT_OF_RANGE = frozenset({"greater_than", "greater_than_equal", "less_than", "less_than_equal"})


def misfit(name: str, field: FieldInfo, origin: Origin, *, fault_type: str, unit: str = "") -> Fault:
    """
    Return the fault of one setting's value, which is never quoted: it may be a secret in the wrong place.

    `fault_type` is the validator's name of what is wrong; `unit` is empty for what has none.
    """
    kind = _kind(field.annotation)
    problem = "is out of range" if fault_type in _OUT_OF_RANGE else f"is not {kind}"
    if fault_type == "value_error":
        # The text is of the right type, and something else about it is not as it must be.
        problem = "cannot be used"
    if fault_type == NO_URL:
        problem, kind = "is no URL", "one in which user and password are percent-encoded"
    asked = " ".join(word for word in (kind, f"of {unit}" if unit else "", _range(field)) if word) + _example(field)
    about = f" ({field.description.rstrip('.')})" if field.description else ""
    return Fault(f"{variable(name)}, {_where(origin)}, {problem}", f"write {asked}{about}")


def _where(origin: Origin) -> str:
    return {
        "default": "which has its default",
        "environment": "from the environment",
        "file": f"from the file {origin.where}",
        "secret file": f"from the file {origin.where}",
        "vault": f"from the vault at {origin.where}",
    }[origin.layer]


def _kind(annotation: Any) -> str:
    """Return what is written for a type; None beside another is what stands when nothing is written."""
    if get_origin(annotation) in {Union, UnionType}:
        annotation = next(one for one in get_args(annotation) if one is not type(None))
    if get_origin(annotation) is Literal:
        return f"one of {', '.join(map(str, get_args(annotation)))}"
    return _KINDS[get_origin(annotation) or annotation]


def _range(field: FieldInfo) -> str:
    """Return the bounds, such as `from 1 to 64` or `above 0 and at most 60`; empty where all of the type fit."""
    least = next((one.ge for one in field.metadata if isinstance(one, Ge)), None)
    most = next((one.le for one in field.metadata if isinstance(one, Le)), None)
    if least is not None and most is not None:
        return f"from {least} to {most}"
    bounds = [
        f"at least {least}" if least is not None else "",
        *(f"above {one.gt}" for one in field.metadata if isinstance(one, Gt)),
        f"at most {most}" if most is not None else "",
        *(f"below {one.lt}" for one in field.metadata if isinstance(one, Lt)),
    ]
    return " and ".join(bound for bound in bounds if bound)


def _example(field: FieldInfo) -> str:
    shown = field.examples[0] if field.examples else field.default
    return "" if shown is None or shown == () else f", such as {shown}"
