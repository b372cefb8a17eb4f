"""Let go of an erased patient: in files nobody can be found, so all of them go, and work on them ends."""

from healthprotocol.care.patients.model import PatientErased
from healthprotocol.care.transfers import repository
from healthprotocol.care.transfers.model import NOUNS
from healthprotocol.care.transfers.service import exporting, importing
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.files import sealed
from healthprotocol.foundation.jobs import operations

_KINDS = [kind(noun) for kind in (importing.kind_of, exporting.kind_of) for noun in NOUNS]

ENDED = {
    "type": "ended-by-erasure",
    "title": "The files were deleted",
    "status": 409,
    "detail": "A patient was erased, and with her every file that might name her. Send or export the file again.",
    "errors": [],
}
"""What an operation says that ended so; whoever sends the file again takes her lines out."""


async def on_patient_erased(tx: Transaction, event: PatientErased) -> None:
    """
    Forget what other systems call the patient, and delete uploads, reports and exports: each may name her.

    Imports and exports under way end here, after the batch that they are at: the next would write her anew.
    """
    await repository.forget(tx, event.patient_id)
    await repository.hold_work(tx)
    for operation_id in await repository.under_way(tx, _KINDS):
        await operations.fail(tx, await operations.get_for_update(tx, operation_id), ENDED)
    await sealed.forget_all(tx)
    await repository.forget_claims(tx)
