"""How a file is written: CSV or NDJSON, its delimiter, its columns. Found out from its first bytes."""

import codecs
import csv
import io
import re
from typing import Literal

import msgspec

from .lines import LONGEST_LINE_BYTES

CSV: Literal["csv"] = "csv"
NDJSON: Literal["ndjson"] = "ndjson"
MOST_COLUMNS = 200
LOOKED_AT_BYTES = LONGEST_LINE_BYTES

_BOM = codecs.BOM_UTF8
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
"""How .xlsx and .ods (zip) and .xls (OLE2) begin."""
_DELIMITERS = (",", ";")
_QUOTED = re.compile(r'"[^"]*"')


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """
    How a file is written. `columns` is the header of CSV as it stands there, empty for NDJSON.

    The first record begins at byte `begins_at`, on line `first_line` (from 1).
    """

    format: Literal["csv", "ndjson"]
    begins_at: int = 0
    first_line: int = 1
    delimiter: str = ","
    columns: tuple[str, ...] = ()


class DialectFault(ValueError):
    """The file cannot be read at all. `code` is a word for programs; the text says what to do and quotes nothing."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def detect(beginning: bytes) -> Dialect:
    """
    Return how a file is written; `beginning` is its first LOOKED_AT_BYTES, or all of a smaller one.

    Raises DialectFault: a workbook, empty, not UTF-8, no header, too many columns or one twice.
    """
    if beginning.startswith(_WORKBOOKS):
        raise DialectFault("workbook", "This is a workbook or an archive, not text. Save its sheet as CSV UTF-8.")
    if beginning.startswith(_UTF_16) or beginning[:200].count(b"\0") > len(beginning[:200]) // 4:
        raise DialectFault("utf8_invalid", "The file is not UTF-8. Save it as CSV UTF-8.")
    start = len(_BOM) if beginning.startswith(_BOM) else 0
    content = beginning[start:]
    if not content.strip():
        raise DialectFault("empty", "The file is empty.")
    if content.lstrip().startswith(b"{"):
        return Dialect(format=NDJSON, begins_at=start)
    return _csv(content, start)


def _csv(content: bytes, start: int) -> Dialect:
    line, newline, _ = content.partition(b"\n")
    if not newline and len(content) >= LOOKED_AT_BYTES - len(_BOM):
        raise DialectFault("too_long", "The first line is too long for a line of column names.")
    try:
        text = line.removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        raise DialectFault("utf8_invalid", "The file is not UTF-8. Save it as CSV UTF-8.") from None
    if "\0" in text:
        raise DialectFault("nul_character", "The line of column names holds the character NUL.")
    delimiter = max(_DELIMITERS, key=_QUOTED.sub("", text).count)
    if text.count(delimiter) >= MOST_COLUMNS:
        raise DialectFault("too_many_columns", f"The file has more than {MOST_COLUMNS} columns.")
    try:
        names = next(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True), [])
    except csv.Error:
        raise DialectFault("malformed", "The line of column names has a quote that does not close.") from None
    columns = tuple(name.strip().lower() for name in names)
    # Spreadsheets leave empty columns behind the last one.
    while columns and not columns[-1]:
        columns = columns[:-1]
    if not columns or not all(columns):
        raise DialectFault("column_unnamed", "The first line must name every column.")
    if len(set(columns)) != len(columns):
        raise DialectFault("column_repeated", "The first line names a column twice.")
    begins_at = start + len(line) + len(newline)
    return Dialect(format=CSV, begins_at=begins_at, first_line=2, delimiter=delimiter, columns=columns)
