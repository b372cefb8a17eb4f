"""Give a protocol to one patient."""

from healthprotocol.care.assignments import repository
from healthprotocol.care.assignments.errors import AlreadyAssigned
from healthprotocol.care.assignments.model import Assignment, AssignmentId, AssignmentStarted, NewAssignment
from healthprotocol.care.assignments.rules.enrolment import assignment_of, check_new
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.errors import PatientNotFound
from healthprotocol.care.protocols import service as protocols
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid
from healthprotocol.trust.access import service as access
from healthprotocol.trust.audit import service as audit


async def assign(tx: Transaction, actor: Actor, wanted: NewAssignment) -> Assignment:
    """
    Give a published version to a patient.

    Raises ProtocolNotFound, ProtocolIsRetired, VersionNotFound, NotPublished, PatientNotFound, PatientIsArchived,
    Invalid with every fault, AlreadyAssigned when an open assignment of the protocol covers one of the days.
    """
    version = await protocols.assignable(tx, wanted.protocol_id, wanted.version)
    if not (await access.sight(tx, actor)).includes(wanted.patient_id):
        raise PatientNotFound
    own_zone = await patients.require_active(tx, wanted.patient_id)
    time_zone = wanted.time_zone or own_zone
    faults = check_new(wanted, version.content, time_zone=time_zone, at=tx.now)
    if faults:
        raise Invalid(violations=faults)
    assignment = assignment_of(
        actor,
        wanted,
        id=AssignmentId(tx.new_id()),
        version=version.version,
        duration_days=version.content.duration_days,
        time_zone=time_zone,
        at=tx.now,
    )
    await _require_free(tx, assignment)

    await repository.insert(tx, assignment)
    await audit.record(
        tx,
        actor,
        "assignment.create",
        assignment.id,
        subject_id=assignment.patient_id,
        detail={"protocol_id": assignment.protocol_id, "version": assignment.version},
    )
    if assignment.status == "active":
        await tx.publish(AssignmentStarted(assignment.id, assignment.patient_id))
    return assignment


async def _require_free(tx: Transaction, assignment: Assignment) -> None:
    """Raise AlreadyAssigned unless the patient is free for the protocol on its days, also when two assign at once."""
    await repository.hold_plans(tx, assignment.protocol_id, [assignment.patient_id])
    if await repository.following(
        tx,
        assignment.protocol_id,
        [assignment.patient_id],
        from_on=assignment.starts_on,
        to_on=assignment.ends_on,
    ):
        raise AlreadyAssigned
