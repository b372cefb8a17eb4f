"""Find assignments and what their protocols say."""

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

from healthprotocol.care.assignments import repository
from healthprotocol.care.assignments.errors import AssignmentNotFound
from healthprotocol.care.assignments.model import Assignment, AssignmentId, Titled
from healthprotocol.care.assignments.rules.plan import Contents
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import ProtocolContent, ProtocolId
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.listing import Asked, Page
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import PreconditionFailed
from healthprotocol.trust.access import service as access
from healthprotocol.trust.audit import service as audit

LISTING = repository.ASSIGNMENTS
MOST_AT_ONCE = 1000


async def get(tx: Transaction, actor: Actor, assignment_id: AssignmentId) -> Assignment:
    """Return an assignment. Raises AssignmentNotFound."""
    assignment = await get_visible(tx, actor, assignment_id)

    await audit.record(tx, actor, "assignment.read", assignment.id, subject_id=assignment.patient_id)
    return assignment


async def page(tx: Transaction, actor: Actor, query: Asked) -> Page[Assignment]:
    """Return a page of the assignments of all patients within sight. Raises BadRequest."""
    sight = await access.sight(tx, actor)
    listing = await LISTING.ask(tx, query)
    found = await repository.page(tx, listing, only=sight.only)

    seen = dict.fromkeys(one.patient_id for one in found.items)
    await audit.record(tx, actor, "assignment.list", subject_ids=tuple(seen))
    return found


async def get_visible(
    tx: Transaction, actor: Actor, assignment_id: AssignmentId, *, for_update: bool = False
) -> Assignment:
    """
    Return an assignment of a patient within the actor's sight, held until the commit with `for_update`.

    Records nothing: the caller records what it does with it. Raises AssignmentNotFound.
    """
    assignment = await repository.get(tx, assignment_id, for_update=for_update)
    sight = await access.sight(tx, actor)
    if assignment is None or not sight.includes(assignment.patient_id):
        raise AssignmentNotFound
    return assignment


async def held(
    tx: Transaction, actor: Actor, assignment_id: AssignmentId, *, expected_revision: int | None
) -> Assignment:
    """Return an assignment to change. Raises AssignmentNotFound, PreconditionFailed when it is of another revision."""
    assignment = await get_visible(tx, actor, assignment_id, for_update=True)
    if expected_revision is not None and expected_revision != assignment.revision:
        raise PreconditionFailed
    return assignment


async def of_patient(tx: Transaction, patient_id: PatientId, *, from_on: date, to_on: date) -> list[Assignment]:
    """
    Return the patient's assignments that can have occurrences planned from `from_on` to `to_on`, local dates inclusive.

    Proposed and mistaken ones have none. Asks and records nothing: the caller has required sight of the patient.
    """
    return await repository.of_patient(tx, patient_id, from_on=from_on, to_on=to_on)


async def by_ids(tx: Transaction, assignment_ids: Sequence[UUID]) -> list[Assignment]:
    """
    Return those of at most 1,000 assignments that exist, in order of their ids.

    For jobs, and for services that have required sight of the patients: it asks and records nothing.
    """
    return await repository.of_ids(tx, assignment_ids[:MOST_AT_ONCE])


async def ids_after(
    tx: Transaction, *, after: AssignmentId | None = None, limit: int = 500, protocol_id: ProtocolId | None = None
) -> list[AssignmentId]:
    """Return up to `limit` ids of the organisation's (or one protocol's) assignments in order; `after` continues."""
    return await repository.ids_after(tx, after=after, limit=min(limit, MOST_AT_ONCE), protocol_id=protocol_id)


async def load_with_contents(tx: Transaction, assignments: Iterable[Assignment]) -> dict[ProtocolId, Contents]:
    """Return what every version says that the assignments follow or followed, by protocol and number, in one query."""
    wanted = {(one.protocol_id, segment.version) for one in assignments for segment in one.segments}
    found = await protocols.contents(tx, sorted(wanted))
    contents: dict[ProtocolId, dict[int, ProtocolContent]] = {}
    for (protocol_id, version), content in found.items():
        contents.setdefault(ProtocolId(protocol_id), {})[version] = content
    return dict(contents)


async def titled(tx: Transaction, assignments: Sequence[Assignment]) -> list[Titled]:
    """Return the assignments with their versions' titles: a patient may read the title, not the library."""
    found = await protocols.version_titles(tx, [(one.protocol_id, one.version) for one in assignments])
    return [Titled(one, found[one.protocol_id, one.version]) for one in assignments]
