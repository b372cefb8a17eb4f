"""Know and amend many patients in as many statements as one: for files of them."""

from collections.abc import Sequence
from uuid import UUID

from healthprotocol.care.patients import repository
from healthprotocol.care.patients.errors import PatientIsArchived, PatientNotFound
from healthprotocol.care.patients.model import Amendment, Patient, PatientArchived, PatientId, PersonName
from healthprotocol.care.patients.service.people import (
    OBJECT,
    identifier_taken,
    revised,
    settled_or_invalid,
    tell_names,
)
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Problem, Unavailable
from healthprotocol.trust.access import service as access
from healthprotocol.trust.audit import service as audit


async def people_of(tx: Transaction, patient_ids: Sequence[UUID]) -> dict[UUID, PersonName]:
    """
    Return name and birth date of those patients that exist, to compare with and not to show.

    It asks and records nothing.
    """
    if not patient_ids:
        return {}
    found = await repository.names(tx, patient_ids, limit=len(patient_ids), with_birth_date=True)
    return {one.id: one for one in found}


async def hold(tx: Transaction, patient_ids: Sequence[UUID], *, to_change: bool = True) -> None:
    """
    Have others who want to change these patients wait until the commit; without `to_change` only that.

    In one order for all who hold several. Who is not there is not held; it asks and records nothing.
    """
    await repository.hold(tx, patient_ids, to_change=to_change)


async def amend_many(tx: Transaction, actor: Actor, wanted: Sequence[Amendment]) -> list[bool | Problem]:
    """
    Amend patients, each named once; tell of each whether anything changed, or the problem that stands against it.

    An archived patient of whom nothing would change is left in peace. Problems are those of `update`. Raises
    Unavailable when somebody else takes one of their identifiers at this moment; nothing is amended then.
    """
    ids = [one.patient_id for one in wanted]
    before = {patient.id: patient for patient in await repository.full_of(tx, ids, for_update=True)}
    sight = await access.sight(tx, actor)
    outcomes: list[bool | Problem] = []
    after: dict[int, Patient] = {}
    for place, one in enumerate(wanted):
        patient = before.get(one.patient_id) if sight.includes(one.patient_id) else None
        try:
            changed = _amended(tx, patient, one)
        except Problem as problem:
            outcomes.append(problem)
            continue
        outcomes.append(changed is not None)
        if changed is not None:
            after[place] = changed
    for place, positions in (await _taken(tx, after)).items():
        outcomes[place] = identifier_taken(positions)
        del after[place]
    await _save(tx, list(after.values()))
    for patient in after.values():
        tell_names(tx, before[patient.id], patient)
    for place, one in enumerate(wanted):
        await _record(tx, actor, one.patient_id, outcomes[place])
        if place in after and after[place].status == "archived":
            await tx.publish(PatientArchived(one.patient_id))
    return outcomes


def _amended(tx: Transaction, patient: Patient | None, wanted: Amendment) -> Patient | None:
    """Return the patient as she is wanted, None when she is so already."""
    if patient is None:
        raise PatientNotFound
    settled = settled_or_invalid(tx, wanted.change(patient.demographics))
    status = wanted.status or patient.status
    if settled == patient.demographics and status == patient.status:
        return None
    if patient.status == "archived" and status != "active":
        raise PatientIsArchived
    return revised(tx, patient, status=status, demographics=settled)


async def _taken(tx: Transaction, after: dict[int, Patient]) -> dict[int, list[int]]:
    if not after:
        return {}
    named = [patient.demographics.identifiers for patient in after.values()]
    found = await repository.taken_identifiers(tx, named, owners=[patient.id for patient in after.values()])
    places = list(after)
    return {places[index]: positions for index, positions in found.items()}


async def _save(tx: Transaction, people: Sequence[Patient]) -> None:
    if not people:
        return
    keys = await tx.keys.subjects(tx, [patient.id for patient in people])
    if await repository.save(tx, [(patient, keys[patient.id]) for patient in people]):
        raise Unavailable(retry_after_seconds=1, private="an identifier was taken in between")


async def _record(tx: Transaction, actor: Actor, patient_id: PatientId, outcome: bool | Problem) -> None:  # noqa: FBT001 - what became of her
    """Record what was done; of whom a problem stands in the way, nothing was shown."""
    if not isinstance(outcome, Problem):
        action = "patient.update" if outcome else "patient.read"
        await audit.record(tx, actor, action, patient_id, object_type=OBJECT, subject_id=patient_id)
