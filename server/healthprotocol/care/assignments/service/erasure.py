"""When a patient is erased, nothing more is asked of her, and nothing that was written of her plans stays."""

import msgspec

from healthprotocol.care.assignments import repository
from healthprotocol.care.assignments.model import AssignmentChanged
from healthprotocol.care.assignments.rules import lifecycle
from healthprotocol.care.patients.model import PatientErased
from healthprotocol.care.protocols.rules.local_time import calendar_of
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.trust.audit import service as audit


async def on_patient_erased(tx: Transaction, event: PatientErased) -> None:
    """Stop what runs, take back what was only proposed, and empty what was written."""
    for assignment in await repository.open_of_patient(tx, event.patient_id):
        if assignment.status == "proposed":
            ended = lifecycle.mark_entered_in_error(assignment)
        else:
            ended = lifecycle.stop(assignment, at=tx.now, reason="")
        saved = await repository.save(tx, msgspec.structs.replace(ended, reason=None))
        await audit.record(tx, tx.actor, "assignment.stop", saved.id, subject_id=saved.patient_id)
        from_on = calendar_of(saved.time_zone).local_date(tx.now)
        await tx.publish(AssignmentChanged(saved.id, saved.patient_id, from_on))
    await repository.forget_patient(tx, event.patient_id)
