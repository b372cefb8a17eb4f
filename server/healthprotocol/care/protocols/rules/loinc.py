"""LOINC codes: their form and check digit. Source: LOINC Users' Guide, appendix on the mod 10 check digit."""

import re

_FORM = re.compile(r"([1-9][0-9]{0,6})-([0-9])")


def is_loinc(code: str) -> bool:
    """Say whether `code` has the form of a LOINC code (`8480-6`) and the check digit that its number demands."""
    matched = _FORM.fullmatch(code)
    return matched is not None and int(matched[2]) == check_digit(matched[1])


def check_digit(number: str) -> int:
    """Return the mod 10 (Luhn) check digit of a LOINC number given as ASCII digits."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        tens, units = divmod(int(digit) * (2 if place % 2 == 0 else 1), 10)
        total += tens + units
    return -total % 10
