"""Documents over HTTP."""

import re
from uuid import UUID

from healthprotocol.api.gate import Gate
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.care.protocols.model import ProtocolId
from healthprotocol.care.reports import schemas, service
from healthprotocol.care.reports.model import Printed
from healthprotocol.trust.permissions.model import Permission

declare = Declare("reports")
_MEDIA_TYPE = "application/pdf"


@declare.get(
    "/api/v1/protocols/{protocol_id:uuid}/pdf",
    policy=Permission.PROTOCOL_READ,
    returns=None,
    query=schemas.PrintQuery,
    media_type=_MEDIA_TYPE,
    summary="Print a version as tagged PDF",
)
async def print_protocol(gate: Gate, protocol_id: UUID) -> Answer:
    query = gate.query(schemas.PrintQuery)
    return await gate.read(
        lambda tx: service.print_protocol(tx, ProtocolId(protocol_id), version=query.version),
        lambda printed: printed.body,
        headers=_headers,
        may_lag=True,
    )


def _headers(printed: Printed) -> dict[str, str]:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", printed.name)[-100:].lstrip(".-")
    return {"content-type": _MEDIA_TYPE, "content-disposition": f'attachment; filename="{name}"'}


ROUTES = [print_protocol]
