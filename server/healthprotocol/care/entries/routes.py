"""Occurrences and entries over HTTP."""

from collections.abc import Sequence
from uuid import UUID

from healthprotocol.api.gate import Gate
from healthprotocol.api.items import bulk, one_by_one, write_items
from healthprotocol.api.paging import ListQuery, Page
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.care.assignments.model import AssignmentId
from healthprotocol.care.entries import schemas, service
from healthprotocol.care.entries.model import Entry, EntryId, NewEntry
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols.model import ProtocolId
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.trust.permissions.model import Permission

declare = Declare("entries")


@declare.get(
    "/api/v1/patients/{patient_id:uuid}/today",
    policy=Permission.ENTRY_READ,
    returns=schemas.TodayOut,
    query=schemas.TodayQuery,
    summary="The day of a patient, computed",
)
async def read_today(gate: Gate, patient_id: UUID) -> Answer:
    query = gate.query(schemas.TodayQuery)
    return await gate.read(
        lambda tx: service.today(tx, gate.actor, PatientId(patient_id), on=query.on, at=query.at), schemas.today
    )


@declare.get(
    "/api/v1/assignments/{assignment_id:uuid}/occurrences",
    policy=Permission.ENTRY_READ,
    returns=Page[schemas.OccurrenceOut],
    query=schemas.OccurrenceQuery,
    is_list=True,
    summary="What an assignment plans, computed",
)
async def list_occurrences(gate: Gate, assignment_id: UUID) -> Answer:
    query = gate.query(schemas.OccurrenceQuery)
    return await gate.read(
        lambda tx: service.occurrences_of(
            tx,
            gate.actor,
            AssignmentId(assignment_id),
            from_on=query.first,
            to_on=query.last,
            page_size=query.page_size,
            page_token=query.page_token,
            at=query.at,
        ),
        schemas.occurrences,
    )


@declare.get(
    "/api/v1/protocols/{protocol_id:uuid}/versions/{version:int}/preview",
    policy=Permission.PROTOCOL_READ,
    returns=schemas.Preview,
    query=schemas.PreviewQuery,
    summary="What a version would ask of a patient",
)
async def preview_version(gate: Gate, protocol_id: UUID, version: int) -> Answer:
    query = gate.query(schemas.PreviewQuery)
    return await gate.read(
        lambda tx: service.preview(
            tx,
            ProtocolId(protocol_id),
            version,
            starts_on=query.starts_on,
            days=query.days,
            first_day=query.first_day,
            time_zone=query.time_zone,
        ),
        schemas.preview,
    )


@declare.post(
    "/api/v1/entries",
    policy=Permission.ENTRY_WRITE,
    returns=schemas.EntryOut,
    body=(NewEntry, schemas.EntriesIn),
    also={207: schemas.EntryResults},
    status=201,
    summary="Record or correct one entry, or up to 500",
)
async def record_entries(gate: Gate) -> Answer:
    body = await gate.raw_body()
    if schemas.is_batch(body):
        items = schemas.batch_items(body)
        return await gate.write(
            lambda tx: service.record(tx, gate.actor, items),
            lambda value: schemas.results(value, request_id=gate.context.request_id),
            status_of=lambda _: 207,
        )
    sent = await gate.body(NewEntry)
    return await gate.write(
        lambda tx: service.record_one(tx, gate.actor, sent),
        schemas.recorded,
        status_of=lambda value: 201 if value.is_new else 200,
    )


@bulk(
    declare,
    "/api/v1/entries/batch-delete",
    policy=Permission.ENTRY_WRITE,
    item=schemas.EntryRef,
    returns=schemas.EntryOut,
    summary="Undo up to 500 entries; what was undone is kept",
)
async def retract_entries(gate: Gate) -> Answer:
    async def one(tx: Transaction, item: schemas.EntryRef) -> Entry:
        return await service.retract(tx, gate.actor, EntryId(item.id))

    async def hold(tx: Transaction, items: Sequence[schemas.EntryRef]) -> None:
        await service.hold(tx, gate.actor, [item.id for item in items])

    return await write_items(gate, schemas.EntryRef, one_by_one(one, hold=hold), schemas.entry)


@declare.get(
    "/api/v1/entries",
    policy=Permission.ENTRY_READ,
    returns=Page[schemas.EntryOut],
    query=ListQuery,
    is_list=True,
    listing=service.LISTING,
    summary="List entries, newest first",
)
async def list_entries(gate: Gate) -> Answer:
    query = gate.query(ListQuery)
    return await gate.read(
        lambda tx: service.page(tx, gate.actor, query),
        schemas.page,
    )


@declare.get(
    "/api/v1/entries/{entry_id:uuid}",
    policy=Permission.ENTRY_READ,
    returns=schemas.EntryOut,
    summary="Read an entry",
)
async def read_entry(gate: Gate, entry_id: UUID) -> Answer:
    return await gate.read(lambda tx: service.get(tx, gate.actor, EntryId(entry_id)), schemas.entry)


@declare.delete(
    "/api/v1/entries/{entry_id:uuid}",
    policy=Permission.ENTRY_WRITE,
    returns=schemas.EntryOut,
    summary="Undo an entry; what was undone is kept",
)
async def retract_entry(gate: Gate, entry_id: UUID) -> Answer:
    return await gate.write(lambda tx: service.retract(tx, gate.actor, EntryId(entry_id)), schemas.entry)


@declare.get(
    "/api/v1/patients/{patient_id:uuid}/measurements",
    policy=Permission.ENTRY_READ,
    returns=Page[schemas.MeasurementOut],
    query=schemas.MeasurementQuery,
    summary="What was measured of a patient, oldest first",
)
async def list_measurements(gate: Gate, patient_id: UUID) -> Answer:
    query = gate.query(schemas.MeasurementQuery)
    return await gate.read(
        lambda tx: service.measurements(
            tx,
            gate.actor,
            PatientId(patient_id),
            from_on=query.first,
            to_on=query.last,
            code=query.code,
        ),
        schemas.measurements,
    )


ROUTES = [
    read_today,
    list_occurrences,
    preview_version,
    record_entries,
    retract_entries,
    list_entries,
    read_entry,
    retract_entry,
    list_measurements,
]
