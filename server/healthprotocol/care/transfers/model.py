"""Files of patients, assignments and entries that come in and go out as jobs. Pure values."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

import msgspec

from healthprotocol.foundation.errors import Violation

Noun = Literal["patients", "assignments", "entries"]
Existing = Literal["skip", "update"]
FileFormat = Literal["csv", "ndjson"]
Became = Literal["created", "updated", "skipped", "failed"]

NOUNS: tuple[Noun, ...] = ("patients", "assignments", "entries")


class Line(msgspec.Struct, frozen=True, gc=False):
    """
    One line of a file: its number from 1, and what it says by column.

    `faults` are those of the line itself: then nothing more is asked of it. `cells` are what stood in its `columns`.
    """

    number: int
    said: dict[str, object]
    columns: Sequence[str] = ()
    cells: Sequence[object] = ()
    faults: tuple[Violation, ...] = ()

    @property
    def shown(self) -> dict[str, object]:
        """What the line said, by column, as it stood there; nothing for one that could not be read."""
        return dict(zip(self.columns, self.cells, strict=False))


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of a line. Each fault's `pointer` names a column, or is empty when it is about the whole line."""

    became: Became
    row_id: UUID | None = None
    subject_id: UUID | None = None
    faults: tuple[Violation, ...] = ()


class ImportPlan(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an import does, as its operation keeps it. `role` is that of who asked; names of columns are ours.

    `token_id` is the token with which it was asked for, None when somebody signed in did.
    """

    noun: Noun
    upload_id: UUID
    size_bytes: int
    format: FileFormat
    delimiter: str
    begins_at: int
    first_line: int
    columns: tuple[str, ...]
    dry_run: bool
    existing: Existing
    role: str
    token_id: UUID | None = None


class ExportPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What an export writes. `role` and `token_id` are as in an import; the operation keeps `filter` sealed."""

    noun: Noun
    format: FileFormat
    filter: str
    role: str
    token_id: UUID | None = None


class FirstFault(msgspec.Struct, frozen=True):
    """A fault as a result shows it: where, and which rule; never what stood there."""

    line: int
    field: str
    code: str
    error: str


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an import so far. `faults` are of the first lines that failed; the report has all of them."""

    dry_run: bool
    lines: int = 0
    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0
    reported: int = 0
    faults: tuple[FirstFault, ...] = ()
