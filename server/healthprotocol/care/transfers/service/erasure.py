"""Let go of an erased patient: in files nobody can be found, so all of them go that no running work reads."""

from healthprotocol.care.patients.model import PatientErased
from healthprotocol.care.transfers import repository
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.files import sealed


async def on_patient_erased(tx: Transaction, event: PatientErased) -> None:
    """Forget what other systems call the patient, and delete uploads, reports and exports that may name her."""
    await repository.forget(tx, event.patient_id)
    await sealed.forget_all(tx, but=await repository.files_in_use(tx))
