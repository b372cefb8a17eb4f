"""Long work over HTTP."""

from uuid import UUID

from healthprotocol.api.gate import Gate
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.foundation.ids import OperationId
from healthprotocol.operations.work import schemas, service
from healthprotocol.trust.permissions.model import Permission

declare = Declare("operations")


@declare.get(
    "/api/v1/operations/{operation_id:uuid}",
    policy=Permission.OPERATION_READ,
    returns=schemas.OperationOut,
    summary="Read how far long work is, and its result",
)
async def read_operation(gate: Gate, operation_id: UUID) -> Answer:
    return await gate.read(lambda tx: service.get(tx, gate.actor, OperationId(operation_id)), schemas.operation)


@declare.post(
    "/api/v1/operations/{operation_id:uuid}/cancel",
    policy=Permission.OPERATION_WRITE,
    returns=schemas.OperationOut,
    summary="Have long work stop before its next batch",
)
async def cancel_operation(gate: Gate, operation_id: UUID) -> Answer:
    return await gate.write(lambda tx: service.cancel(tx, gate.actor, OperationId(operation_id)), schemas.operation)


ROUTES = [read_operation, cancel_operation]
