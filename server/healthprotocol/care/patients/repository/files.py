"""Patients in full, many at a time, for files of them."""

from collections.abc import Sequence
from uuid import UUID

from healthprotocol.care.patients.model import Patient
from healthprotocol.care.patients.repository.people import FULL, patient_of
from healthprotocol.foundation.db.transaction import Transaction


async def hold(tx: Transaction, patient_ids: Sequence[UUID], *, to_change: bool) -> None:
    """Hold those of these patients that exist until the commit, in order of the ids: to change or to refer to them."""
    await tx.execute(
        f"""
        select from patient p
        where p.organisation_id = $1 and p.id = any($2::uuid[])
        order by p.id
        {"for update" if to_change else "for key share"}
        """,
        tx.tenant,
        list(patient_ids),
    )


async def full_of(tx: Transaction, patient_ids: Sequence[UUID], *, for_update: bool = False) -> list[Patient]:
    """Return the patients of these ids that exist, in order of the ids, in which they are also held for an update."""
    held = "for update of p" if for_update else ""
    rows = await tx.fetch(f"{FULL} and p.id = any($2::uuid[]) order by p.id {held}", tx.tenant, list(patient_ids))
    keys = await tx.keys.subjects(tx, [row["id"] for row in rows])
    return [patient_of(row, keys[row["id"]]) for row in rows if row["id"] in keys]
