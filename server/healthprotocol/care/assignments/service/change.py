"""What happens to an assignment: it is started, paused, resumed, adjusted, and ends."""

from datetime import date

from healthprotocol.care.assignments import repository
from healthprotocol.care.assignments.model import (
    Adjustments,
    Assignment,
    AssignmentChanged,
    AssignmentId,
    AssignmentStarted,
)
from healthprotocol.care.assignments.rules import change, lifecycle
from healthprotocol.care.assignments.rules.adjustments import check_adjustments
from healthprotocol.care.assignments.rules.plan import segment_on
from healthprotocol.care.assignments.service.read import held, load_with_contents
from healthprotocol.care.protocols.rules.local_time import calendar_of
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid
from healthprotocol.trust.audit import service as audit


async def start(
    tx: Transaction, actor: Actor, assignment_id: AssignmentId, *, expected_revision: int | None = None
) -> Assignment:
    """Let a proposed assignment count. Raises AssignmentNotFound, AssignmentAlreadyStarted, AssignmentClosed."""
    proposed = await held(tx, actor, assignment_id, expected_revision=expected_revision)

    started = await repository.save(tx, lifecycle.start(proposed))
    await audit.record(tx, actor, "assignment.start", started.id, subject_id=started.patient_id)
    await tx.publish(AssignmentStarted(started.id, started.patient_id))
    return started


async def pause(
    tx: Transaction,
    actor: Actor,
    assignment_id: AssignmentId,
    *,
    reason: str | None = None,
    expected_revision: int | None = None,
) -> Assignment:
    """
    Ask nothing more of the patient until the assignment is resumed.

    Raises AssignmentNotFound, AssignmentAlreadyPaused, AssignmentNotStarted, AssignmentClosed, PreconditionFailed.
    """
    active = await held(tx, actor, assignment_id, expected_revision=expected_revision)
    return await keep(tx, actor, "assignment.pause", lifecycle.pause(active, at=tx.now, reason=reason))


async def resume(
    tx: Transaction,
    actor: Actor,
    assignment_id: AssignmentId,
    *,
    shift: bool = False,
    expected_revision: int | None = None,
) -> Assignment:
    """
    Let a paused assignment go on; with `shift` the rest of the plan moves by the whole days paused.

    Raises AssignmentNotFound, AssignmentNotPaused, AssignmentClosed, PreconditionFailed.
    """
    paused = await held(tx, actor, assignment_id, expected_revision=expected_revision)
    return await keep(tx, actor, "assignment.resume", lifecycle.resume(paused, at=tx.now, shift=shift))


async def stop(
    tx: Transaction,
    actor: Actor,
    assignment_id: AssignmentId,
    *,
    reason: str,
    expected_revision: int | None = None,
) -> Assignment:
    """
    End an assignment before its time.

    Raises AssignmentNotFound, AssignmentNotStarted, AssignmentClosed, PreconditionFailed.
    """
    started = await held(tx, actor, assignment_id, expected_revision=expected_revision)
    return await keep(tx, actor, "assignment.stop", lifecycle.stop(started, at=tx.now, reason=reason))


async def complete(
    tx: Transaction, actor: Actor, assignment_id: AssignmentId, *, expected_revision: int | None = None
) -> Assignment:
    """
    End an assignment as done.

    Raises AssignmentNotFound, AssignmentNotStarted, AssignmentClosed, PreconditionFailed.
    """
    started = await held(tx, actor, assignment_id, expected_revision=expected_revision)
    return await keep(tx, actor, "assignment.complete", lifecycle.complete(started, at=tx.now))


async def mark_entered_in_error(
    tx: Transaction,
    actor: Actor,
    assignment_id: AssignmentId,
    *,
    reason: str | None = None,
    expected_revision: int | None = None,
) -> Assignment:
    """Say that there should never have been this assignment. Raises AssignmentNotFound, AssignmentClosed."""
    assignment = await held(tx, actor, assignment_id, expected_revision=expected_revision)
    mistaken = lifecycle.mark_entered_in_error(assignment, reason=reason)
    return await keep(tx, actor, "assignment.enter_in_error", mistaken, from_on=assignment.starts_on)


async def adjust(
    tx: Transaction,
    actor: Actor,
    assignment_id: AssignmentId,
    *,
    adjustments: Adjustments,
    from_on: date | None = None,
    expected_revision: int | None,
) -> Assignment:
    """
    Put other adjustments in place of those there were, from the local date `from_on` on (None: from now on).

    Raises AssignmentNotFound, PreconditionFailed, AssignmentClosed, PastCannotChange, Invalid with every fault.
    """
    assignment = await held(tx, actor, assignment_id, expected_revision=expected_revision)
    first_on = from_on or change.first_changeable_day(assignment, tx.now)
    adjusted = change.adjust(assignment, adjustments, from_on=first_on, at=tx.now)
    await _require_fit(tx, adjusted, adjustments, from_on=first_on)

    return await keep(tx, actor, "assignment.adjust", adjusted, from_on=first_on)


async def keep(
    tx: Transaction, actor: Actor, action: str, changed: Assignment, *, from_on: date | None = None
) -> Assignment:
    """Save, record and tell of a change from the local date `from_on` on, None for the patient's present day."""
    saved = await repository.save(tx, changed)
    await audit.record(tx, actor, action, saved.id, subject_id=saved.patient_id, detail={"revision": saved.revision})
    await tx.publish(AssignmentChanged(saved.id, saved.patient_id, from_on or _today(tx, saved)))
    return saved


def _today(tx: Transaction, assignment: Assignment) -> date:
    return calendar_of(assignment.time_zone).local_date(tx.now)


async def _require_fit(tx: Transaction, assignment: Assignment, adjustments: Adjustments, *, from_on: date) -> None:
    """Raise Invalid unless the adjustments fit every version that is in force from that day on."""
    contents = (await load_with_contents(tx, [assignment]))[assignment.protocol_id]
    ahead = [segment_on(assignment, from_on), *(one for one in assignment.segments if one.from_on > from_on)]
    faults = dict.fromkeys(
        fault
        for version in dict.fromkeys(segment.version for segment in ahead)
        for fault in check_adjustments(adjustments, contents[version], pointer="/adjustments")
    )
    if faults:
        raise Invalid(violations=list(faults))
