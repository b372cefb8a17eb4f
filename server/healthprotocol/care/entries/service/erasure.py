"""When a patient is erased, nothing that she or anybody recorded of her can be read."""

from healthprotocol.care.entries import repository
from healthprotocol.care.patients.model import PatientErased
from healthprotocol.foundation.db.transaction import Transaction


async def on_patient_erased(tx: Transaction, event: PatientErased) -> None:
    """Empty her entries. Caches are made unreadable by the end of her key."""
    await repository.forget_patient(tx, event.patient_id)
