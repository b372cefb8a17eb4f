"""Erase a patient's row, so that nothing of her is left in it but that somebody was there."""

from healthprotocol.care.patients.model import PatientId
from healthprotocol.foundation.db.transaction import Transaction


async def erase(tx: Transaction, patient_id: PatientId) -> None:
    """Empty every field that names or finds the patient, and free her identifiers."""
    await tx.execute(
        """
        update patient
        set status = 'erased', given_name_ct = null, family_name_ct = null, birth_date_ct = null, sex_ct = null,
          email_ct = null, phone_ct = null, address_ct = null, language_ct = null, email_bidx = null,
          phone_bidx = null, name_birth_bidx = null, time_zone = 'UTC', revision = revision + 1, updated_at = $3
        where organisation_id = $1 and id = $2
        """,
        tx.tenant,
        patient_id,
        tx.now,
    )
    await tx.execute(
        "delete from patient_identifier where organisation_id = $1 and patient_id = $2", tx.tenant, patient_id
    )
