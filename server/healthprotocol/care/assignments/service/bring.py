"""Make many assignments that differ in everything, in as many statements as one: for files of them."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from healthprotocol.care.assignments import repository
from healthprotocol.care.assignments.errors import AlreadyAssigned
from healthprotocol.care.assignments.model import Assignment, AssignmentId, AssignmentsStarted, DaysTaken, NewAssignment
from healthprotocol.care.assignments.rules.enrolment import assignment_of, check_new
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.errors import PatientIsArchived, PatientNotFound
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import ProtocolId, ProtocolVersion
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid, Problem, Violation
from healthprotocol.trust.access import service as access
from healthprotocol.trust.audit import service as audit

_Zones = dict[UUID, tuple[str, str]]


async def hold_new(tx: Transaction, wanted: Iterable[NewAssignment]) -> None:
    """Have others who give the same patients something wait until the commit, in one order for all who give several."""
    of_protocol: dict[ProtocolId, set[UUID]] = {}
    for one in wanted:
        of_protocol.setdefault(one.protocol_id, set()).add(one.patient_id)
    for protocol_id in sorted(of_protocol):
        await repository.hold_plans(tx, protocol_id, of_protocol[protocol_id])
    await patients.hold(tx, list(set[UUID]().union(*of_protocol.values())), to_change=False)


async def hold(tx: Transaction, assignment_ids: Sequence[UUID]) -> None:
    """Have others who want to change these assignments wait until the commit, in one order for all who hold several."""
    await repository.hold(tx, assignment_ids)


async def assign_many(
    tx: Transaction, actor: Actor, wanted: Sequence[NewAssignment], *, days_taken: Iterable[DaysTaken] = ()
) -> list[Assignment | Problem]:
    """
    Give each its protocol, as `assign` does one after the other; a problem in the place of what cannot be.

    Of two in `wanted` that exclude each other the first is made; none is where `days_taken` says that another is, which
    the database does not have.
    """
    versions = _Versions(tx)
    zones = await _zones(tx, actor, [one.patient_id for one in wanted])
    outcomes: list[Assignment | Problem] = []
    for one in wanted:
        try:
            outcomes.append(_assignment(tx, actor, one, await versions.of(one), zones))
        except Problem as problem:
            outcomes.append(problem)
    await _refuse_taken(tx, outcomes, days_taken)
    made = [one for one in outcomes if isinstance(one, Assignment)]
    if made:
        await repository.insert_rows(tx, made)
        await _tell(tx, actor, made)
    return outcomes


async def faults_of(tx: Transaction, wanted: NewAssignment, *, time_zone: str | None = None) -> list[Violation]:
    """
    Return what stands against the days and adjustments of an assignment, whoever it is for; nothing is written.

    `time_zone` is the patient's own, None where it is not known. Nothing is said of a version that cannot be assigned.
    """
    try:
        version = await protocols.assignable(tx, wanted.protocol_id, wanted.version)
    except Problem:
        return []
    return check_new(wanted, version.content, time_zone=wanted.time_zone or time_zone or "UTC", at=tx.now)


class _Versions:
    """The versions that are given, each looked for once."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._found: dict[tuple[ProtocolId, int | None], ProtocolVersion | Problem] = {}

    async def of(self, wanted: NewAssignment) -> ProtocolVersion:
        place = (wanted.protocol_id, wanted.version)
        if place not in self._found:
            try:
                self._found[place] = await protocols.assignable(self._tx, *place)
            except Problem as problem:
                self._found[place] = problem
        found = self._found[place]
        if isinstance(found, Problem):
            raise found
        return found


async def _zones(tx: Transaction, actor: Actor, patient_ids: Sequence[UUID]) -> _Zones:
    sight = await access.sight(tx, actor)
    ids = dict.fromkeys(one for one in patient_ids if sight.includes(one))
    return await patients.active_time_zones(tx, list(ids))


def _assignment(
    tx: Transaction, actor: Actor, wanted: NewAssignment, version: ProtocolVersion, zones: _Zones
) -> Assignment:
    if wanted.patient_id not in zones:
        raise PatientNotFound
    status, own_zone = zones[wanted.patient_id]
    if status != "active":
        raise PatientIsArchived
    time_zone = wanted.time_zone or own_zone
    faults = check_new(wanted, version.content, time_zone=time_zone, at=tx.now)
    if faults:
        raise Invalid(violations=faults)
    return assignment_of(
        actor,
        wanted,
        id=AssignmentId(tx.new_id()),
        version=version.version,
        duration_days=version.content.duration_days,
        time_zone=time_zone,
        at=tx.now,
    )


async def _refuse_taken(tx: Transaction, outcomes: list[Assignment | Problem], days_taken: Iterable[DaysTaken]) -> None:
    """Put AlreadyAssigned in the place of those whose patient is not free for the protocol on their days."""
    wanted = {place: one for place, one in enumerate(outcomes) if isinstance(one, Assignment)}
    if not wanted:
        return
    of_protocol: dict[ProtocolId, list[UUID]] = {}
    for one in wanted.values():
        of_protocol.setdefault(one.protocol_id, []).append(one.patient_id)
    # In one order, so that two files that share patients and protocols wait for each other and never both.
    for protocol_id in sorted(of_protocol):
        await repository.hold_plans(tx, protocol_id, of_protocol[protocol_id])
    places = list(wanted)
    taken = {places[index] for index in await repository.taken(tx, list(wanted.values()))}
    before: dict[tuple[ProtocolId, UUID], list[Assignment | DaysTaken]] = {}
    for days in days_taken:
        before.setdefault((days.protocol_id, days.patient_id), []).append(days)
    for place, one in wanted.items():
        earlier = before.setdefault((one.protocol_id, one.patient_id), [])
        if place in taken or any(_share_a_day(one, other) for other in earlier):
            outcomes[place] = AlreadyAssigned()
        else:
            earlier.append(one)


def _share_a_day(one: Assignment, other: Assignment | DaysTaken) -> bool:
    return one.starts_on <= other.ends_on and other.starts_on <= one.ends_on


async def _tell(tx: Transaction, actor: Actor, made: Sequence[Assignment]) -> None:
    """Record each by itself, so that what was given to a patient is found by her id; tell of all at once."""
    for one in made:
        await audit.record(
            tx,
            actor,
            "assignment.create",
            one.id,
            subject_id=one.patient_id,
            detail={"protocol_id": one.protocol_id, "version": one.version},
        )
    started = tuple(one.id for one in made if one.status == "active")
    if started:
        await tx.publish(AssignmentsStarted(started))
