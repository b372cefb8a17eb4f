"""
Give a protocol to many patients as one operation.

Who they are is settled when it is asked for, and kept with the operation; a job then takes them in batches. A batch,
its rows, its audit events and its progress are one transaction, so whatever dies, no patient is taken twice.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from uuid import UUID

import msgspec

from healthprotocol.care.assignments import repository
from healthprotocol.care.assignments.model import (
    AssignmentId,
    AssignmentsStarted,
    BulkAssignment,
    NewAssignment,
)
from healthprotocol.care.assignments.repository import NewRows
from healthprotocol.care.assignments.rules.enrolment import (
    MOST_NAMED,
    Cohort,
    added_up,
    assignment_of,
    check_first_day,
    sort_out,
)
from healthprotocol.care.assignments.rules.lifecycle import last_day
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import ProtocolId
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.crypto.fields import Padding
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid, Violation
from healthprotocol.foundation.ids import OperationId
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.batches import Batch
from healthprotocol.foundation.jobs.operations import Operation
from healthprotocol.trust.access import service as access
from healthprotocol.trust.accounts import service as accounts
from healthprotocol.trust.audit import service as audit
from healthprotocol.trust.permissions.model import Permission

BULK = "assignment.bulk"
BATCH_SIZE = 500
MOST_PATIENTS = 100_000

# What is only read goes through more at a time than what is written.
_READ_AT_ONCE = 5_000
_ID_BYTES = 16


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an operation does for each of its patients, as its input holds it. `role` is that of who asked for it.

    `token_id` is the token with which it was asked for, None when somebody signed in did.
    """

    protocol_id: ProtocolId
    version: int
    starts_on: date
    ends_on: date
    role: str
    token_id: UUID | None = None


async def submit_bulk(tx: Transaction, actor: Actor, wanted: BulkAssignment) -> Operation:
    """
    Begin to give a published version to many patients.

    Those who follow the protocol already or are archived are left out and counted. Raises what `protocols.assignable`
    raises, BadRequest for the filter, and Invalid with every fault: also when one of `patient_ids` is no patient
    within sight. Then nothing is begun.
    """
    plan, patient_ids = await _settled(tx, actor, wanted)
    plan = msgspec.structs.replace(plan, token_id=await accounts.asking_token(tx, actor))
    await _require_known(tx, wanted, patient_ids)
    operation_id = OperationId(tx.new_id())

    operation = await operations.submit(
        tx,
        BULK,
        created_by=actor.account_id,
        input=msgspec.to_builtins(plan),
        total=len(patient_ids),
        input_ct=await _sealed(tx, operation_id, patient_ids),
        operation_id=operation_id,
    )
    await _record(tx, actor, BULK, operation)
    return operation


async def preview_bulk(tx: Transaction, actor: Actor, wanted: BulkAssignment) -> Operation:
    """
    Return an operation that is over already, whose result counts what `submit_bulk` would do now; nobody is assigned.

    Raises what `submit_bulk` raises, but counts unknown ids instead.
    """
    plan, patient_ids = await _settled(tx, actor, wanted)
    result: dict[str, object] = {"dry_run": True}
    for ids in _parts(patient_ids, _READ_AT_ONCE):
        cohort = await _cohort(tx, plan, ids)
        counts = {"would_assign": len(cohort.assignable), **cohort.counts()}
        result = added_up(result, counts, unknown=cohort.unknown)

    total = len(patient_ids)
    created = await operations.create(
        tx, BULK, created_by=actor.account_id, input=msgspec.to_builtins(plan), total=total
    )
    counted = await operations.advance(tx, created, done=total, cursor=None, result=result)
    await _record(tx, actor, "assignment.preview_bulk", counted)
    return await operations.finish(tx, counted)


async def assign_batch(tx: Transaction, operation: Operation) -> Batch:
    """
    Give the protocol to the next BATCH_SIZE patients of a bulk assignment, as `run_in_batches` asks for it.

    Raises AskerGone and TokenGone when whoever asked may do it no more; whom earlier batches took stays assigned.
    """
    plan = msgspec.convert(operation.input, Plan)
    needs = (Permission.ASSIGNMENT_WRITE,)
    actor = await accounts.asker(tx, operation, role=plan.role, token_id=plan.token_id, needs=needs)
    begin = int(operation.cursor or "0")
    patient_ids = await _opened(tx, operation, begin=begin, end=begin + BATCH_SIZE)
    await repository.hold_plans(tx, plan.protocol_id, patient_ids)
    cohort = await _cohort(tx, plan, patient_ids)

    made = await _insert(tx, actor, operation, plan, cohort) if cohort.assignable else {}
    counts = {"assigned": len(made), **cohort.counts()}
    end = begin + len(patient_ids)
    return Batch(
        count=len(patient_ids),
        cursor=str(end) if end < operation.total else None,
        result=added_up(operation.result, counts, unknown=cohort.unknown),
    )


async def _settled(tx: Transaction, actor: Actor, wanted: BulkAssignment) -> tuple[Plan, list[UUID]]:
    """Return what to do and for whom, each patient once, in order of the ids."""
    version = await protocols.assignable(tx, wanted.protocol_id, wanted.version)
    faults = check_first_day(wanted.starts_on, at=tx.now)
    if (wanted.patient_ids is None) == (wanted.patient_filter is None):
        faults.append(Violation("/patient_ids", "contradiction", "Give either patient_ids or filter."))
    if faults:
        raise Invalid(violations=faults)
    plan = Plan(
        protocol_id=wanted.protocol_id,
        version=version.version,
        starts_on=wanted.starts_on,
        ends_on=last_day(wanted.starts_on, duration_days=version.content.duration_days),
        role=actor.role,
    )
    if wanted.patient_filter is not None:
        return plan, await _selected(tx, actor, wanted.patient_filter)
    return plan, sorted(set(wanted.patient_ids or ()))


async def _selected(tx: Transaction, actor: Actor, patient_filter: str) -> list[UUID]:
    sight = await access.sight(tx, actor)
    selected: list[UUID] = []
    after: UUID | None = None
    while len(selected) <= MOST_PATIENTS:
        found = await patients.ids_of_filter(tx, patient_filter, after=after, limit=_READ_AT_ONCE)
        selected += [patient_id for patient_id in found if sight.includes(patient_id)]
        if len(found) < _READ_AT_ONCE:
            return selected
        after = found[-1]
    raise Invalid(
        violations=[Violation("/filter", "too_many", f"It selects more than {MOST_PATIENTS:,} patients; narrow it.")]
    )


async def _require_known(tx: Transaction, wanted: BulkAssignment, patient_ids: Sequence[UUID]) -> None:
    """Raise Invalid, pointing at them, when some of the ids sent are no patients: half a list helps nobody."""
    if wanted.patient_ids is None:
        return
    known: set[UUID] = set()
    for ids in _parts(patient_ids, _READ_AT_ONCE):
        known.update(await patients.active_time_zones(tx, ids))
    unknown = [index for index, patient_id in enumerate(wanted.patient_ids) if patient_id not in known]
    if unknown:
        raise Invalid(
            public={"unknown": len(unknown)},
            violations=[
                Violation(f"/patient_ids/{index}", "unknown", "There is no such patient.")
                for index in unknown[:MOST_NAMED]
            ],
        )


async def _cohort(tx: Transaction, plan: Plan, patient_ids: Sequence[UUID]) -> Cohort:
    found = await patients.active_time_zones(tx, patient_ids)
    following = await repository.following(
        tx, plan.protocol_id, patient_ids, from_on=plan.starts_on, to_on=plan.ends_on
    )
    return sort_out(patient_ids, found, following)


async def _insert(
    tx: Transaction, actor: Actor, operation: Operation, plan: Plan, cohort: Cohort
) -> dict[UUID, AssignmentId]:
    """Insert the cohort's assignments with an audit event of each; return their ids by patient."""
    ids = [AssignmentId(tx.new_id()) for _ in cohort.assignable]
    patient_id, time_zone = next(iter(cohort.assignable.items()))
    first = assignment_of(
        actor,
        NewAssignment(protocol_id=plan.protocol_id, patient_id=PatientId(patient_id), starts_on=plan.starts_on),
        id=ids[0],
        version=plan.version,
        duration_days=(plan.ends_on - plan.starts_on).days + 1,
        time_zone=time_zone,
        at=tx.now,
    )
    made = await repository.insert_many(
        tx, NewRows(first=first, ids=ids, time_zones=cohort.assignable, operation_id=operation.id)
    )
    # One event a patient, not one a batch: "who gave her this" is then found by her id, as for a single assignment.
    for subject_id, assignment_id in made.items():
        await audit.record(
            tx,
            actor,
            "assignment.create",
            assignment_id,
            subject_id=subject_id,
            detail={"operation_id": operation.id, "protocol_id": plan.protocol_id, "version": plan.version},
        )
    await tx.publish(AssignmentsStarted(tuple(made.values())))
    return made


async def _record(tx: Transaction, actor: Actor, action: str, operation: Operation) -> None:
    await audit.record(
        tx,
        actor,
        action,
        operation.id,
        object_type="operation",
        detail={"input": operation.input, "patients": operation.total},
    )


async def _sealed(tx: Transaction, operation_id: OperationId, patient_ids: Iterable[UUID]) -> bytes:
    key = await tx.keys.organisation(tx)
    return key.encrypt(
        table="operation",
        column="input",
        row_id=operation_id,
        plaintext=b"".join(patient_id.bytes for patient_id in patient_ids),
        pad=Padding.TEXT,
    )


async def _opened(tx: Transaction, operation: Operation, *, begin: int, end: int) -> list[UUID]:
    """Return the operation's patients from `begin` up to `end`."""
    sealed = await operations.read_input_ct(tx, operation.id)
    if sealed is None:
        return []
    key = await tx.keys.organisation(tx)
    packed = key.decrypt(table="operation", column="input", row_id=operation.id, ciphertext=sealed)
    part = packed[begin * _ID_BYTES : end * _ID_BYTES]
    return [UUID(bytes=part[at : at + _ID_BYTES]) for at in range(0, len(part), _ID_BYTES)]


def _parts(ids: Sequence[UUID], size: int) -> Iterator[Sequence[UUID]]:
    for begin in range(0, len(ids), size):
        yield ids[begin : begin + size]
