"""
Health for whoever watches from outside: no account, no detail.

`livez`: this process runs; restart it when it does not answer. `readyz`: it can do its work now; send it no requests
when not. `startupz`: it has begun to be ready.
"""

from typing import Any

import msgspec
from litestar import Request
from litestar.response import Response

from healthprotocol.api.routing import Answer, Declare
from healthprotocol.operations.health import schemas
from healthprotocol.operations.health.service import Readiness

declare = Declare("health")


@declare.get("/livez", policy=None, returns=schemas.HealthOut, summary="Tell whether the process runs")
async def livez() -> Answer:
    return _answer(is_well=True)


@declare.get("/readyz", policy=None, returns=schemas.HealthOut, summary="Tell whether requests can be answered now")
async def readyz(request: "Request[Any, Any, Any]") -> Answer:
    return _answer(is_well=await _is_ready(request))


@declare.get("/startupz", policy=None, returns=schemas.HealthOut, summary="Tell whether the start is over")
async def startupz(request: "Request[Any, Any, Any]") -> Answer:
    return _answer(is_well=await _is_ready(request))


async def _is_ready(request: "Request[Any, Any, Any]") -> bool:
    look: Readiness = request.app.state.readiness
    return (await look.look()).is_ready


def _answer(*, is_well: bool) -> Answer:
    body = msgspec.json.encode(schemas.summary(is_well=is_well))
    return Response(body, status_code=200 if is_well else 503, media_type="application/json")


ROUTES = [livez, readyz, startupz]
