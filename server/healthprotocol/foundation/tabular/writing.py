"""
Lines of CSV (RFC 4180) that a spreadsheet shows and does not run.

A text that begins like a formula gets an apostrophe in front, and one that begins with apostrophes before such a
beginning gets one more: so `unescaped` gives back exactly what went in. Numbers are written as numbers. Source: OWASP,
CSV injection.
"""

import re
from collections.abc import Sequence

Cell = str | int | float | bool | None

_FORMULA = re.compile(r"'*[=+\-@\t\r\0]")
_NEEDS_QUOTES = re.compile(r"[\",;\r\n]|^\s|\s$|^$")


def escaped(text: str) -> str:
    """Return a text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescaped(text: str) -> str:
    """Undo `escaped`; a text that it would not have made stays as it is."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text, 1) else text


def csv_line(cells: Sequence[Cell]) -> str:
    """Return one line with its CRLF. None is an empty cell, an empty text a pair of quotes, a boolean true or false."""
    return ",".join(map(_cell, cells)) + "\r\n"


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    text = escaped(value)
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text
