"""Look at long work, and have it stop."""

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.ids import OperationId
from healthprotocol.foundation.jobs import operations
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
