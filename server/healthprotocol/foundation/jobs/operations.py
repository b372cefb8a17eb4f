"""
Long work as a row: what was asked for, how far it is, how it ended. The row is the truth, the job only drives it.

Progress is written in the transaction of the work it counts. So after a crash the row says exactly what was done.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from healthprotocol.foundation.db.announcements import announce
from healthprotocol.foundation.errors import NotFound
from healthprotocol.foundation.ids import AccountId, OperationId, first_id
from healthprotocol.foundation.jobs.queue import enqueue

if TYPE_CHECKING:
    from healthprotocol.foundation.db.transaction import Record, Transaction

OPERATION = "operation_id"
UPDATED = "operation.updated"
QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED = "queued", "running", "succeeded", "failed", "cancelled"
OVER = frozenset({SUCCEEDED, FAILED, CANCELLED})

_COLUMNS = """
    id, kind, status, done, total, input, cursor, result, problem, cancel_requested, created_by, created_at,
    updated_at, revision
"""
_SELECT = f"select {_COLUMNS} from operation where organisation_id = $1 and id = $2"  # noqa: S608 - a constant


class OperationUnknown(NotFound):
    """
    There is no such operation, or it is not yours to see.

    Remedy: check the id; operations are listed to whoever began them.
    """


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """
    One piece of long work. `total` 0 means not counted yet; `cursor` is where the next batch begins, None at the start.

    `input`, `result` and `problem` hold ids, counts and codes only. What names people is ciphertext: `read_input_ct`.
    """

    id: OperationId
    kind: str
    status: str
    done: int
    total: int
    input: dict[str, Any]
    cursor: str | None
    result: dict[str, Any] | None
    problem: dict[str, Any] | None
    cancel_requested: bool
    created_by: AccountId
    created_at: datetime
    updated_at: datetime
    revision: int

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in OVER


async def submit(
    tx: "Transaction",
    kind: str,
    *,
    created_by: AccountId,
    input: Mapping[str, Any],  # noqa: A002 - the column's name
    total: int = 0,
    input_ct: bytes | None = None,
    operation_id: OperationId | None = None,
) -> Operation:
    """
    Create an operation and the job named `kind` that will drive it, both with the commit of this transaction.

    Give `operation_id` when `input_ct` is bound to it.
    """
    operation = await create(
        tx, kind, created_by=created_by, input=input, total=total, input_ct=input_ct, operation_id=operation_id
    )
    await enqueue(tx, kind, {OPERATION: str(operation.id)}, dedupe_key=str(operation.id))
    return operation


async def create(
    tx: "Transaction",
    kind: str,
    *,
    created_by: AccountId,
    input: Mapping[str, Any],  # noqa: A002 - the column's name
    total: int = 0,
    input_ct: bytes | None = None,
    operation_id: OperationId | None = None,
) -> Operation:
    """Create a queued operation; whoever calls this drives it."""
    row = await tx.fetchrow(
        f"""
        insert into operation (
          organisation_id, id, kind, status, total, input, input_ct, created_by, created_at, updated_at
        )
        values ($1, $2, $3, 'queued', $4, $5, $6, $7, $8, $8)
        returning {_COLUMNS}
        """,  # noqa: S608 - made of constants of this module
        tx.tenant,
        operation_id or tx.new_id(),
        kind,
        total,
        dict(input),
        input_ct,
        created_by,
        tx.now,
    )
    assert row is not None
    return _operation(row)


async def get(tx: "Transaction", operation_id: OperationId) -> Operation:
    """Return an operation of the tenant. Raises OperationUnknown."""
    row = await tx.fetchrow(_SELECT, tx.tenant, operation_id)
    if row is None:
        raise OperationUnknown
    return _operation(row)


async def get_for_update(tx: "Transaction", operation_id: OperationId) -> Operation:
    """Return an operation, held until the commit: two workers never do the same batch. Raises OperationUnknown."""
    row = await tx.fetchrow(f"{_SELECT} for update", tx.tenant, operation_id)
    if row is None:
        raise OperationUnknown
    return _operation(row)


async def read_input_ct(tx: "Transaction", operation_id: OperationId) -> bytes | None:
    """Return the encrypted input, None when there is none; it may be megabytes, so it is no part of Operation."""
    return await tx.fetchval(
        "select input_ct from operation where organisation_id = $1 and id = $2", tx.tenant, operation_id
    )


async def is_under_way(tx: "Transaction", kind: str, *, made_after: datetime, moved_after: datetime) -> bool:
    """Return whether an operation of this kind runs that is no older, and has got on since: one whose worker lives."""
    return await tx.fetchval(
        """
        select exists (
          select from operation
          where organisation_id = $1 and id >= $2 and kind = $3 and status = 'running' and updated_at >= $4
        )
        """,
        tx.tenant,
        first_id(made_after),
        kind,
        moved_after,
    )


async def start(tx: "Transaction", operation: Operation) -> Operation:
    """Mark an operation as running; one that runs or is over stays as it is."""
    if operation.status != QUEUED:
        return operation
    return await _update(tx, operation, "status = 'running'")


async def advance(
    tx: "Transaction",
    operation: Operation,
    *,
    done: int,
    cursor: str | None,
    total: int | None = None,
    result: Mapping[str, Any] | None = None,
) -> Operation:
    """
    Write how far the work is, in the transaction of the work itself. `done` is the new sum, not the step.

    `result` replaces the result so far, None keeps it; `total` likewise.
    """
    return await _update(
        tx,
        operation,
        "status = 'running', done = $4, cursor = $5, total = coalesce($6, total), result = coalesce($7, result)",
        done,
        cursor,
        total,
        None if result is None else dict(result),
    )


async def finish(tx: "Transaction", operation: Operation, *, result: Mapping[str, Any] | None = None) -> Operation:
    """End an operation well. `result` None keeps what the batches wrote; the encrypted input is dropped."""
    return await _update(
        tx,
        operation,
        "status = 'succeeded', total = greatest(total, done), result = coalesce($4, result), input_ct = null",
        None if result is None else dict(result),
    )


async def fail(tx: "Transaction", operation: Operation, problem: Mapping[str, Any]) -> Operation:
    """End an operation badly. `problem` is what the caller sees: no values in it. What was committed stays."""
    return await _update(tx, operation, "status = 'failed', problem = $4, input_ct = null", dict(problem))


async def cancel(tx: "Transaction", operation: Operation) -> Operation:
    """End an operation at the caller's wish; the batches done so far stay done."""
    return await _update(tx, operation, "status = 'cancelled', input_ct = null")


async def request_cancel(tx: "Transaction", operation_id: OperationId) -> Operation:
    """Have an operation end before its next batch; one that has not begun ends at once. Raises OperationUnknown."""
    operation = await get_for_update(tx, operation_id)
    if operation.is_over or operation.cancel_requested:
        return operation
    if operation.status == QUEUED:
        return await cancel(tx, operation)
    return await _update(tx, operation, "cancel_requested = true")


async def _update(tx: "Transaction", operation: Operation, assignments: str, *args: object) -> Operation:
    """Change an unfinished row; `assignments` is a constant of this module, its values begin at $4."""
    row = await tx.fetchrow(
        f"""
        update operation
        set {assignments}, updated_at = $3, revision = revision + 1
        where organisation_id = $1 and id = $2 and status in ('queued', 'running')
        returning {_COLUMNS}
        """,  # noqa: S608 - made of constants of this module
        tx.tenant,
        operation.id,
        tx.now,
        *args,
    )
    if row is None:
        return operation
    await announce(tx, UPDATED, operation.id, account_id=operation.created_by)
    return _operation(row)


def _operation(row: "Record") -> Operation:
    return msgspec.convert(dict(row), Operation)
