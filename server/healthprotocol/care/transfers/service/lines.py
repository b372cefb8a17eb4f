"""The records of a sealed file as lines of their noun, from any place on."""

import re

import msgspec

from healthprotocol.care.transfers.errors import FileUnreadable
from healthprotocol.care.transfers.model import ImportPlan, Line, Noun
from healthprotocol.care.transfers.rules.cells import composed, read_cells
from healthprotocol.care.transfers.rules.columns import REPORT_COLUMNS, check_header, names_of
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Violation
from healthprotocol.foundation.files import FileId, sealed
from healthprotocol.foundation.tabular import CSV, Dialect, DialectFault, Place, Record, RecordReader, detect
from healthprotocol.foundation.tabular.dialect import LOOKED_AT_BYTES

READ_BYTES = 4 * 1024 * 1024
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


async def dialect_of(tx: Transaction, file_id: FileId, noun: Noun) -> Dialect:
    """Return how a file is written. Raises FileUnreadable, with every fault of its header."""
    beginning = await sealed.read(tx, file_id, begin=0, most_bytes=LOOKED_AT_BYTES)
    try:
        dialect = detect(beginning)
    except DialectFault as fault:
        raise FileUnreadable(violations=[Violation("/upload_id", fault.code, fault.detail)]) from None
    faults = check_header(noun, dialect.columns)
    if faults:
        raise FileUnreadable(violations=faults, public={"known_columns": list(names_of(noun))})
    return dialect


def dialect_in(plan: ImportPlan) -> Dialect:
    """Return how the file of a plan is written."""
    return Dialect(
        format=plan.format,
        delimiter=plan.delimiter,
        begins_at=plan.begins_at,
        first_line=plan.first_line,
        columns=plan.columns,
    )


class RecordSource:
    """The records of a file from `place` on, None being the first; memory holds some chunks of it."""

    def __init__(
        self,
        tx: Transaction,
        file_id: FileId,
        dialect: Dialect,
        place: Place | None,
        *,
        size_bytes: int,
        read_bytes: int = READ_BYTES,
    ) -> None:
        start = place or Place(dialect.begins_at, dialect.first_line)
        self._reader = RecordReader(dialect, start)
        self._tx = tx
        self._file_id = file_id
        self._at = start.offset
        self._size = size_bytes
        self._read_bytes = read_bytes
        self._is_closed = False

    async def fill(self) -> bool:
        """Read the next part; return False when there are no more."""
        if self._is_closed:
            return False
        content = b""
        if self._at < self._size:
            content = await sealed.read(self._tx, self._file_id, begin=self._at, most_bytes=self._read_bytes)
        self._at += len(content)
        self._reader.feed(content)
        if not content:
            self._reader.close()
            self._is_closed = True
        return True

    def take(self) -> Record | None:
        """Return the next record of what was read; None when more is to be read. The database is not asked."""
        return self._reader.take()


def line_of(noun: Noun, record: Record, dialect: Dialect) -> Line:
    """Return what a record says, or its own fault."""
    if record.fault is not None:
        return Line(record.line, {}, faults=(Violation("", record.fault.code, record.fault.detail),))
    if dialect.format == CSV:
        return _of_cells(noun, record, dialect)
    return _of_json(noun, record)


def _of_cells(noun: Noun, record: Record, dialect: Dialect) -> Line:
    cells = record.cells or []
    more = len(cells) - len(dialect.columns)
    said = read_cells(noun, dialect.columns, cells, decimal_comma=dialect.delimiter == ";")
    if more > 0 and any(cells[len(dialect.columns) :]):
        detail = f"The line has {more} cells more than there are columns."
        return Line(record.line, said, dialect.columns, cells, (Violation("", "too_many_cells", detail),))
    return Line(record.line, said, dialect.columns, cells)


def _of_json(noun: Noun, record: Record) -> Line:
    raw = record.raw or b""
    if _NUL.search(raw):
        # As in any other body; PostgreSQL would fail the whole batch for it.
        detail = "A text must not contain the character NUL."
        return Line(record.line, {}, faults=(Violation("", "nul_character", detail),))
    try:
        said = msgspec.json.decode(raw, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        return Line(record.line, {}, faults=(Violation("", "json_invalid", "The line is not a JSON object."),))
    shown = {name: value for name, value in said.items() if name not in REPORT_COLUMNS}
    # To a patient who is here a null says that a value goes; elsewhere it says as little as an absent name.
    said = {name: value for name, value in shown.items() if value is not None or noun == "patients"}
    return Line(record.line, said, tuple(shown), tuple(shown.values()))


def body_of(noun: Noun, line: Line) -> bytes:
    """Return what a line says as JSON, in the shape of its noun."""
    return msgspec.json.encode(composed(noun, line.said))
