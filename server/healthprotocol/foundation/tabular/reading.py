"""
Records out of bytes: each with its line, each fault with its own, and after each the place to go on from.

Nothing here knows where the bytes come from. A reader that begins at a place that an earlier one reached reads on as if
it had read all before.
"""

import csv
from typing import NamedTuple

import msgspec

from .dialect import CSV, Dialect
from .lines import LONGEST_LINE_BYTES, Line, LineCutter

# A quote that never closes would take the rest of the file for its text.
MOST_LINES_OF_RECORD = 1_000
LONGEST_RECORD_BYTES = LONGEST_LINE_BYTES

_UNFINISHED = "unexpected end of data"


class Place(NamedTuple):
    """Where a record begins: the offset of its first byte, and the number of its line, from 1."""

    offset: int
    line: int


class Fault(msgspec.Struct, frozen=True):
    """Why a line is no record. `code` is a word for programs; `detail` quotes nothing."""

    code: str
    detail: str


class Record(NamedTuple):
    """
    One record, and the place behind it.

    `cells` are the texts of a line of CSV as they stand there; `raw` is a line of NDJSON. Both are None with a `fault`.
    """

    line: int
    behind: Place
    cells: list[str] | None = None
    raw: bytes | None = None
    fault: Fault | None = None


class RecordReader:
    """Reads the records of one file from `place` on, None being its first. Lines that are empty are passed over."""

    def __init__(self, dialect: Dialect, place: Place | None = None) -> None:
        start = place or Place(dialect.begins_at, dialect.first_line)
        self._dialect = dialect
        self._lines = LineCutter(offset=start.offset, number=start.line)
        self._is_closed = False
        # The lines of a record whose quotes are still open.
        self._open: list[Line] = []

    def feed(self, part: bytes) -> None:
        """Take the next bytes of the file."""
        self._lines.feed(part)

    def close(self) -> None:
        """Say that the file ends here."""
        self._lines.close()
        self._is_closed = True

    def take(self) -> Record | None:
        """Return the next record; None when more bytes are needed, or, once closed, when there are no more."""
        while (line := self._lines.take()) is not None:
            if self._open:
                record = self._go_on(line)
            elif line.text is None:
                record = _faulty(line, "too_long", f"A line has at most {LONGEST_LINE_BYTES:,} bytes.")
            elif not line.text.strip():
                continue
            else:
                record = self._read(line, line.text)
            if record is not None:
                return record
        return self._give_up() if self._open and self._is_closed else None

    def _read(self, line: Line, text: bytes) -> Record | None:
        if b"\0" in text:
            return _faulty(line, "nul_character", "The line holds the character NUL.")
        try:
            decoded = text.decode()
        except UnicodeDecodeError:
            return _faulty(line, "utf8_invalid", "The line is not UTF-8. Save the file as CSV UTF-8.")
        if self._dialect.format != CSV:
            return Record(line.number, _behind(line), raw=text)
        if '"' not in decoded:
            return Record(line.number, _behind(line), cells=decoded.removesuffix("\r").split(self._dialect.delimiter))
        return self._quoted(line, line, decoded)

    def _quoted(self, first: Line, last: Line, text: str) -> Record | None:
        """Read a record whose lines, from `first` to `last`, hold quotes; None when its quotes are still open."""
        try:
            [cells] = csv.reader([text.removesuffix("\r")], delimiter=self._dialect.delimiter, strict=True)
        except csv.Error as error:
            if str(error) != _UNFINISHED:
                self._open = []
                return _faulty(first, "malformed", "After a closing quote comes a delimiter or the end of the line.")
            if first is last:
                self._open = [first]
            return None
        self._open = []
        return Record(first.number, _behind(last), cells=cells)

    def _go_on(self, line: Line) -> Record | None:
        if line.text is None or len(self._open) >= MOST_LINES_OF_RECORD or self._size() > LONGEST_RECORD_BYTES:
            self._lines.give_back(line)
            return self._give_up()
        self._open.append(line)
        # Only a quote can close what is open, and whether this line's do is seen in the line alone: reading all of the
        # record anew at every line would take for ever.
        if b'"' not in line.text or self._is_open_behind(line.text):
            return None
        first, text = self._open[0], b"\n".join([one.text or b"" for one in self._open])
        try:
            decoded = text.decode()
        except UnicodeDecodeError:
            return self._give_up()
        if "\0" in decoded:
            return self._give_up()
        opened = self._open
        record = self._quoted(first, line, decoded)
        if record is not None and record.fault is not None:
            # The quote that opened was a stray one: only its own line is lost, not what it took for its text.
            self._open = opened
            return self._give_up()
        return record

    def _is_open_behind(self, text: bytes) -> bool:
        """Return whether a quote that is open before a line, or one that opens in it, is still open behind it."""
        try:
            list(csv.reader(['"' + text.decode(errors="replace")], delimiter=self._dialect.delimiter, strict=True))
        except csv.Error as error:
            return str(error) == _UNFINISHED
        return False

    def _give_up(self) -> Record:
        """Call the line that opened a quote faulty, and read on behind it: what follows may be sound."""
        first, *others = self._open
        for line in reversed(others):
            self._lines.give_back(line)
        self._open = []
        return _faulty(first, "quote_open", "A quote opens here and does not close.")

    def _size(self) -> int:
        return self._open[-1].ends_at - self._open[0].ends_at


def _behind(line: Line) -> Place:
    return Place(line.ends_at, line.number + 1)


def _faulty(line: Line, code: str, detail: str) -> Record:
    return Record(line.number, _behind(line), fault=Fault(code, detail))
