"""Acts on patients: enrol, read, find, change, archive. Every read of a person leaves an audit row."""

from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec

from healthprotocol.api.idempotency import forget_answers
from healthprotocol.care.patients import repository, rules
from healthprotocol.care.patients.errors import IdentifierTaken, PatientIsArchived, PatientNotFound
from healthprotocol.care.patients.model import (
    Demographics,
    Erased,
    Identifier,
    Patient,
    PatientArchived,
    PatientCreated,
    PatientErased,
    PatientId,
    PatientStatus,
)
from healthprotocol.foundation.cache import tag
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.listing import Asked
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid, PreconditionFailed, Problem, Unavailable, Violation
from healthprotocol.trust.access import service as access
from healthprotocol.trust.audit import service as audit

LISTING = repository.PATIENTS
# What everything depends on that was made of names of an organisation's patients, and what was made of all of them.
NAMES = tag("patient_names")
EVERYBODY = tag("patients")
# By which encrypted fields other lists find the patients that their rows are of.
EMAIL, PHONE = repository.EMAIL, repository.PHONE
IDENTIFIER, NAME_BIRTH = repository.IDENTIFIER, repository.NAME_BIRTH

OBJECT = "patient"


async def create(tx: Transaction, actor: Actor, demographics: Demographics) -> Patient:
    """Enrol a patient with a key of her own. Raises Invalid with every fault, IdentifierTaken."""
    patient = _new(tx, actor, settled_or_invalid(tx, demographics))
    await _enrol(tx, actor, [patient])
    return patient


async def create_many(tx: Transaction, actor: Actor, people: Sequence[Demographics]) -> list[Patient | Problem]:
    """
    Enrol many, each with a key of her own, in as many statements as for one; a problem in the place of who cannot be.

    Raises Unavailable when somebody else takes one of their identifiers at this moment; nobody is enrolled then.
    """
    outcomes: list[Patient | Problem] = []
    for one in people:
        try:
            outcomes.append(_new(tx, actor, settled_or_invalid(tx, one)))
        except Invalid as problem:
            outcomes.append(problem)
    named = [one.demographics.identifiers if isinstance(one, Patient) else () for one in outcomes]
    for place, positions in (await repository.taken_identifiers(tx, named)).items():
        outcomes[place] = identifier_taken(positions)
    try:
        await _enrol(tx, actor, [one for one in outcomes if isinstance(one, Patient)])
    except IdentifierTaken as taken:
        raise Unavailable(retry_after_seconds=1, private="an identifier was taken in between") from taken
    return outcomes


def faults_of(tx: Transaction, demographics: Demographics) -> list[Violation]:
    """Return everything that is wrong with demographics; nothing is read or written."""
    try:
        settled_or_invalid(tx, demographics)
    except Invalid as problem:
        return list(problem.violations)
    return []


async def get(tx: Transaction, actor: Actor, patient_id: PatientId) -> Patient:
    """Return a patient. Raises PatientNotFound."""
    await access.require_patient(tx, actor, patient_id)
    patient = await _existing(tx, patient_id)

    await audit.record(tx, actor, "patient.read", patient_id, object_type=OBJECT, subject_id=patient_id)
    return patient


async def update(
    tx: Transaction,
    actor: Actor,
    patient_id: PatientId,
    *,
    change: Callable[[Demographics], Demographics],
    status: PatientStatus | None,
    expected_revision: int | None,
) -> Patient:
    """
    Put what `change` makes of the demographics in their place; `status` None keeps it.

    A change that changes nothing is a read. Raises PatientNotFound, PreconditionFailed when `expected_revision` is
    stale (None: any), Invalid, PatientIsArchived (unless this act sets the status back to active), IdentifierTaken.
    """
    await access.require_patient(tx, actor, patient_id)
    before = await _existing(tx, patient_id, for_update=True)
    _require_revision(before, expected_revision)
    if before.status == "archived" and status != "active":
        raise PatientIsArchived
    settled = settled_or_invalid(tx, change(before.demographics))
    is_changed = settled != before.demographics or (status or before.status) != before.status
    after = before
    if is_changed:
        after = revised(tx, before, status=status or before.status, demographics=settled)
        await _save(tx, after)
        tell_names(tx, before, after)
    action = "patient.update" if is_changed else "patient.read"
    await audit.record(tx, actor, action, patient_id, object_type=OBJECT, subject_id=patient_id)
    if after.status == "archived":
        await tx.publish(PatientArchived(patient_id))
    return after


async def archive(tx: Transaction, actor: Actor, patient_id: PatientId, *, expected_revision: int | None) -> Patient:
    """
    Archive a patient; what runs for her goes on until it is stopped. Archiving twice changes nothing.

    Raises PatientNotFound, PreconditionFailed.
    """
    await access.require_patient(tx, actor, patient_id)
    before = await _existing(tx, patient_id, for_update=True)
    _require_revision(before, expected_revision)
    after = before
    if before.status != "archived":
        after = revised(tx, before, status="archived", demographics=before.demographics)
        await _save(tx, after)
        await tx.publish(PatientArchived(patient_id))
    # The second time, too: the answer shows her all the same.
    await audit.record(tx, actor, "patient.archive", patient_id, object_type=OBJECT, subject_id=patient_id)
    return after


async def erase(tx: Transaction, actor: Actor, patient_id: PatientId, *, reason: str) -> Erased:
    """
    Make a patient unreadable for ever: her key is destroyed, her fields are emptied.

    Backups made before hold her wrapped key: in them she ends when they are deleted. What was counted of her stays,
    under an id that leads to nobody; so do the rows of the audit log. It cannot be undone. Raises PatientNotFound, also
    the second time.
    """
    await access.require_patient(tx, actor, patient_id)
    await _existing(tx, patient_id, for_update=True)

    # First the others, who may still need her key to put an end to what runs.
    await tx.publish(PatientErased(patient_id))
    await repository.erase(tx, patient_id)
    tx.invalidate(NAMES)
    await tx.keys.destroy_subject(tx, patient_id)
    await forget_answers(tx)
    await audit.record(
        tx,
        actor,
        "patient.erase",
        patient_id,
        object_type=OBJECT,
        subject_id=patient_id,
        detail={"reason": reason},
    )
    return Erased(patient_id, tx.now)


async def names(tx: Transaction, actor: Actor, patient_ids: Sequence[UUID]) -> dict[PatientId, str]:
    """Return the full names of these patients, for at most 1,000 ids; the read is recorded as one list."""
    sight = await access.sight(tx, actor)
    asked = [id_ for id_ in patient_ids[:1000] if sight.includes(id_)]
    found = await repository.names(tx, asked, limit=1000)
    await record_list(tx, actor, [one.id for one in found])
    return {one.id: one.full for one in found}


async def names_to_keep(tx: Transaction, patient_ids: Sequence[UUID]) -> dict[UUID, str]:
    """
    Return the full names of these patients, for at most 1,000 ids, to be kept under the tag NAMES.

    It asks and records nothing: whoever shows one of them asks before, and calls `record_list`.
    """
    return {one.id: one.full for one in await repository.names(tx, patient_ids[:1000], limit=1000)}


async def require_active(tx: Transaction, patient_id: PatientId) -> str:
    """Return the time zone of a patient who can take a new plan. Raises PatientNotFound, PatientIsArchived."""
    found = await repository.time_zones(tx, [patient_id])
    if patient_id not in found:
        raise PatientNotFound
    status, time_zone = found[patient_id]
    if status != "active":
        raise PatientIsArchived
    return time_zone


async def time_zone_of(tx: Transaction, patient_id: PatientId) -> str:
    """Return a patient's IANA time zone. Raises PatientNotFound. Nothing that names her is read."""
    found = await repository.time_zones(tx, [patient_id])
    if patient_id not in found:
        raise PatientNotFound
    return found[patient_id][1]


async def active_time_zones(tx: Transaction, patient_ids: Sequence[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return status and time zone of those patients that exist; nothing that names them."""
    return await repository.time_zones(tx, patient_ids)


async def ids_of_identifiers(tx: Transaction, identifiers: Sequence[Identifier]) -> dict[Identifier, UUID]:
    """Return whose these record numbers are; those of nobody are left out. It asks and records nothing."""
    return await repository.find_by_identifiers(tx, identifiers) if identifiers else {}


async def ids_of_filter(tx: Transaction, filter: str, *, after: UUID | None, limit: int) -> list[UUID]:  # noqa: A002
    """Return up to `limit` patient ids that a list filter selects, in id order; `after` continues."""
    listing = await LISTING.ask(tx, Asked(filter=filter))
    return await repository.ids_of_filter(tx, listing, after=after, limit=limit)


async def exported(
    tx: Transaction,
    actor: Actor,
    filter: str,  # noqa: A002 - the public name of the parameter
    *,
    after: UUID | None,
    limit: int,
) -> tuple[list[Patient], UUID | None]:
    """Return the next patients within sight that a filter selects, in full, by id, and after whom to go on."""
    sight = await access.sight(tx, actor)
    ids = await ids_of_filter(tx, filter, after=after, limit=limit)
    found = await repository.full_of(tx, [one for one in ids if sight.includes(one)])
    await audit.record(tx, actor, "patient.export", object_type=OBJECT, subject_ids=[one.id for one in found])
    return found, ids[-1] if len(ids) == limit else None


def _new(tx: Transaction, actor: Actor, settled: Demographics) -> Patient:
    return Patient(
        id=PatientId(tx.new_id()),
        status="active",
        demographics=settled,
        revision=1,
        created_at=tx.now,
        created_by=actor.account_id,
        updated_at=tx.now,
    )


async def _enrol(tx: Transaction, actor: Actor, people: Sequence[Patient]) -> None:
    """Insert new patients, record and tell of each. Raises IdentifierTaken of the first whose identifier is taken."""
    if not people:
        return
    keys = await tx.keys.create_subjects(tx, [patient.id for patient in people])
    taken = await repository.insert(tx, [(patient, keys[patient.id]) for patient in people])
    if taken:
        raise identifier_taken(next(iter(taken.values())))
    tx.invalidate(EVERYBODY)
    for patient in people:
        await audit.record(tx, actor, "patient.create", patient.id, object_type=OBJECT, subject_id=patient.id)
        await tx.publish(PatientCreated(patient.id))


def settled_or_invalid(tx: Transaction, demographics: Demographics) -> Demographics:
    """Return demographics in their stored form. Raises Invalid with every fault."""
    settled, faults = rules.settle(demographics, today=rules.latest_day(tx.now))
    if faults:
        raise Invalid(violations=faults)
    return settled


async def _existing(tx: Transaction, patient_id: PatientId, *, for_update: bool = False) -> Patient:
    patient = await repository.get(tx, patient_id, for_update=for_update)
    if patient is None:
        raise PatientNotFound
    return patient


def _require_revision(patient: Patient, expected_revision: int | None) -> None:
    if expected_revision is not None and expected_revision != patient.revision:
        raise PreconditionFailed


def revised(tx: Transaction, before: Patient, *, status: PatientStatus, demographics: Demographics) -> Patient:
    """Return what a patient is with other values: one revision on."""
    return msgspec.structs.replace(
        before, status=status, demographics=demographics, revision=before.revision + 1, updated_at=tx.now
    )


def tell_names(tx: Transaction, before: Patient, after: Patient) -> None:
    """Have what was made of names made anew, when these are other ones."""
    old, new = before.demographics, after.demographics
    if (old.given_name, old.family_name, old.birth_date) != (new.given_name, new.family_name, new.birth_date):
        tx.invalidate(NAMES)


async def _save(tx: Transaction, patient: Patient) -> None:
    key = await tx.keys.subject(tx, patient.id)
    taken = await repository.save(tx, [(patient, key)])
    if taken:
        raise identifier_taken(taken[patient.id])


def identifier_taken(positions: Sequence[int]) -> IdentifierTaken:
    """Return the problem that the identifiers at these positions are somebody else's."""
    detail = "Another patient has this identifier."
    return IdentifierTaken(violations=[Violation(f"/identifiers/{one}", "taken", detail) for one in positions])


async def record_list(tx: Transaction, actor: Actor, patient_ids: Sequence[UUID]) -> None:
    """Record that these patients were shown to somebody, as one read of a list."""
    await audit.record(tx, actor, "patient.list", object_type=OBJECT, subject_ids=list(patient_ids))
