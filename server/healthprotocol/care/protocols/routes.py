"""Care protocols over HTTP."""

import re
from collections.abc import Sequence
from uuid import UUID

from healthprotocol.api.gate import Gate
from healthprotocol.api.paging import Page
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.care.protocols import schemas, service
from healthprotocol.care.protocols.errors import NothingImported
from healthprotocol.care.protocols.model import ProtocolId
from healthprotocol.care.protocols.rules.exchange.report import Finding
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Violation
from healthprotocol.trust.permissions import rules as permissions
from healthprotocol.trust.permissions.model import Permission

declare = Declare("protocols")
_ONE = "/api/v1/protocols/{protocol_id:uuid}"
_MOST_VIOLATIONS = 100


@declare.get(
    "/api/v1/protocols",
    policy=Permission.PROTOCOL_READ,
    returns=Page[schemas.ProtocolListItem],
    query=schemas.ProtocolQuery,
    is_list=True,
    listing=service.LISTING,
    summary="List the library",
)
async def list_protocols(gate: Gate) -> Answer:
    query = gate.query(schemas.ProtocolQuery)
    return await gate.read(
        lambda tx: service.page(tx, query, q=query.q),
        schemas.page,
    )


@declare.post(
    "/api/v1/protocols",
    policy=Permission.PROTOCOL_WRITE,
    returns=schemas.ProtocolOut,
    body=schemas.CreateProtocol,
    status=201,
    summary="Write a new protocol as a draft",
)
async def create_protocol(gate: Gate) -> Answer:
    data = await gate.body(schemas.CreateProtocol)
    return await gate.write(lambda tx: service.create(tx, gate.actor, data.protocol_content()), schemas.protocol)


@declare.get(_ONE, policy=Permission.PROTOCOL_READ, returns=schemas.ProtocolOut, summary="Read the newest version")
async def read_protocol(gate: Gate, protocol_id: UUID) -> Answer:
    return await gate.read(lambda tx: service.get(tx, ProtocolId(protocol_id)), schemas.protocol)


@declare.patch(
    _ONE,
    policy=Permission.PROTOCOL_WRITE,
    returns=schemas.ProtocolOut,
    body=schemas.UpdateProtocol,
    summary="Change the draft, or begin the next one",
)
async def update_protocol(gate: Gate, protocol_id: UUID) -> Answer:
    revision = gate.expected_revision()
    data = await gate.body(schemas.UpdateProtocol)
    return await gate.write(
        lambda tx: service.update(
            tx, gate.actor, ProtocolId(protocol_id), change=data.changed, expected_revision=revision
        ),
        schemas.protocol,
    )


@declare.post(
    _ONE + "/publish", policy=Permission.PROTOCOL_PUBLISH, returns=schemas.ProtocolOut, summary="Publish the draft"
)
async def publish_protocol(gate: Gate, protocol_id: UUID) -> Answer:
    revision = gate.expected_revision(required=False)
    return await gate.write(
        lambda tx: service.publish(tx, gate.actor, ProtocolId(protocol_id), expected_revision=revision),
        schemas.protocol,
    )


@declare.post(
    _ONE + "/retire", policy=Permission.PROTOCOL_PUBLISH, returns=schemas.ProtocolOut, summary="Retire the protocol"
)
async def retire_protocol(gate: Gate, protocol_id: UUID) -> Answer:
    revision = gate.expected_revision(required=False)
    return await gate.write(
        lambda tx: service.retire(tx, gate.actor, ProtocolId(protocol_id), expected_revision=revision),
        schemas.protocol,
    )


@declare.post(
    _ONE + "/duplicate",
    policy=Permission.PROTOCOL_WRITE,
    returns=schemas.ProtocolOut,
    status=201,
    summary="Copy the newest version into a new draft",
)
async def duplicate_protocol(gate: Gate, protocol_id: UUID) -> Answer:
    return await gate.write(lambda tx: service.duplicate(tx, gate.actor, ProtocolId(protocol_id)), schemas.protocol)


@declare.get(
    _ONE + "/versions",
    policy=Permission.PROTOCOL_READ,
    returns=Page[schemas.ProtocolVersionOut],
    summary="List the versions",
)
async def list_versions(gate: Gate, protocol_id: UUID) -> Answer:
    return await gate.read(lambda tx: service.versions(tx, ProtocolId(protocol_id)), schemas.versions)


@declare.get(
    _ONE + "/versions/{version:int}",
    policy=Permission.PROTOCOL_READ,
    returns=schemas.ProtocolOut,
    summary="Read one version",
)
async def read_version(gate: Gate, protocol_id: UUID, version: int) -> Answer:
    return await gate.read(lambda tx: service.get_version(tx, ProtocolId(protocol_id), version), schemas.protocol)


@declare.get(
    _ONE + "/diff",
    policy=Permission.PROTOCOL_READ,
    returns=schemas.Difference,
    query=schemas.CompareQuery,
    summary="Compare two versions",
)
async def compare_versions(gate: Gate, protocol_id: UUID) -> Answer:
    query = gate.query(schemas.CompareQuery)
    return await gate.read(
        lambda tx: service.compare(tx, ProtocolId(protocol_id), first=query.first, second=query.second),
        schemas.difference,
    )


@declare.post(
    "/api/v1/imports",
    policy=Permission.PROTOCOL_WRITE,
    returns=schemas.ImportReport,
    body=schemas.ImportProtocols,
    also={200: schemas.ImportReport},
    status=201,
    summary="Bring care protocols from files",
)
async def import_protocols(gate: Gate) -> Answer:
    # Imported text may hold markup: it is kept as it is, and sanitised wherever it is shown as rich text.
    data = await gate.body(schemas.ImportProtocols, trusted_markup=True)
    files = data.source_files()
    if data.publish:
        permissions.require(gate.actor, Permission.PROTOCOL_PUBLISH)

    async def act(tx: Transaction) -> service.Imported:
        imported = await service.import_files(tx, gate.actor, files, publish=data.publish, dry_run=data.dry_run)
        if not imported.protocols and not data.dry_run:
            raise NothingImported(violations=_as_violations(imported, [file.name for file in files]))
        return imported

    return await gate.write(act, schemas.import_report, status_of=lambda _: 200 if data.dry_run else 201)


def _as_violations(imported: service.Imported, names: Sequence[str]) -> list[Violation]:
    found = [_as_violation(finding, names) for finding in imported.refused[:_MOST_VIOLATIONS]]
    return found or [Violation("/files", "no_protocol", "No file holds a care protocol in a known format.")]


def _as_violation(finding: Finding, names: Sequence[str]) -> Violation:
    """A finding as a place in the request: into the file by its number, for its name may be anybody's."""
    file = f"/files/{names.index(finding.file)}/content" if finding.file in names else "/files"
    if finding.pointer.startswith("/"):
        return Violation(file + finding.pointer, finding.code, finding.detail)
    # A line and column, where there is no JSON yet to point into.
    where = f" ({finding.pointer})" if finding.pointer else ""
    return Violation(file, finding.code, finding.detail + where)


@declare.get(
    _ONE + "/export",
    policy=Permission.PROTOCOL_READ,
    returns=None,
    query=schemas.ExportQuery,
    media_type=service.MEDIA_TYPES,
    summary="Write a version into a file",
)
async def export_protocol(gate: Gate, protocol_id: UUID) -> Answer:
    query = gate.query(schemas.ExportQuery)
    return await gate.read(
        lambda tx: service.export(
            tx, gate.actor, ProtocolId(protocol_id), version=query.version, to_format=query.format
        ),
        lambda exported: exported.body,
        headers=lambda exported: {
            "content-type": exported.media_type,
            "content-disposition": f'attachment; filename="{_safe_name(exported.name)}"',
        },
    )


def _safe_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[-100:] or "protocol"


ROUTES = [
    import_protocols,
    export_protocol,
    list_protocols,
    create_protocol,
    read_protocol,
    update_protocol,
    publish_protocol,
    retire_protocol,
    duplicate_protocol,
    list_versions,
    read_version,
    compare_versions,
]
