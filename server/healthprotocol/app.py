"""The web door: middleware in order with a reason each, routers, and what errors become. Nothing else."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response
from litestar.types import ASGIApp

from healthprotocol import __version__
from healthprotocol.api import batch
from healthprotocol.api.docs import POLICY, docs_page
from healthprotocol.api.gate import open_gate
from healthprotocol.api.middleware.access_log import AccessLogMiddleware
from healthprotocol.api.middleware.body_limit import MEBIBYTE, USUAL_LIMIT, BodyLimitMiddleware
from healthprotocol.api.middleware.compression import CompressionMiddleware
from healthprotocol.api.middleware.exposures import ExposuresMiddleware
from healthprotocol.api.middleware.request_id import RequestIdMiddleware
from healthprotocol.api.middleware.security_headers import SecurityHeadersMiddleware
from healthprotocol.api.middleware.trusted_proxy import TrustedProxyMiddleware
from healthprotocol.api.openapi import openapi_document
from healthprotocol.api.problem import InternalError, from_status, problem_response
from healthprotocol.api.routing import options_routes
from healthprotocol.api.web import WebApp
from healthprotocol.assembly import ROUTES, Assembly, assemble, web_folder
from healthprotocol.care.protocols.rules import units
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.errors import Problem
from healthprotocol.foundation.memory import collect_rarely
from healthprotocol.foundation.telemetry.logs import configure_logging, log_exception, log_problem

# Values of some tens of requests; a look at no more of them takes a millisecond.
_YOUNG = 10_000


def create_app(settings: Settings | None = None, *, assembly: Assembly | None = None) -> ASGIApp:
    """Return the ASGI application. The server calls it as a factory; tests give their own assembly."""
    settings = settings or Settings()
    configure_logging(settings.environment, level=settings.log_level)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        parts = assembly or await assemble(settings)
        if assembly is None:
            await parts.start()
        app.state.update({"database": parts.database, "doorkeeper": parts.doorkeeper, "readiness": parts.readiness})
        # The table of units takes most of a second to build; the first patient who measures should not wait for it.
        warming = asyncio.create_task(_warm(is_process=assembly is None))
        # Streams last as long as their clients; the server says by this signal that they must end now.
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, parts.database.feed.let_go)
        try:
            yield
        finally:
            await warming
            if assembly is None:
                await parts.close()

    routes = [*ROUTES, *_document_routes()]
    app = Litestar(
        route_handlers=[*options_routes(routes), *routes],
        dependencies={"gate": Provide(open_gate)},
        exception_handlers={Problem: _on_problem, HTTPException: _on_http, Exception: _on_exception},
        lifespan=[lifespan],
        state=State({"settings": settings}),
        openapi_config=None,
        logging_config=None,
        debug=False,
        # The limit of our own middleware stands before this one and answers with a problem.
        request_max_body_size=None,
    )
    return _wrap(app, settings)


async def _warm(*, is_process: bool) -> None:
    await asyncio.to_thread(units.are_convertible, "Cel", "[degF]")
    if is_process:
        # From here on the process serves: what it has built by now stays to its end.
        collect_rarely(young=_YOUNG)


def _wrap(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Put the middleware around the application; the last one here is the first that a request meets."""
    # Nothing is parsed that is too large, too deep or not UTF-8.
    # Protocols come in the body itself; the imports below that address only name an upload.
    larger = {"/api/v1/imports": 12 * MEBIBYTE, "/api/v1/imports/": USUAL_LIMIT, batch.PATH: 4 * MEBIBYTE}
    # What is sent as a stream is bounded, and refused when it is unreadable, by its own route.
    streamed = [(endpoint.method, endpoint.path) for endpoint in endpoints() if endpoint.streams]
    app = BodyLimitMiddleware(app, larger=larger, streamed=streamed)
    # Smaller answers to who accepts them; files of the web app are compressed already and stand outside.
    app = CompressionMiddleware(app)
    app = WebApp(app, web_folder(settings))
    # Every answer, also of the files and of refusals above.
    app = SecurityHeadersMiddleware(app, is_https_only=settings.is_production)
    # For the guards of rollouts: all that is ours lies inside, files of the web app too, which cost nothing here.
    app = ExposuresMiddleware(app)
    # Measures and writes what all of the inner ones did.
    app = AccessLogMiddleware(app)
    # Whoever counts, limits or records by address means the client's and not the proxy's.
    app = TrustedProxyMiddleware(app, settings.trusted_proxies)
    # First of all: whatever happens after carries the id.
    return RequestIdMiddleware(app)


def endpoints() -> list[Any]:
    """Return what each route of the application declares of itself."""
    return [handler.opt["endpoint"] for handler in ROUTES]


def _document_routes() -> list[HTTPRouteHandler]:
    document = openapi_document(endpoints(), version=__version__)
    encoded, page = msgspec.json.encode(document), docs_page(document)

    async def openapi() -> Response[bytes]:
        return Response(encoded, media_type="application/json", headers={"cache-control": "no-cache"})

    async def docs() -> Response[bytes]:
        headers = {"cache-control": "no-cache", "content-security-policy": POLICY}
        return Response(page, media_type="text/html", headers=headers)

    return [
        HTTPRouteHandler("/openapi.json", http_method=["GET", "HEAD"])(openapi),
        HTTPRouteHandler("/docs", http_method=["GET", "HEAD"])(docs),
    ]


def _request_id(request: "Request[Any, Any, Any]") -> str:
    return str(request.scope.get("state", {}).get("request_id", "none"))


def _respond(request: "Request[Any, Any, Any]", problem: Problem, **more: str) -> Response[bytes]:
    status, headers, body = problem_response(problem, _request_id(request))
    return Response(body, status_code=status, headers={**headers, **more}, media_type="application/problem+json")


def _on_problem(request: "Request[Any, Any, Any]", problem: Problem) -> Response[bytes]:
    log_problem(problem, request_id=_request_id(request))
    return _respond(request, problem)


def _on_http(request: "Request[Any, Any, Any]", error: HTTPException) -> Response[bytes]:
    if error.status_code >= InternalError.status:
        return _on_exception(request, error)
    allowed = {name.lower(): value for name, value in (error.headers or {}).items()}.get("allow")
    return _respond(request, from_status(error.status_code, error.headers), **({"allow": allowed} if allowed else {}))


def _on_exception(request: "Request[Any, Any, Any]", error: Exception) -> Response[bytes]:
    log_exception(error, request_id=_request_id(request))
    return _respond(request, InternalError())
