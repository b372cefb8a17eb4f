"""Patients over HTTP."""

from collections.abc import Sequence
from uuid import UUID

from healthprotocol.api.gate import Gate
from healthprotocol.api.items import bulk, expected_revision, one_by_one, write_items
from healthprotocol.api.paging import Page
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.care.patients import schemas, service
from healthprotocol.care.patients.model import Patient, PatientId
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Problem
from healthprotocol.trust.permissions.model import Permission

declare = Declare("patients")
_ONE = "/api/v1/patients/{patient_id:uuid}"


@declare.get(
    "/api/v1/patients",
    policy=Permission.PATIENT_READ,
    returns=Page[schemas.PatientListItem],
    query=schemas.PatientQuery,
    is_list=True,
    listing=service.LISTING,
    summary="List or find patients",
)
async def list_patients(gate: Gate) -> Answer:
    query = gate.query(schemas.PatientQuery)
    return await gate.read(
        lambda tx: service.page(tx, gate.actor, query, q=query.q),
        schemas.page,
    )


@declare.post(
    "/api/v1/patients",
    policy=Permission.PATIENT_WRITE,
    returns=schemas.PatientOut,
    body=schemas.CreatePatient,
    status=201,
    summary="Enrol a patient",
)
async def create_patient(gate: Gate) -> Answer:
    data = await gate.body(schemas.CreatePatient, further=schemas.create_faults(gate.database.clock()))
    return await gate.write(lambda tx: service.create(tx, gate.actor, data.demographics()), schemas.patient)


@bulk(
    declare,
    "/api/v1/patients/batch-create",
    policy=Permission.PATIENT_WRITE,
    item=schemas.CreatePatient,
    returns=schemas.PatientOut,
    summary="Enrol up to 500 patients",
)
async def create_patients(gate: Gate) -> Answer:
    async def work(tx: Transaction, items: Sequence[schemas.CreatePatient]) -> Sequence[Patient | Problem]:
        return await service.create_many(tx, gate.actor, [item.demographics() for item in items])

    further = schemas.create_faults(gate.database.clock())
    return await write_items(gate, schemas.CreatePatient, work, schemas.patient, status=201, further=further)


async def _hold(tx: Transaction, items: Sequence[schemas.PatientUpdate | schemas.PatientRef]) -> None:
    await service.hold(tx, [item.id for item in items])


@bulk(
    declare,
    "/api/v1/patients/batch-update",
    policy=Permission.PATIENT_WRITE,
    item=schemas.PatientUpdate,
    returns=schemas.PatientOut,
    summary="Change up to 500 patients",
)
async def update_patients(gate: Gate) -> Answer:
    async def one(tx: Transaction, item: schemas.PatientUpdate) -> Patient:
        return await service.update(
            tx,
            gate.actor,
            PatientId(item.id),
            change=item.changed,
            status=item.new_status(),
            expected_revision=expected_revision(item.revision, item.etag),
        )

    further = schemas.update_faults(gate.database.clock(), schemas.PatientUpdate)
    return await write_items(gate, schemas.PatientUpdate, one_by_one(one, hold=_hold), schemas.patient, further=further)


@bulk(
    declare,
    "/api/v1/patients/batch-delete",
    policy=Permission.PATIENT_WRITE,
    item=schemas.PatientRef,
    returns=schemas.PatientOut,
    summary="Archive up to 500 patients",
)
async def archive_patients(gate: Gate) -> Answer:
    async def one(tx: Transaction, item: schemas.PatientRef) -> Patient:
        return await service.archive(
            tx, gate.actor, PatientId(item.id), expected_revision=expected_revision(item.revision, item.etag)
        )

    return await write_items(gate, schemas.PatientRef, one_by_one(one, hold=_hold), schemas.patient)


@declare.get(_ONE, policy=Permission.PATIENT_READ, returns=schemas.PatientOut, summary="Read a patient")
async def read_patient(gate: Gate, patient_id: UUID) -> Answer:
    return await gate.read(lambda tx: service.get(tx, gate.actor, PatientId(patient_id)), schemas.patient)


@declare.patch(
    _ONE,
    policy=Permission.PATIENT_WRITE,
    returns=schemas.PatientOut,
    body=schemas.UpdatePatient,
    summary="Change a patient",
)
async def update_patient(gate: Gate, patient_id: UUID) -> Answer:
    revision = gate.expected_revision()
    data = await gate.body(
        schemas.UpdatePatient, further=schemas.update_faults(gate.database.clock(), schemas.UpdatePatient)
    )
    return await gate.write(
        lambda tx: service.update(
            tx,
            gate.actor,
            PatientId(patient_id),
            change=data.changed,
            status=data.new_status(),
            expected_revision=revision,
        ),
        schemas.patient,
    )


@declare.delete(_ONE, policy=Permission.PATIENT_WRITE, returns=schemas.PatientOut, summary="Archive a patient")
async def archive_patient(gate: Gate, patient_id: UUID) -> Answer:
    revision = gate.expected_revision(required=False)
    return await gate.write(
        lambda tx: service.archive(tx, gate.actor, PatientId(patient_id), expected_revision=revision),
        schemas.patient,
    )


@declare.post(
    _ONE + "/erase",
    policy=Permission.PATIENT_ERASE,
    returns=schemas.ErasedOut,
    body=schemas.ErasePatient,
    summary="Make a patient unreadable for ever",
)
async def erase_patient(gate: Gate, patient_id: UUID) -> Answer:
    data = await gate.body(schemas.ErasePatient)
    return await gate.write(
        lambda tx: service.erase(tx, gate.actor, PatientId(patient_id), reason=data.reason), schemas.erased
    )


ROUTES = [
    list_patients,
    create_patient,
    create_patients,
    update_patients,
    archive_patients,
    read_patient,
    update_patient,
    archive_patient,
    erase_patient,
]
