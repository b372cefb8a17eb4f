"""Files over HTTP: uploads, imports with their reports, exports."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any
from uuid import UUID

from healthprotocol.api.download import Download, begun, range_start, watched
from healthprotocol.api.gate import Gate
from healthprotocol.api.operation import OperationOut, operation
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.care.transfers import schemas, service
from healthprotocol.care.transfers.model import ExportPlan, Noun
from healthprotocol.foundation.files import FileId
from healthprotocol.foundation.ids import OperationId
from healthprotocol.trust.permissions.model import Permission

declare = Declare("files")
_STREAMS = ("text/csv", "application/x-ndjson", "application/gzip", "application/octet-stream")


@declare.get(
    "/api/v1/file-kinds",
    policy=Permission.OPERATION_READ,
    returns=schemas.Kinds,
    summary="The kinds of files that come in and go out, with their columns",
)
async def list_file_kinds(gate: Gate) -> Answer:
    async def act(_: Any) -> schemas.Kinds:
        return schemas.kinds()

    return await gate.read(act, lambda value: value)


@declare.post(
    "/api/v1/uploads",
    policy=Permission.OPERATION_WRITE,
    returns=schemas.UploadOut,
    query=schemas.UploadQuery,
    streams=_STREAMS,
    batchable=False,
    status=201,
    also={200: schemas.UploadOut},
    summary="Send a file of CSV or NDJSON, also gzip; the same content twice is known again",
)
async def upload_file(gate: Gate) -> Answer:
    query = gate.query(schemas.UploadQuery)
    received = await service.receive(
        gate.database, gate.actor, gate.context, gate.body_parts(), limits=_limits(gate), sha256=query.sha256
    )
    return gate.answered(schemas.upload(received), status=200 if received.is_known else 201)


@declare.post(
    "/api/v1/uploads/resumable",
    policy=Permission.OPERATION_WRITE,
    returns=schemas.UploadOut,
    body=schemas.BeginUpload,
    status=201,
    summary="Announce a file that comes in parts; announced again it goes on where it stopped",
)
async def begin_upload(gate: Gate) -> Answer:
    data = await gate.body(schemas.BeginUpload)
    return await gate.write(
        lambda tx: service.begin(tx, gate.actor, data, limits=_limits(gate)),
        schemas.upload,
        headers=lambda begun: {"location": f"/api/v1/uploads/{begun.file.id}", **_progress(begun)},
    )


@declare.put(
    "/api/v1/uploads/{upload_id:uuid}/content",
    policy=Permission.OPERATION_WRITE,
    returns=schemas.UploadOut,
    query=schemas.PartQuery,
    streams=_STREAMS,
    batchable=False,
    summary="Send the rest of a file, or some of it, from where it ends so far",
)
async def continue_upload(gate: Gate, upload_id: UUID) -> Answer:
    query = gate.query(schemas.PartQuery)
    received = await service.go_on(
        gate.database,
        gate.actor,
        gate.context,
        FileId(upload_id),
        gate.body_parts(),
        offset=query.offset,
        limits=_limits(gate),
    )
    return gate.answered(schemas.upload(received), headers=_progress(received))


@declare.get(
    "/api/v1/uploads/{upload_id:uuid}",
    policy=Permission.OPERATION_READ,
    returns=schemas.UploadOut,
    summary="Read what is known of a file that was sent, and how much of one that comes in parts is here",
)
async def read_upload(gate: Gate, upload_id: UUID) -> Answer:
    return await gate.read(lambda tx: service.get(tx, gate.actor, FileId(upload_id)), schemas.upload, headers=_progress)


@declare.get(
    "/api/v1/uploads/{upload_id:uuid}/first-lines",
    policy=Permission.PATIENT_WRITE,
    returns=schemas.PreviewOut,
    query=schemas.PreviewQuery,
    summary="See the first lines of a file, and what would become of them",
)
async def preview_upload(gate: Gate, upload_id: UUID) -> Answer:
    query = gate.query(schemas.PreviewQuery)
    return await gate.read(
        lambda tx: service.preview(tx, gate.actor, FileId(upload_id), query.kind, existing=query.existing),
        lambda shown: shown,
    )


def _progress(received: schemas.Received) -> dict[str, str]:
    """Return how much of a file is here as headers, so that HEAD tells it too (draft-ietf-httpbis-resumable-upload)."""
    return {
        "upload-offset": str(received.file.size_bytes),
        "upload-length": str(received.size_bytes),
        "upload-complete": "?1" if received.file.is_complete else "?0",
    }


def _limits(gate: Gate) -> service.Limits:
    settings = gate.request.app.state.settings
    return service.Limits(
        settings.upload_limit_bytes,
        timedelta(hours=settings.file_keep_hours),
        quota_bytes=settings.upload_quota_bytes,
    )


def _watched(gate: Gate, parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Break off when who reads is signed out, disabled, or has other rights."""
    return watched(parts, lambda: gate.doorkeeper.is_still_in(gate.actor))


async def _import(gate: Gate, noun: Noun) -> Answer:
    data = await gate.body(schemas.StartImport)
    return await gate.write(
        lambda tx: service.submit(tx, gate.actor, noun, data),
        operation,
        headers=lambda begun: {"location": f"/api/v1/operations/{begun.id}"},
    )


_IMPORTS: dict[str, Any] = {"returns": OperationOut, "body": schemas.StartImport, "status": 202}


@declare.post(
    "/api/v1/imports/patients", policy=service.WRITES["patients"], summary="Bring in the patients of a file", **_IMPORTS
)
async def import_patients(gate: Gate) -> Answer:
    return await _import(gate, "patients")


@declare.post(
    "/api/v1/imports/assignments",
    policy=service.WRITES["assignments"],
    summary="Bring in the plans of a file",
    **_IMPORTS,
)
async def import_assignments(gate: Gate) -> Answer:
    return await _import(gate, "assignments")


@declare.post(
    "/api/v1/imports/entries", policy=service.WRITES["entries"], summary="Bring in the entries of a file", **_IMPORTS
)
async def import_entries(gate: Gate) -> Answer:
    return await _import(gate, "entries")


@declare.get(
    "/api/v1/imports/{operation_id:uuid}/errors",
    policy=Permission.PATIENT_WRITE,
    returns=None,
    query=schemas.ReportQuery,
    media_type=tuple(schemas.MEDIA_TYPES.values()),
    batchable=False,
    summary="Download the lines that failed, in the file's own columns, to repair and send again",
)
async def download_import_errors(gate: Gate, operation_id: UUID) -> Answer:
    query = gate.query(schemas.ReportQuery)
    async with gate.transaction() as tx:
        report = await service.open_report(tx, gate.actor, OperationId(operation_id), to_format=query.format)
    parts = service.written(gate.database, gate.actor, gate.context, report)
    return Download(
        await begun(_watched(gate, parts)),
        media_type=schemas.MEDIA_TYPES[report.format],
        name=f"faults-{report.plan.noun}.{report.format}",
    )


async def _export(gate: Gate, noun: Noun) -> Answer:
    query = gate.query(schemas.ExportQuery)
    plan = ExportPlan(noun=noun, format=query.format, filter=query.filter, role=gate.actor.role)
    parts = service.stream(gate.database, gate.actor, gate.context, plan)
    return Download(
        await begun(_watched(gate, parts)),
        media_type=schemas.MEDIA_TYPES[plan.format],
        name=f"{plan.noun}.{plan.format}",
    )


_EXPORTS: dict[str, Any] = {
    "policy": Permission.PATIENT_EXPORT,
    "returns": None,
    "query": schemas.ExportQuery,
    "media_type": tuple(schemas.MEDIA_TYPES.values()),
    "batchable": False,
}


@declare.get("/api/v1/exports/patients", summary="Download patients as a file, as fast as it is read", **_EXPORTS)
async def export_patients(gate: Gate) -> Answer:
    return await _export(gate, "patients")


@declare.get("/api/v1/exports/assignments", summary="Download plans as a file, as fast as it is read", **_EXPORTS)
async def export_assignments(gate: Gate) -> Answer:
    return await _export(gate, "assignments")


@declare.get("/api/v1/exports/entries", summary="Download entries as a file, as fast as it is read", **_EXPORTS)
async def export_entries(gate: Gate) -> Answer:
    return await _export(gate, "entries")


@declare.post(
    "/api/v1/exports",
    policy=Permission.PATIENT_EXPORT,
    returns=OperationOut,
    body=schemas.StartExport,
    status=202,
    summary="Have a file written, to download it when it is done",
)
async def start_export(gate: Gate) -> Answer:
    data = await gate.body(schemas.StartExport)
    return await gate.write(
        lambda tx: service.submit_export(tx, gate.actor, data),
        operation,
        headers=lambda begun: {"location": f"/api/v1/operations/{begun.id}"},
    )


@declare.get(
    "/api/v1/exports/{operation_id:uuid}/file",
    policy=Permission.PATIENT_EXPORT,
    returns=None,
    media_type=tuple(schemas.MEDIA_TYPES.values()),
    batchable=False,
    summary="Download the file of an export; a Range from a byte on continues a download",
)
async def download_export(gate: Gate, operation_id: UUID) -> Answer:
    begin = range_start(gate.request.headers.get("range"))
    async with gate.transaction() as tx:
        plan, file = await service.open_export(tx, gate.actor, OperationId(operation_id), begin=begin)
    headers = {"accept-ranges": "bytes", "content-length": str(file.size_bytes - begin)}
    if begin:
        headers["content-range"] = f"bytes {begin}-{file.size_bytes - 1}/{file.size_bytes}"
    parts = service.content_of(gate.database, gate.actor, gate.context, file, begin=begin)
    return Download(
        await begun(_watched(gate, parts)),
        media_type=schemas.MEDIA_TYPES[plan.format],
        name=f"{plan.noun}.{plan.format}",
        status=206 if begin else 200,
        headers=headers,
    )


ROUTES = [
    list_file_kinds,
    upload_file,
    begin_upload,
    continue_upload,
    read_upload,
    preview_upload,
    import_patients,
    import_assignments,
    import_entries,
    download_import_errors,
    export_patients,
    export_assignments,
    export_entries,
    start_export,
    download_export,
]
