"""
Write a noun out, page by page in order of the ids: as a stream at the pace of who reads it, or into a sealed file.

Each page is a transaction of its own, with its audit event of every patient in it, committed before a byte of it is
sent. So a slow reader holds no connection, and memory one page.
"""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from healthprotocol.api.download import RangeNotSatisfiable
from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import Titled
from healthprotocol.care.entries import service as entries
from healthprotocol.care.entries.model import Entry
from healthprotocol.care.entries.rules.occurrence_ids import parse_occurrence_id
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import Patient
from healthprotocol.care.transfers import repository
from healthprotocol.care.transfers.errors import EndedEarly, NoExport
from healthprotocol.care.transfers.model import ExportPlan, Noun
from healthprotocol.care.transfers.rules.cells import written
from healthprotocol.care.transfers.rules.columns import names_of
from healthprotocol.care.transfers.schemas import StartExport
from healthprotocol.care.transfers.service import subjects
from healthprotocol.care.transfers.service.keeping import keep_of, require_over, require_space
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.db.listing import Asked
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.files import FileId, FileUnknown, SealedFile, sealed
from healthprotocol.foundation.ids import OperationId
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.batches import Batch
from healthprotocol.foundation.jobs.operations import Operation
from healthprotocol.foundation.tabular import csv_line
from healthprotocol.trust.accounts import service as accounts
from healthprotocol.trust.audit import service as audit
from healthprotocol.trust.permissions import rules as permissions
from healthprotocol.trust.permissions.model import Permission, Role

EXPORT = "export"
_READS: dict[Noun, Permission] = {
    "patients": Permission.PATIENT_READ,
    "assignments": Permission.ASSIGNMENT_READ,
    "entries": Permission.ENTRY_READ,
}
PAGE = 200
_PAGES_A_BATCH = 10

Line = dict[str, Any]
_Page = tuple[list[Line], Sequence[UUID], str | None]


def kind_of(noun: Noun) -> str:
    """Return the name of the operation, and of the job, that writes a noun out."""
    return f"{EXPORT}.{noun}"


async def stream(
    database: Database, actor: Actor, context: RequestContext, plan: ExportPlan
) -> AsyncGenerator[bytes, None]:
    """
    Yield what the filter selects as a file.

    Raises Forbidden, and BadRequest for the filter, before anything is yielded.
    """
    _require_sight(actor, plan.noun)
    place: str | None = None
    is_first = True
    while is_first or place is not None:
        async with database.transaction(actor.organisation_id, actor=actor, context=context) as tx:
            lines, _, place = await _page(tx, actor, plan, place)
        yield (_head(plan) if is_first else b"") + _encoded(plan, lines)
        is_first = False


async def submit_export(tx: Transaction, actor: Actor, wanted: StartExport) -> Operation:
    """Begin to write a noun into a sealed file. Raises Forbidden, and BadRequest for the filter."""
    _require_sight(actor, wanted.kind)
    token_id = await accounts.asking_token(tx, actor)
    plan = ExportPlan(noun=wanted.kind, format=wanted.format, filter=wanted.filter, role=actor.role, token_id=token_id)
    await repository.begin_work(tx)
    listing = {"patients": patients.LISTING, "assignments": assignments.LISTING, "entries": entries.LISTING}
    await listing[plan.noun].ask(tx, Asked(filter=plan.filter))
    key = await tx.keys.organisation(tx)
    operation_id = OperationId(tx.new_id())
    # A filter may hold a name or a record number.
    sealed_filter = key.encrypt(table="operation", column="input", row_id=operation_id, plaintext=plan.filter.encode())
    operation = await operations.submit(
        tx,
        kind_of(plan.noun),
        created_by=actor.account_id,
        input=msgspec.to_builtins(msgspec.structs.replace(plan, filter="")),
        input_ct=sealed_filter,
        operation_id=operation_id,
    )
    await audit.record(tx, actor, kind_of(plan.noun), operation.id, object_type="operation")
    return operation


async def export_batch(tx: Transaction, operation: Operation) -> Batch:
    """Write the next pages into the operation's file, as `run_in_batches` asks for it. Raises FilesFull."""
    plan = msgspec.structs.replace(
        msgspec.convert(operation.input, ExportPlan), filter=await _opened_filter(tx, operation)
    )
    needs = (Permission.PATIENT_EXPORT, _READS[plan.noun])
    actor = await accounts.asker(tx, operation, role=plan.role, token_id=plan.token_id, needs=needs)
    file = await sealed.create(
        tx,
        FileId(operation.id),
        purpose=EXPORT,
        media_type=plan.format,
        created_by=operation.created_by,
        keep=keep_of(tx),
    )
    place, count = operation.cursor, 0
    named: dict[UUID, None] = {}
    parts = [_head(plan)] if operation.cursor is None else []
    for _ in range(_PAGES_A_BATCH):
        lines, shown, place = await _page(tx, actor, plan, place)
        named |= dict.fromkeys(shown)
        count += len(lines)
        parts.append(_encoded(plan, lines))
        if place is None:
            break
    file = await sealed.append(tx, file, b"".join(parts))
    await subjects.add(tx, operation, named)
    await require_space(tx)
    if place is None:
        await sealed.complete(tx, file)
    done = operation.done + count
    return Batch(
        count=count, cursor=place, total=done, result={"lines": done, "bytes": file.size_bytes, "format": plan.format}
    )


async def open_export(
    tx: Transaction, actor: Actor, operation_id: OperationId, *, begin: int
) -> tuple[ExportPlan, SealedFile]:
    """
    Return the finished file of an export that the actor began, or any as an admin. Reading it is recorded.

    Raises NoExport, NotReady, EndedEarly, Forbidden, RangeNotSatisfiable when `begin` lies behind its end.
    """
    try:
        operation = await operations.get(tx, operation_id)
    except operations.OperationUnknown:
        raise NoExport from None
    is_theirs = operation.created_by == actor.account_id or actor.role == Role.ADMIN
    if not is_theirs or not operation.kind.startswith(f"{EXPORT}."):
        raise NoExport
    require_over(operation)
    if operation.status != operations.SUCCEEDED:
        raise EndedEarly(public={"operation_id": str(operation_id), "operation_status": operation.status})
    try:
        file = await sealed.get(tx, FileId(operation_id), purpose=EXPORT)
    except FileUnknown:
        raise NoExport from None
    if begin > 0 and begin >= file.size_bytes:
        raise RangeNotSatisfiable(public={"size_bytes": file.size_bytes})
    plan = msgspec.convert(operation.input, ExportPlan)
    _require_sight(actor, plan.noun)
    # Who is in it is recorded by `content_of`, before a byte is sent.
    detail = {"noun": plan.noun, "from_byte": begin}
    await audit.record(tx, actor, "export.download", operation_id, object_type="operation", detail=detail)
    return plan, file


async def content_of(
    database: Database, actor: Actor, context: RequestContext, file: SealedFile, *, begin: int
) -> AsyncGenerator[bytes, None]:
    """Record whom a sealed file speaks of, and yield it from a byte on, each part read in its own transaction."""
    await subjects.record(database, actor, context, OperationId(file.id), action="export.download")
    while begin < file.size_bytes:
        async with database.transaction(actor.organisation_id, actor=actor, context=context) as tx:
            part = await sealed.read(tx, file.id, begin=begin, most_bytes=2 * sealed.CHUNK_BYTES)
        if not part:
            # It was swept in the meantime: the connection breaks off, for a file that ends early would look whole.
            raise FileUnknown
        begin += len(part)
        yield part


def _require_sight(actor: Actor, noun: Noun) -> None:
    """Raise Forbidden when the actor may not read what the file holds: to take out is more than to read, not other."""
    permissions.require(actor, Permission.PATIENT_EXPORT)
    permissions.require(actor, _READS[noun])


async def _page(tx: Transaction, actor: Actor, plan: ExportPlan, place: str | None) -> _Page:
    """Return the lines of a page, of whom they are, and where the next one begins; None at the end."""
    if plan.noun == "patients":
        after = None if place is None else UUID(place)
        found, last = await patients.exported(tx, actor, plan.filter, after=after, limit=PAGE)
        return [_patient(one) for one in found], [one.id for one in found], None if last is None else str(last)
    asked = Asked(filter=plan.filter, order_by="id", page_size=PAGE, page_token=place)
    if plan.noun == "assignments":
        page = await assignments.page(tx, actor, asked)
        titled = await assignments.titled(tx, page.items)
        shown = [one.patient_id for one in page.items]
        await _record(tx, actor, "assignment.export", shown)
        return [_assignment(one) for one in titled], shown, page.next_page_token
    recorded = await entries.page(tx, actor, asked)
    corrected = [one.replaces for one in recorded.items if one.replaces is not None]
    clients = await entries.client_ids(tx, corrected)
    shown = [one.patient_id for one in recorded.items]
    await _record(tx, actor, "entry.export", shown)
    return [_entry(one, clients) for one in recorded.items], shown, recorded.next_page_token


async def _record(tx: Transaction, actor: Actor, action: str, subjects: Sequence[UUID]) -> None:
    await audit.record(tx, actor, action, subject_ids=tuple(dict.fromkeys(subjects)))


async def _opened_filter(tx: Transaction, operation: Operation) -> str:
    sealed_filter = await operations.read_input_ct(tx, operation.id)
    if sealed_filter is None:
        return ""
    key = await tx.keys.organisation(tx)
    return key.decrypt(table="operation", column="input", row_id=operation.id, ciphertext=sealed_filter).decode()


def _head(plan: ExportPlan) -> bytes:
    # The mark at the beginning tells spreadsheets that it is UTF-8.
    return ("\ufeff" + csv_line(names_of(plan.noun))).encode() if plan.format == "csv" else b""


def _encoded(plan: ExportPlan, lines: Sequence[Line]) -> bytes:
    if plan.format == "csv":
        return "".join(csv_line(written(plan.noun, line)) for line in lines).encode()
    said = ({name: value for name, value in line.items() if value not in (None, [])} for line in lines)
    return b"".join(msgspec.json.encode(line) + b"\n" for line in said)


def _patient(one: Patient) -> Line:
    d = one.demographics
    identifiers = [msgspec.to_builtins(each) for each in d.identifiers]
    single = identifiers[0] if len(identifiers) == 1 else {}
    return {
        "client_id": str(one.id),
        "given_name": d.given_name,
        "family_name": d.family_name,
        "birth_date": d.birth_date.isoformat(),
        "sex": d.sex,
        "email": d.email,
        "phone": d.phone,
        "time_zone": d.time_zone,
        "language": d.language,
        "identifier_system": single.get("system"),
        "identifier_value": single.get("value"),
        "identifiers": identifiers if len(identifiers) > 1 else [],
        "address": None if d.address is None else msgspec.to_builtins(d.address),
        "status": one.status,
    }


def _assignment(one: Titled) -> Line:
    a = one.assignment
    return {
        "client_id": str(a.id),
        "patient_client_id": str(a.patient_id),
        "protocol_id": str(a.protocol_id),
        "protocol_title": one.protocol_title,
        "version": a.version,
        "starts_on": a.starts_on.isoformat(),
        "time_zone": a.time_zone,
        "status": a.status,
        "adjustments": msgspec.to_builtins(a.adjustments) or None,
    }


def _entry(one: Entry, clients: dict[UUID, UUID]) -> Line:
    ref = None if one.occurrence_id is None else parse_occurrence_id(one.occurrence_id)
    values = [{"code": each.code, "value": each.value, "unit": each.unit} for each in one.values]
    single = values[0] if len(values) == 1 else {}
    replaced = None if one.replaces is None else clients.get(one.replaces)
    return {
        "client_id": str(one.client_id),
        "assignment_client_id": str(one.assignment_id),
        "activity_key": one.activity_key,
        "planned_local": None if ref is None else ref.planned_local.isoformat(),
        "slot": None if ref is None else ref.slot,
        "outcome": one.outcome,
        "effective_at": _instant(one.effective_at),
        "recorded_at": _instant(one.recorded_at),
        **single,
        "values": values if len(values) > 1 else [],
        "answers": [msgspec.to_builtins(each) for each in one.answers],
        "reason": one.reason,
        "note": one.note,
        # It was taken when it was recorded: what was implausible then was confirmed.
        "confirmed": True if values else None,
        "replaces_client_id": None if replaced is None else str(replaced),
    }


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
