"""Move a running assignment to another version, or see beforehand what that would do."""

from datetime import date

from msgspec import structs

from healthprotocol.care.assignments.model import Assignment, AssignmentId, Move, Moved, MovePreview
from healthprotocol.care.assignments.rules import change
from healthprotocol.care.assignments.rules.adjustments import check_adjustments
from healthprotocol.care.assignments.rules.enrolment import fitting
from healthprotocol.care.assignments.rules.plan import segment_on
from healthprotocol.care.assignments.service.change import keep
from healthprotocol.care.assignments.service.read import get_visible, held, load_with_contents
from healthprotocol.care.protocols import service as protocols
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid, PreconditionFailed
from healthprotocol.trust.audit import service as audit


async def move(
    tx: Transaction, actor: Actor, assignment_id: AssignmentId, to: Move, *, expected_revision: int | None = None
) -> Moved:
    """
    Let an assignment follow another version from a local date on; what was before keeps its plan.

    Raises AssignmentNotFound, PreconditionFailed, AssignmentClosed, PastCannotChange, AlreadyOnVersion,
    NothingLeftToPlan, what `protocols.assignable` raises, Invalid when adjustments do not fit the version.
    """
    before = await held(tx, actor, assignment_id, expected_revision=expected_revision)
    after, from_on = await _moved(tx, before, to)
    preview = await _preview(tx, before, after, from_on)

    saved = await keep(tx, actor, "assignment.move", after, from_on=from_on)
    return Moved(saved, preview)


async def preview_move(
    tx: Transaction, actor: Actor, assignment_id: AssignmentId, to: Move, *, expected_revision: int | None = None
) -> Moved:
    """Return the assignment as it is and what the move would do; change nothing. Raises what `move` does."""
    before = await get_visible(tx, actor, assignment_id)
    if expected_revision is not None and expected_revision != before.revision:
        raise PreconditionFailed
    after, from_on = await _moved(tx, before, to)

    await audit.record(tx, actor, "assignment.preview_move", before.id, subject_id=before.patient_id)
    return Moved(before, await _preview(tx, before, after, from_on))


async def _moved(tx: Transaction, before: Assignment, to: Move) -> tuple[Assignment, date]:
    version = await protocols.assignable(tx, before.protocol_id, to.to_version)
    from_on = to.from_on or change.first_changeable_day(before, tx.now)
    adjustments = to.adjustments
    if adjustments is None:
        adjustments = fitting(segment_on(before, from_on).adjustments, version.content)
    after = change.move(
        before,
        structs.replace(to, from_on=from_on, adjustments=adjustments),
        duration_days=version.content.duration_days,
        at=tx.now,
    )
    # Those that the patient has may not fit any more: then the caller must say which she shall have.
    faults = check_adjustments(adjustments, version.content, pointer="/adjustments")
    if faults:
        raise Invalid(violations=faults)
    return after, from_on


async def _preview(tx: Transaction, before: Assignment, after: Assignment, from_on: date) -> MovePreview:
    contents = (await load_with_contents(tx, [before, after]))[before.protocol_id]
    return change.preview_move(before, after, contents, from_on=from_on)
