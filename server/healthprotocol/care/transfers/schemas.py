"""The shapes of imports and exports over HTTP, and of the lines of their files."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from healthprotocol.care.assignments.schemas import CreateAssignment
from healthprotocol.care.entries.model import NewEntry, RecordedOutcome
from healthprotocol.care.patients.model import PatientStatus
from healthprotocol.care.patients.schemas import CreatePatient
from healthprotocol.care.transfers.model import Existing, FileFormat, FirstFault, Noun
from healthprotocol.care.transfers.rules.columns import COLUMNS
from healthprotocol.foundation.files import SealedFile

ClientKey = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-fA-F]{64}$")]


class PatientLine(CreatePatient, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A patient as a file has her. Without `status` she keeps hers; a new one is active."""

    client_id: ClientKey | None = None
    status: PatientStatus | None = None


class AssignmentLine(CreateAssignment, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A plan as a file has it; its patient and its protocol are named in one of several ways."""

    # A line is resolved into the shape of a request before it is used as one.
    protocol_id: UUID | None = None  # pyright: ignore[reportIncompatibleVariableOverride]
    patient_id: UUID | None = None  # pyright: ignore[reportIncompatibleVariableOverride]
    client_id: ClientKey | None = None
    patient_client_id: ClientKey | None = None
    patient_identifier_system: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    patient_identifier_value: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    protocol_title: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class EntryLine(NewEntry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """An entry as a file has it: its plan may be named by a client_id, its occurrence by the local time it is of."""

    outcome: RecordedOutcome  # pyright: ignore[reportIncompatibleVariableOverride]
    assignment_client_id: ClientKey | None = None
    planned_local: datetime | None = None
    slot: Annotated[int, Meta(ge=1, le=255)] = 1
    recorded_at: datetime | None = None
    replaces_client_id: UUID | None = None


class UploadQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`sha256` of the file unpacked, when it is known: what arrives is held to it."""

    sha256: Sha256 | None = None


class BeginUpload(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """
    A file that is to come in parts: how large it is, and what it is known by when its sending is begun again.

    With `sha256` of the content that is at the same time what it is held to, and content that is here already need
    not be sent. Else `name`: whatever your program calls this very state of this very file.
    """

    size_bytes: Annotated[int, Meta(ge=1, le=1_000_000_000_000)]
    sha256: Sha256 | None = None
    name: Annotated[str, Meta(min_length=1, max_length=500)] | None = None


class PartQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`offset`: the byte of the file with which the body begins, the upload's `received_bytes`."""

    offset: Annotated[int, Meta(ge=0)]


class UploadOut(msgspec.Struct, kw_only=True, frozen=True):
    """
    A file as it was received. `is_known`: it had come before, and this is the one that was kept then.

    One that comes in parts has `size_bytes` as announced and `received_bytes` so far, until it `is_complete`.
    """

    id: UUID
    size_bytes: int
    created_at: datetime
    expires_at: datetime
    sha256: str | None = None
    is_known: bool = False
    is_complete: bool
    received_bytes: int


class ColumnOut(msgspec.Struct, frozen=True):
    """A column of a kind of file."""

    name: str
    kind: str
    meaning: str


class KindOut(msgspec.Struct, frozen=True):
    """A kind of file, and its columns in the order of exports."""

    kind: Noun
    columns: list[ColumnOut]


class Kinds(msgspec.Struct, frozen=True):
    """Every kind of file."""

    items: list[KindOut]


class PreviewQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What the file is to be read as, and whether patients who are here already would be updated."""

    kind: Noun
    existing: Existing = "skip"


class PreviewLine(msgspec.Struct, frozen=True):
    """A line as it stands in the file, by column, and what would become of it."""

    line: int
    values: dict[str, Any]
    became: str
    faults: list[FirstFault]


class PreviewOut(msgspec.Struct, frozen=True, kw_only=True):
    """How a file would be read: its first lines with their faults. Nothing was written."""

    format: FileFormat
    delimiter: str | None
    columns: list[str]
    size_bytes: int
    lines: list[PreviewLine]


class StartImport(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """
    The file to bring in. With `dry_run` all is checked and nothing written; the report is the same.

    `existing` says what becomes of patients who are here already and differ: they are skipped, or updated. An update
    keeps what the line says nothing of: an absent column, an empty cell. A null in NDJSON empties.
    """

    upload_id: UUID
    dry_run: bool = False
    existing: Existing = "skip"


class ReportQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How the report is written; without `format` as the file was."""

    format: FileFormat | None = None


class ExportQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`filter` as in the list of the same noun."""

    format: FileFormat = "csv"
    filter: Annotated[str, Meta(max_length=4000)] = ""


class StartExport(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What to write into a file that is kept, sealed, for some days. `filter` as in the list of the same noun."""

    kind: Noun
    format: FileFormat = "csv"
    filter: Annotated[str, Meta(max_length=4000)] = ""


class Received(msgspec.Struct, frozen=True):
    """A file that was taken in, or as far as it was."""

    file: SealedFile
    sha256: bytes | None = None
    is_known: bool = False

    @property
    def size_bytes(self) -> int:
        """How large it is, or is to be."""
        return self.file.size_bytes if self.file.is_complete else self.file.announced_bytes or 0


def upload(value: Received) -> UploadOut:
    """Return the shape of an upload."""
    return UploadOut(
        id=value.file.id,
        size_bytes=value.size_bytes,
        created_at=value.file.created_at,
        expires_at=value.file.expires_at,
        sha256=None if value.sha256 is None else value.sha256.hex(),
        is_known=value.is_known,
        is_complete=value.file.is_complete,
        received_bytes=value.file.size_bytes,
    )


def kinds() -> Kinds:
    """Return every kind of file with its columns."""
    return Kinds(
        [
            KindOut(noun, [ColumnOut(one.name, one.kind, one.meaning) for one in columns])
            for noun, columns in COLUMNS.items()
        ]
    )


MEDIA_TYPES: dict[FileFormat, str] = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
