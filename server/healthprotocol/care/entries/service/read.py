"""Show what was recorded: one entry, the list of them, and the measurements of a patient."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec

from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import ActivityAdjustment, Assignment, AssignmentId
from healthprotocol.care.entries import repository
from healthprotocol.care.entries.errors import EntryNotFound
from healthprotocol.care.entries.model import Entry, EntryId
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols.model import Measurement, ProtocolContent, Quantity, ValueRange
from healthprotocol.care.protocols.rules.local_time import calendar_of
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.listing import Asked, Page
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import BadRequest, Violation
from healthprotocol.trust.access import service as access
from healthprotocol.trust.audit import service as audit

LISTING = repository.ENTRIES
MAX_MEASUREMENTS = 5_000
MAX_RANGE_DAYS = 400


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One measured value in the unit of its definition, with what the definition says of it."""

    entry: Entry
    code: str
    display: str | None
    value: float
    unit: str
    given_value: float
    given_unit: str
    target_range: ValueRange | None
    alert_thresholds: ValueRange | None


async def get(tx: Transaction, actor: Actor, entry_id: EntryId) -> Entry:
    """Return an entry. Raises EntryNotFound."""
    entry = (await repository.get_many(tx, [entry_id])).get(entry_id)
    if entry is None or not (await access.sight(tx, actor)).includes(entry.patient_id):
        raise EntryNotFound
    await audit.record(tx, actor, "entry.read", entry_id, object_type="entry", subject_id=entry.patient_id)
    return entry


async def page(tx: Transaction, actor: Actor, query: Asked) -> Page[Entry]:
    """Return a page of the entries within sight, all of them: corrected and undone ones too. Raises BadRequest."""
    sight = await access.sight(tx, actor)
    listing = await LISTING.ask(tx, query)
    found = await repository.page(tx, listing, only=None if sight.only is None else list(sight.only))
    subjects: tuple[UUID, ...] = tuple(dict.fromkeys(row.patient_id for row in found.items))
    await audit.record(tx, actor, "entry.list", object_type="entry", subject_ids=subjects)
    return found


async def measurements(
    tx: Transaction,
    actor: Actor,
    patient_id: PatientId,
    *,
    from_on: date | None,
    to_on: date | None,
    code: str | None,
) -> list[Measured]:
    """
    Return what was measured of a patient, oldest first: standing entries of at most 400 local days.

    By default of the last 90. Of more than 5,000 entries the newest are returned. Raises PatientNotFound, BadRequest.
    """
    await access.require_patient(tx, actor, patient_id)
    calendar = calendar_of(await patients.time_zone_of(tx, patient_id))
    last = to_on or calendar.local_date(tx.now)
    first = from_on or last - timedelta(days=89)
    if first > last or (last - first).days >= MAX_RANGE_DAYS:
        detail = f"The range has at most {MAX_RANGE_DAYS} days, from before to."
        raise BadRequest(violations=[Violation("/from", "out_of_range", detail)])
    since, until = calendar.midnight_at(first), calendar.midnight_at(last + timedelta(days=1))
    found = await repository.measured_between(tx, patient_id, from_at=since, to_at=until, limit=MAX_MEASUREMENTS)
    standing = [entry for entry in found if entry.values]
    definitions = await _definitions(tx, standing)
    await audit.record(tx, actor, "patient.measurements", patient_id, object_type="patient", subject_id=patient_id)
    return [
        _measured(entry, value.code, definitions)
        for entry in standing
        for value in entry.values
        if code is None or value.code == code
    ]


async def since(tx: Transaction, found: Sequence[Assignment], *, effective_from: datetime) -> list[Entry]:
    """
    Return the standing entries of these assignments that are of `effective_from` or later, oldest first.

    For the services that look at what was recorded, inside the transaction of the act: it asks and records nothing.
    """
    return await repository.of_assignments_since(tx, found, since=effective_from)


async def last_recorded_at(
    tx: Transaction, assignment_ids: Sequence[AssignmentId], *, planned_from: date
) -> dict[UUID, datetime]:
    """
    Return when anything was last recorded, by assignment; undoing counts for nothing. It asks and records nothing.

    What is of an occurrence planned before `planned_from` is not looked at.
    """
    return await repository.last_recorded_at(tx, assignment_ids, planned_from=planned_from)


async def client_ids(tx: Transaction, entry_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return the client-made ids of these entries. For files of them: it asks and records nothing."""
    return await repository.client_ids(tx, entry_ids) if entry_ids else {}


Definitions = dict[tuple[object, str, str], Measurement | Quantity]


async def _definitions(tx: Transaction, entries: list[Entry]) -> Definitions:
    """Return the newest definition by (assignment, activity, code)."""
    known = await assignments.by_ids(tx, list(dict.fromkeys(entry.assignment_id for entry in entries)))
    contents = await assignments.load_with_contents(tx, known)
    found: Definitions = {}
    for assignment in known:
        versions = contents[assignment.protocol_id]
        for version in sorted({segment.version for segment in assignment.segments}):
            for key, quantity in _quantities(versions[version]):
                adjustment = assignment.adjustments.of(key)
                found[assignment.id, key, quantity.code] = _adjusted(quantity, adjustment)
    return found


def _adjusted(quantity: Measurement | Quantity, adjustment: ActivityAdjustment | None) -> Measurement | Quantity:
    """The quantity with the target that the patient has instead, if any."""
    targets = () if adjustment is None else adjustment.target_ranges
    own = next((target.range for target in targets if target.code == quantity.code), None)
    return quantity if own is None else msgspec.structs.replace(quantity, target_range=own)


def _quantities(content: ProtocolContent) -> list[tuple[str, Measurement | Quantity]]:
    return [
        (activity.key, quantity)
        for phase in content.phases
        for activity in phase.activities
        if activity.measurement is not None
        for quantity in (activity.measurement.components or (activity.measurement,))
    ]


def _measured(entry: Entry, code: str, definitions: Definitions) -> Measured:
    value = next(one for one in entry.values if one.code == code)
    quantity = definitions.get((entry.assignment_id, entry.activity_key, code))
    return Measured(
        entry=entry,
        code=code,
        display=quantity.display if quantity else None,
        value=value.converted_value,
        unit=value.converted_unit,
        given_value=value.value,
        given_unit=value.unit,
        target_range=quantity.target_range if quantity else None,
        alert_thresholds=quantity.alert_thresholds if quantity else None,
    )
