"""Look at long work, and have it stop; have jobs that failed for good run again, or go."""

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.ids import OperationId
from healthprotocol.foundation.jobs import dead_letters, operations
from healthprotocol.foundation.jobs.dead_letters import DeadLetter, Revival
from healthprotocol.foundation.jobs.operations import Operation
from healthprotocol.operations.work import policy
from healthprotocol.trust.audit import service as audit


async def get(tx: Transaction, actor: Actor, operation_id: OperationId) -> Operation:
    """Return an operation as it is now. Raises OperationUnknown."""
    operation = await operations.get(tx, operation_id)
    policy.require_own(actor, operation)
    return operation


async def cancel(tx: Transaction, actor: Actor, operation_id: OperationId) -> Operation:
    """Have an operation end before its next batch; what is done stays, one that is over stays as it is."""
    operation = await operations.get(tx, operation_id)
    policy.require_own(actor, operation)
    asked = await operations.request_cancel(tx, operation_id)
    if asked.revision != operation.revision:
        await audit.record(tx, actor, "operation.cancel", operation.id, detail={"kind": operation.kind})
    return asked


async def revive(database: Database, letter: DeadLetter) -> Revival:
    """Let a job that failed for good run again. For the operator, who acts as nobody of the organisation."""
    async with database.transaction(letter.organisation_id) as tx:
        became = await dead_letters.revive(tx, letter.id)
        if became == "revived":
            await _record_dead(tx, "job.revive", letter)
        return became


async def bury(database: Database, letter: DeadLetter) -> bool:
    """Delete a job that failed for good; False when it is there no more. For the operator, as `revive`."""
    async with database.transaction(letter.organisation_id) as tx:
        is_gone = await dead_letters.bury(tx, letter.id)
        if is_gone:
            await _record_dead(tx, "job.bury", letter)
        return is_gone


async def _record_dead(tx: Transaction, action: str, letter: DeadLetter) -> None:
    # The installation has no log of its own.
    if letter.organisation_id is not None:
        await audit.record(tx, None, action, None, detail={"job": letter.id, "kind": letter.name})
