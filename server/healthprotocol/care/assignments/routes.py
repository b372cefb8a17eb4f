"""Assignments over HTTP."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from healthprotocol.api.gate import Gate
from healthprotocol.api.items import bulk, expected_revision, one_by_one, write_items
from healthprotocol.api.operation import OperationOut, operation
from healthprotocol.api.paging import ListQuery, Page
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.care.assignments import schemas, service
from healthprotocol.care.assignments.model import Assignment, AssignmentId, Titled
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid, Violation
from healthprotocol.trust.permissions.model import Permission

T = TypeVar("T")

declare = Declare("assignments")
_ALL = "/api/v1/assignments"
_ONE = "/api/v1/assignments/{assignment_id:uuid}"


@declare.get(
    _ALL,
    policy=Permission.ASSIGNMENT_READ,
    returns=Page[schemas.AssignmentOut],
    query=ListQuery,
    is_list=True,
    listing=service.LISTING,
    summary="List assignments",
)
async def list_assignments(gate: Gate) -> Answer:
    query = gate.query(ListQuery)

    async def page(tx: Transaction) -> Page[Titled]:
        found = await service.page(tx, gate.actor, query)
        return found.of(await service.titled(tx, found.items))

    return await gate.read(page, schemas.page)


@declare.post(
    _ALL,
    policy=Permission.ASSIGNMENT_WRITE,
    returns=schemas.AssignmentOut,
    body=schemas.CreateAssignment,
    status=201,
    summary="Give a protocol to a patient",
)
async def create_assignment(gate: Gate) -> Answer:
    data = await gate.body(schemas.CreateAssignment)
    return await _write(gate, lambda tx: service.assign(tx, gate.actor, data.wanted()))


@declare.post(
    _ALL + "/bulk",
    policy=Permission.ASSIGNMENT_WRITE,
    returns=OperationOut,
    body=schemas.BulkAssign,
    status=202,
    summary="Give a protocol to many patients, or count beforehand to how many",
)
async def bulk_assign(gate: Gate) -> Answer:
    data = await gate.body(schemas.BulkAssign)
    act = service.preview_bulk if data.dry_run else service.submit_bulk
    return await gate.write(
        lambda tx: act(tx, gate.actor, data.wanted()),
        operation,
        headers=lambda begun: {"location": f"/api/v1/operations/{begun.id}"},
    )


@bulk(
    declare,
    _ALL + "/batch-create",
    policy=Permission.ASSIGNMENT_WRITE,
    item=schemas.CreateAssignment,
    returns=schemas.AssignmentOut,
    summary="Give up to 500 protocols to patients, each with its own first day and adjustments",
)
async def create_assignments(gate: Gate) -> Answer:
    async def one(tx: Transaction, item: schemas.CreateAssignment) -> Titled:
        return await _titled(tx, service.assign(tx, gate.actor, item.wanted()))

    async def hold(tx: Transaction, items: Sequence[schemas.CreateAssignment]) -> None:
        await service.hold_new(tx, [item.wanted() for item in items])

    work = one_by_one(one, hold=hold)
    return await write_items(gate, schemas.CreateAssignment, work, schemas.assignment, status=201)


async def _hold(tx: Transaction, items: Sequence[schemas.AssignmentAct | schemas.AssignmentMistake]) -> None:
    await service.hold(tx, [item.id for item in items])


@bulk(
    declare,
    _ALL + "/batch-update",
    policy=Permission.ASSIGNMENT_WRITE,
    item=schemas.AssignmentAct,
    returns=schemas.AssignmentOut,
    summary="Start, pause, resume, stop or complete up to 500 assignments",
)
async def update_assignments(gate: Gate) -> Answer:
    async def one(tx: Transaction, item: schemas.AssignmentAct) -> Titled:
        return await _titled(tx, _done(tx, gate.actor, item))

    return await write_items(gate, schemas.AssignmentAct, one_by_one(one, hold=_hold), schemas.assignment)


@bulk(
    declare,
    _ALL + "/batch-delete",
    policy=Permission.ASSIGNMENT_WRITE,
    item=schemas.AssignmentMistake,
    returns=schemas.AssignmentOut,
    summary="Say of up to 500 assignments that there should never have been them",
)
async def delete_assignments(gate: Gate) -> Answer:
    async def one(tx: Transaction, item: schemas.AssignmentMistake) -> Titled:
        act = service.mark_entered_in_error(
            tx,
            gate.actor,
            AssignmentId(item.id),
            reason=item.reason,
            expected_revision=expected_revision(item.revision, item.etag),
        )
        return await _titled(tx, act)

    return await write_items(gate, schemas.AssignmentMistake, one_by_one(one, hold=_hold), schemas.assignment)


@declare.get(_ONE, policy=Permission.ASSIGNMENT_READ, returns=schemas.AssignmentOut, summary="Read an assignment")
async def read_assignment(gate: Gate, assignment_id: UUID) -> Answer:
    return await gate.read(
        lambda tx: _titled(tx, service.get(tx, gate.actor, AssignmentId(assignment_id))), schemas.assignment
    )


@declare.patch(
    _ONE,
    policy=Permission.ASSIGNMENT_WRITE,
    returns=schemas.AssignmentOut,
    body=schemas.UpdateAssignment,
    summary="Adjust the plan for the patient",
)
async def adjust_assignment(gate: Gate, assignment_id: UUID) -> Answer:
    revision = gate.expected_revision()
    data = await gate.body(schemas.UpdateAssignment)
    return await _write(
        gate,
        lambda tx: service.adjust(
            tx,
            gate.actor,
            AssignmentId(assignment_id),
            adjustments=data.adjustments,
            from_on=data.from_on,
            expected_revision=revision,
        ),
    )


@declare.post(
    _ONE + "/start",
    policy=Permission.ASSIGNMENT_WRITE,
    returns=schemas.AssignmentOut,
    summary="Start a proposed assignment",
)
async def start_assignment(gate: Gate, assignment_id: UUID) -> Answer:
    return await _act(gate, assignment_id, service.start)


@declare.post(
    _ONE + "/pause",
    policy=Permission.ASSIGNMENT_WRITE,
    returns=schemas.AssignmentOut,
    body=schemas.PauseAssignment,
    summary="Pause an assignment",
)
async def pause_assignment(gate: Gate, assignment_id: UUID) -> Answer:
    data = await _body(gate, schemas.PauseAssignment)
    return await _act(gate, assignment_id, service.pause, reason=data.reason)


@declare.post(
    _ONE + "/resume",
    policy=Permission.ASSIGNMENT_WRITE,
    returns=schemas.AssignmentOut,
    body=schemas.ResumeAssignment,
    summary="Resume a paused assignment",
)
async def resume_assignment(gate: Gate, assignment_id: UUID) -> Answer:
    data = await _body(gate, schemas.ResumeAssignment)
    return await _act(gate, assignment_id, service.resume, shift=data.shift)


@declare.post(
    _ONE + "/stop",
    policy=Permission.ASSIGNMENT_WRITE,
    returns=schemas.AssignmentOut,
    body=schemas.StopAssignment,
    summary="Stop an assignment before its time",
)
async def stop_assignment(gate: Gate, assignment_id: UUID) -> Answer:
    data = await gate.body(schemas.StopAssignment)
    return await _act(gate, assignment_id, service.stop, reason=data.reason)


@declare.post(
    _ONE + "/complete",
    policy=Permission.ASSIGNMENT_WRITE,
    returns=schemas.AssignmentOut,
    summary="End an assignment as done",
)
async def complete_assignment(gate: Gate, assignment_id: UUID) -> Answer:
    return await _act(gate, assignment_id, service.complete)


@declare.post(
    _ONE + "/entered-in-error",
    policy=Permission.ASSIGNMENT_WRITE,
    returns=schemas.AssignmentOut,
    body=schemas.MarkEnteredInError,
    summary="Say that there should never have been this assignment",
)
async def mark_assignment_entered_in_error(gate: Gate, assignment_id: UUID) -> Answer:
    data = await _body(gate, schemas.MarkEnteredInError)
    return await _act(gate, assignment_id, service.mark_entered_in_error, reason=data.reason)


@declare.post(
    _ONE + "/move",
    policy=Permission.ASSIGNMENT_WRITE,
    returns=schemas.MovedAssignment,
    body=schemas.MoveAssignment,
    summary="Move an assignment to another version, or see what that would do",
)
async def move_assignment(gate: Gate, assignment_id: UUID) -> Answer:
    revision = gate.expected_revision(required=False)
    data = await gate.body(schemas.MoveAssignment)
    act = service.preview_move if data.dry_run else service.move

    async def moved(tx: Transaction) -> Titled:
        done = await act(tx, gate.actor, AssignmentId(assignment_id), data.wanted(), expected_revision=revision)
        [shown] = await service.titled(tx, [done.assignment])
        return msgspec.structs.replace(shown, preview=done.preview)

    return await gate.write(moved, schemas.moved)


async def _done(tx: Transaction, actor: Actor, item: schemas.AssignmentAct) -> Assignment:
    """Do one of the acts of a bulk update. Raises Invalid for a stop without a reason, and what the act raises."""
    assignment_id, revision = AssignmentId(item.id), expected_revision(item.revision, item.etag)
    match item.action:
        case "start":
            return await service.start(tx, actor, assignment_id, expected_revision=revision)
        case "pause":
            return await service.pause(tx, actor, assignment_id, reason=item.reason, expected_revision=revision)
        case "resume":
            return await service.resume(tx, actor, assignment_id, shift=item.shift, expected_revision=revision)
        case "complete":
            return await service.complete(tx, actor, assignment_id, expected_revision=revision)
        case "stop":
            if item.reason is None:
                raise Invalid(violations=[Violation("/reason", "required", "Say why it ends before its time.")])
            return await service.stop(tx, actor, assignment_id, reason=item.reason, expected_revision=revision)


async def _act(gate: Gate, assignment_id: UUID, act: Callable[..., Awaitable[Assignment]], **how: Any) -> Answer:
    """Do one of the acts on an assignment; If-Match is honoured where it is sent."""
    revision = gate.expected_revision(required=False)
    return await _write(
        gate, lambda tx: act(tx, gate.actor, AssignmentId(assignment_id), expected_revision=revision, **how)
    )


async def _write(gate: Gate, act: Callable[[Transaction], Awaitable[Assignment]]) -> Answer:
    return await gate.write(lambda tx: _titled(tx, act(tx)), schemas.assignment)


async def _titled(tx: Transaction, act: Awaitable[Assignment]) -> Titled:
    [shown] = await service.titled(tx, [await act])
    return shown


async def _body(gate: Gate, kind: type[T]) -> T:
    """Return the body where one was sent: an act whose every field may be absent needs none."""
    return await gate.body(kind) if await gate.request.body() else kind()


ROUTES = [
    list_assignments,
    create_assignment,
    bulk_assign,
    create_assignments,
    update_assignments,
    delete_assignments,
    read_assignment,
    adjust_assignment,
    start_assignment,
    pause_assignment,
    resume_assignment,
    stop_assignment,
    complete_assignment,
    mark_assignment_entered_in_error,
    move_assignment,
]
