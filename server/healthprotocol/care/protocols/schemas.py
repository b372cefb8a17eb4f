"""The shapes of care protocols over HTTP."""

import base64
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from healthprotocol.api.paging import ListQuery, Page
from healthprotocol.care.protocols.model import (
    Kept,
    Phase,
    ProtocolContent,
    ProtocolStatus,
    ProtocolVersion,
    VersionRow,
)
from healthprotocol.care.protocols.rules.difference import Change
from healthprotocol.care.protocols.rules.exchange.documents import Format, SourceFile
from healthprotocol.care.protocols.rules.exchange.report import Finding
from healthprotocol.care.protocols.rules.sanitised import sanitised
from healthprotocol.care.protocols.service import Imported
from healthprotocol.foundation.errors import Invalid, Violation

Title = Annotated[str, Meta(min_length=3, max_length=100)]
Description = Annotated[str, Meta(max_length=1000)]
RichText = Annotated[str, Meta(max_length=100_000)]
Category = Annotated[str, Meta(max_length=64)]
Tags = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=40)], ...], Meta(max_length=20)]
Languages = Annotated[tuple[Annotated[str, Meta(min_length=2, max_length=35)], ...], Meta(max_length=20)]
Phases = Annotated[tuple[Phase, ...], Meta(max_length=52)]


class CreateProtocol(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A care protocol to write as a draft."""

    title: Title
    description: Description = ""
    duration_days: Annotated[int, Meta(ge=1, le=365)]
    content: RichText = ""
    patient_content: RichText | None = None
    category: Category | None = None
    tags: Tags | None = None
    languages: Languages | None = None
    phases: Phases = ()

    def protocol_content(self) -> ProtocolContent:
        """Return the values as the service takes them."""
        return ProtocolContent(
            title=self.title,
            description=self.description,
            duration_days=self.duration_days,
            content=self.content,
            patient_content=self.patient_content,
            category=self.category,
            tags=self.tags or (),
            languages=self.languages or (),
            phases=self.phases,
        )


class UpdateProtocol(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What to change in the draft: fields that are absent stay; `phases` are replaced as a whole."""

    title: Title | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    duration_days: Annotated[int, Meta(ge=1, le=365)] | UnsetType = UNSET
    content: RichText | UnsetType = UNSET
    patient_content: RichText | UnsetType | None = UNSET
    category: Category | UnsetType | None = UNSET
    tags: Tags | UnsetType | None = UNSET
    languages: Languages | UnsetType | None = UNSET
    phases: Phases | UnsetType = UNSET

    def changed(self, before: ProtocolContent) -> ProtocolContent:
        """Return `before` with what was sent put in place."""
        sent = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET}
        for name in ("tags", "languages"):
            if name in sent:
                sent[name] = sent[name] or ()
        return msgspec.structs.replace(before, **sent)


class ProtocolOut(msgspec.Struct, kw_only=True, frozen=True):
    """One version of a care protocol. `kept` is what an import could not turn into a plan."""

    id: UUID
    title: str
    description: str
    duration_days: int
    content: str
    patient_content: str | None
    category: str | None
    tags: tuple[str, ...]
    languages: tuple[str, ...]
    status: ProtocolStatus
    version: int
    phases: tuple[Phase, ...]
    kept: tuple[Kept, ...]
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime


class ProtocolVersionOut(msgspec.Struct, kw_only=True, frozen=True):
    """What the list of versions shows of one; what it says is read by its number."""

    id: UUID
    version: int
    status: ProtocolStatus
    title: str
    description: str
    duration_days: int
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime


class ProtocolListItem(msgspec.Struct, kw_only=True, frozen=True):
    """What the library shows of the newest version; `status` is the protocol's, `active_version` the published one."""

    id: UUID
    title: str
    description: str
    duration_days: int
    category: str | None
    tags: tuple[str, ...]
    status: ProtocolStatus
    version: int
    active_version: int | None
    phase_count: int
    activity_count: int
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime


class ProtocolQuery(ListQuery, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`q` finds words of the title, the category, the tags and the description by their beginnings."""

    q: Annotated[str, Meta(max_length=200)] = ""


class CompareQuery(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "second": "to"}
):
    """The two versions to compare."""

    first: Annotated[int, Meta(ge=1, le=100_000)]
    second: Annotated[int, Meta(ge=1, le=100_000)]


class Difference(msgspec.Struct, kw_only=True, frozen=True):
    """What changed between two versions."""

    changes: tuple[Change, ...]


class ImportedFile(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A file: `content` is its text, or with `encoding` base64 its bytes."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    content: Annotated[str, Meta(max_length=14_000_000)]
    encoding: Literal["utf-8", "base64"] = "utf-8"


class ImportProtocols(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """
    Files that belong together: FHIR PlanDefinitions with their definitions, RADAR schedules, or our own YAML and JSON.

    `publish` publishes what came in; `dry_run` only reports.
    """

    files: Annotated[tuple[ImportedFile, ...], Meta(min_length=1, max_length=1000)]
    publish: bool = False
    dry_run: bool = False

    def source_files(self) -> list[SourceFile]:
        """Return the files as bytes. Raises Invalid when one is not base64 although it says so."""
        files: list[SourceFile] = []
        for index, file in enumerate(self.files):
            try:
                body = (
                    base64.b64decode(file.content, validate=True)
                    if file.encoding == "base64"
                    else file.content.encode()
                )
            except ValueError:
                pointer = f"/files/{index}/content"
                raise Invalid(violations=[Violation(pointer, "format", "This is not base64.")]) from None
            files.append(SourceFile(file.name, body))
        return files


class ImportedProtocol(msgspec.Struct, kw_only=True, frozen=True):
    """A care protocol that came in."""

    id: UUID
    title: str
    version: int
    status: ProtocolStatus


class ImportReport(msgspec.Struct, kw_only=True, frozen=True):
    """What came in, and each finding: understood, kept, adjusted, refused or ignored, with its place and why."""

    protocols: tuple[ImportedProtocol, ...]
    report: tuple[Finding, ...]
    counts: dict[str, int]


class ExportQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The format, and the version, by default the newest."""

    format: Format = "native-yaml"
    version: Annotated[int, Meta(ge=1, le=100_000)] | None = None


def import_report(value: Imported) -> ImportReport:
    """Return the shape of an import's result."""
    return ImportReport(
        protocols=tuple(
            ImportedProtocol(id=one.protocol_id, title=one.content.title, version=one.version, status=one.status)
            for one in value.protocols
        ),
        report=value.report,
        counts=dict(Counter(finding.outcome for finding in value.report)),
    )


def protocol(value: ProtocolVersion) -> ProtocolOut:
    """Return the full shape; rich text is sanitised again, whatever is stored."""
    c = value.content
    return ProtocolOut(
        id=value.protocol_id,
        title=c.title,
        description=c.description,
        duration_days=c.duration_days,
        content=sanitised(c.content),
        patient_content=None if c.patient_content is None else sanitised(c.patient_content),
        category=c.category,
        tags=c.tags,
        languages=c.languages,
        status=value.status,
        version=value.version,
        phases=c.phases,
        kept=c.kept,
        published_at=value.published_at,
        created_at=value.created_at,
        updated_at=value.updated_at,
    )


def page(value: Page[Any]) -> Page[ProtocolListItem]:
    """Return the shape of one page of the library."""
    return value.of(
        msgspec.convert({**row, "description": row["description"] or ""}, ProtocolListItem) for row in value.items
    )


def versions(value: Sequence[VersionRow]) -> Page[ProtocolVersionOut]:
    """Return the shape of the list of versions."""
    return Page(
        items=[
            ProtocolVersionOut(
                id=one.protocol_id,
                version=one.version,
                status=one.status,
                title=one.title,
                description=one.description,
                duration_days=one.duration_days,
                published_at=one.published_at,
                created_at=one.created_at,
                updated_at=one.updated_at,
            )
            for one in value
        ]
    )


def difference(value: tuple[Change, ...]) -> Difference:
    """Return the shape of a comparison."""
    return Difference(changes=value)
