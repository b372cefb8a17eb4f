"""The audit log over HTTP."""

from healthprotocol.api.gate import Gate
from healthprotocol.api.paging import ListQuery, Page
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.trust.audit import schemas, service
from healthprotocol.trust.permissions.model import Permission

declare = Declare("audit")


@declare.get(
    "/api/v1/audit",
    policy=Permission.AUDIT_READ,
    returns=Page[schemas.AuditEventOut],
    query=ListQuery,
    is_list=True,
    listing=service.LISTING,
    summary="List audit events, newest first",
)
async def list_audit_events(gate: Gate) -> Answer:
    query = gate.query(ListQuery)
    return await gate.read(lambda tx: service.list_events(tx, gate.actor, query), schemas.events, may_lag=True)


ROUTES = [list_audit_events]
