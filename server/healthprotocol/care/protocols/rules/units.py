"""
Units of measurement by UCUM: whether a code is one, and what a value in it is in another.

Temperatures convert by their formula, not by a factor. Amounts of substance and masses do not convert into each other:
that takes a molar mass, which UCUM does not know. Source: care rules §4.3; https://ucum.org/ucum.
"""

import math
import re
from functools import lru_cache
from threading import RLock
from typing import Any

from lark import Lark
from lark.exceptions import LarkError
from pint.errors import PintError
from ucumvert import PintUcumRegistry, get_ucum_parser

LONGEST_UNIT = 64

# A power that no measurement has would be multiplied out: refuse it before that. Annotations may hold any digits.
_ANNOTATION = re.compile(r"\{[^{}]*\}")
_ABSURD_POWER = re.compile(r"[A-Za-z\]'%*^_][+-]?\d{3}")

# Units that ucumvert 0.3 takes for something else, as UCUM defines them. A test holds the rest of UCUM's own table
# against it, and says when an entry here is no longer needed.
_AS_DEFINED = {
    "[Cal]": "kcal_th",
    "g%": "g/dL",
    "[cft_i]": "([ft_i]3)",
    "[cyd_i]": "([yd_i]3)",
    "[in_i'H2O]": "(m[H2O].[in_i]/m)",
    "[in_i'Hg]": "(m[Hg].[in_i]/m)",
    "[rd_br]": "(33.[ft_br]/2)",
    "[ch_br]": "(66.[ft_br])",
    "[lk_br]": "(66.[ft_br]/100)",
    "[LPF]": "(100.1)",
    "[Btu]": "[Btu_th]",
    "'": "(deg/60)",
    "''": "(deg/3600)",
}
_TOKENS = re.compile(r"\[[^\]]*\]|\{[^}]*\}|g%|''|.", re.DOTALL)


# Far enough from zero that an offset of hundreds costs the factor no digits.
_SAMPLE = 1_000


class UnitsDiffer(ValueError):
    """There is no conversion between two units, or one of them is none."""


def is_unit(code: str) -> bool:
    """Say whether `code` is a well-formed UCUM code (case-sensitive), such as `mm[Hg]` or `{beats}/min`."""
    return len(code) <= LONGEST_UNIT and _parses(code)


def are_convertible(unit: str, to: str) -> bool:
    """Say whether every value in `unit` is a value in `to`."""
    return unit == to or _formula(unit, to) is not None


def convert(value: float, *, unit: str, to: str) -> float:
    """
    Return `value`, given in `unit`, in the unit `to`, rounded to twelve significant digits.

    Raises:
        UnitsDiffer: they measure different things, or one of them is not UCUM.
    """
    if unit == to:
        return value
    formula = _formula(unit, to)
    if formula is None:
        raise UnitsDiffer("there is no conversion between these units")
    factor, offset = formula
    scale = max(abs(value * factor), abs(offset))
    if scale == 0 or not math.isfinite(scale):
        return value * factor
    # Adding 0.0 turns a negative zero into zero.
    return round(value * factor + offset, 11 - math.floor(math.log10(scale))) + 0.0


# The tables are built in a thread while the first request may ask already. Two registries would not know each other's
# units, and that a conversion failed between them would be remembered.
_one_at_a_time = RLock()


@lru_cache(maxsize=1)
def _registry() -> PintUcumRegistry:
    # Takes half a second, so it is not done at import: a command that converts nothing does not wait for it.
    return PintUcumRegistry()


@lru_cache(maxsize=1)
def _parser() -> Lark:
    # ucumvert builds its grammar anew each time, which takes a tenth of a second.
    return get_ucum_parser()


@lru_cache(maxsize=4_096)
def _parses(code: str) -> bool:
    try:
        with _one_at_a_time:
            _parser().parse(code)
    except LarkError:
        return False
    return True


@lru_cache(maxsize=4_096)
def _formula(unit: str, to: str) -> tuple[float, float] | None:
    """Return (factor, offset) of the conversion, or None. Units on a logarithmic scale have neither."""
    try:
        with _one_at_a_time:
            at_zero, at_one, at_two = _at(_quantity(unit), _quantity(to))
    except (LarkError, PintError, ArithmeticError, ValueError):
        return None
    factor = (at_one - at_zero) / _SAMPLE
    if not math.isfinite(factor) or not math.isclose((at_two - at_one) / _SAMPLE, factor, rel_tol=1e-9):
        return None
    # Thirteen digits take off what binary fractions added: 31.99999999999994 is 32.
    return float(f"{factor:.13g}"), float(f"{at_zero:.13g}")


def _at(source: Any, target: Any) -> tuple[float, float, float]:
    """Return what 0, 1,000 and 2,000 of `source` are in `target`."""
    zero, one, two = (
        _registry().Quantity(count * source.magnitude, source.units).to(target.units).magnitude / target.magnitude
        for count in (0, _SAMPLE, 2 * _SAMPLE)
    )
    return zero, one, two


def _quantity(code: str) -> Any:
    if len(code) > LONGEST_UNIT:
        raise UnitsDiffer("the unit is longer than any unit")
    bare = _ANNOTATION.sub("", code)
    if _ABSURD_POWER.search(bare):
        raise UnitsDiffer("the unit holds a power that no measurement has")
    if not _parses(code):
        raise UnitsDiffer("the unit is not UCUM")
    if not bare:
        # What is only annotated, such as {score}, is a number.
        code = "1"
    tokens: list[str] = _TOKENS.findall(code)
    return _registry().from_ucum("".join(_AS_DEFINED.get(token, token) for token in tokens))
