"""Bring care protocols from files and write them into files, without loss."""

import asyncio
from collections.abc import Sequence

import msgspec

from healthprotocol.care.protocols import repository
from healthprotocol.care.protocols.errors import CannotExport
from healthprotocol.care.protocols.fhir.exchange import as_one_file, read_source, write_source
from healthprotocol.care.protocols.fhir.skeleton import Identity
from healthprotocol.care.protocols.model import ProtocolId, ProtocolVersion
from healthprotocol.care.protocols.repository import StoredSource
from healthprotocol.care.protocols.rules.content_check import check_content, check_publishable
from healthprotocol.care.protocols.rules.exchange.documents import Format, SourceFile, decode_source, encode_source
from healthprotocol.care.protocols.rules.exchange.report import Finding, ReadProtocol, refusals
from healthprotocol.care.protocols.service import library
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.trust.audit import service as audit


class Imported(msgspec.Struct, frozen=True):
    """The protocols that came in, each whole, and what is to be said of the files."""

    protocols: tuple[ProtocolVersion, ...]
    report: tuple[Finding, ...]

    @property
    def refused(self) -> tuple[Finding, ...]:
        """The findings for which something did not come in."""
        return refusals(self.report)


class Exported(msgspec.Struct, frozen=True):
    """One file. A FHIR plan of several resources is a Bundle."""

    name: str
    body: bytes
    media_type: str


_MEDIA_TYPES: dict[Format, str] = {
    "fhir": "application/fhir+json",
    "radar": "application/json",
    "native-json": "application/json",
    "native-yaml": "application/yaml",
}


MEDIA_TYPES = tuple(dict.fromkeys(_MEDIA_TYPES.values()))
"""What a file that is written can be."""


async def import_files(
    tx: Transaction, actor: Actor, files: Sequence[SourceFile], *, publish: bool, dry_run: bool
) -> Imported:
    """
    Make a draft of each care protocol in the files; with `publish`, publish those that have something to do.

    Each comes in whole or not at all, and the report says why not. `dry_run` reports and writes nothing.
    """
    # Megabytes take seconds to understand; in a thread, other requests are answered meanwhile.
    understood, first_findings = await asyncio.to_thread(_understand, files)
    report = list(first_findings)
    made: list[ProtocolVersion] = []
    for read, faults in understood:
        report += (*read.report, *faults)
        if faults or dry_run:
            continue
        source = StoredSource(read.source.format, encode_source(read.source))
        version = await library.create(tx, actor, read.content, source=source)
        if publish and not check_publishable(read.content):
            version = await library.publish(tx, actor, version.protocol_id)
        made.append(version)
    if not dry_run:
        detail = {"files": len(files), "protocols": [str(version.protocol_id) for version in made]}
        await audit.record(tx, actor, "protocol.import", object_type="protocol", detail=detail)
    return Imported(tuple(made), tuple(report))


async def export(
    tx: Transaction, actor: Actor, protocol_id: ProtocolId, *, version: int | None, to_format: Format
) -> Exported:
    """
    Return a version, by default the newest, as a file. What an import kept comes out unchanged.

    Raises ProtocolNotFound, VersionNotFound, CannotExport with each place that the format cannot say.
    """
    found = await (library.get(tx, protocol_id) if version is None else library.get_version(tx, protocol_id, version))
    stored = await repository.source(tx, protocol_id, found.version)
    written = write_source(
        found.content,
        format=to_format,
        source=None if stored is None else decode_source(stored.body),
        identity=Identity(
            url=f"urn:uuid:{protocol_id}",
            version=str(found.version),
            status=found.status,
            date=found.updated_at.date().isoformat(),
        ),
    )
    if not written.files:
        raise CannotExport(violations=written.refused)
    file = as_one_file(written)
    await audit.record(tx, actor, "protocol.export", protocol_id, object_type="protocol", detail={"format": to_format})
    return Exported(file.name, file.body, _MEDIA_TYPES[to_format])


Understood = list[tuple[ReadProtocol, tuple[Finding, ...]]]


def _understand(files: Sequence[SourceFile]) -> tuple[Understood, tuple[Finding, ...]]:
    """Return each protocol that the files hold with what keeps it out, and the findings of the files themselves."""
    reading = read_source(files)
    return [(read, _refused(read)) for read in reading.protocols], tuple(reading.report)


def _refused(read: ReadProtocol) -> tuple[Finding, ...]:
    """What was read whole may still not hold together, such as a schedule that never occurs."""
    file = read.source.documents[0].name
    return tuple(
        Finding(outcome="refused", file=file, pointer=fault.pointer, code=fault.code, detail=fault.detail)
        for fault in check_content(read.content)
    )
