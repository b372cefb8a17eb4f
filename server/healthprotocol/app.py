"""The web door: middleware in order with a reason each, routers, and what errors become. Nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.response import Response

from healthprotocol.api.gate import open_gate
from healthprotocol.api.problem import InternalError, from_status, problem_response
from healthprotocol.assembly import Assembly, assemble, route_handlers, wrap
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.errors import Problem
from healthprotocol.foundation.telemetry.logs import log_exception, log_problem


def create_app(settings: Settings | None = None, *, assembly: Assembly | None = None) -> Any:
    """Return the ASGI application. Granian calls it as a factory; tests give their own assembly."""
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        parts = assembly or await assemble(settings)
        app.state.update({"database": parts.database, "doorkeeper": parts.doorkeeper, "parts": parts})
        try:
            yield
        finally:
            if assembly is None:
                await parts.close()

    app = Litestar(
        route_handlers=route_handlers(),
        dependencies={"gate": Provide(open_gate)},
        exception_handlers={Problem: _on_problem, HTTPException: _on_http, Exception: _on_exception},
        lifespan=[lifespan],
        state=State({"settings": settings}),
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    return wrap(app, settings)


def _respond(request: "Request[Any, Any, Any]", problem: Problem) -> Response[bytes]:
    request_id = request.scope.get("state", {}).get("request_id", "none")
    status, headers, body = problem_response(problem, request_id)
    return Response(body, status_code=status, headers=headers, media_type="application/problem+json")


def _on_problem(request: "Request[Any, Any, Any]", problem: Problem) -> Response[bytes]:
    log_problem(problem, request_id=request.scope.get("state", {}).get("request_id", "none"))
    return _respond(request, problem)


def _on_http(request: "Request[Any, Any, Any]", error: HTTPException) -> Response[bytes]:
    response = _respond(request, from_status(error.status_code, error.headers))
    if allow := (error.headers or {}).get("Allow") or (error.headers or {}).get("allow"):
        response.headers["allow"] = allow
    return response


def _on_exception(request: "Request[Any, Any, Any]", error: Exception) -> Response[bytes]:
    log_exception(error, request_id=request.scope.get("state", {}).get("request_id", "none"))
    return _respond(request, InternalError())
