"""How a slice declares a route: one decorator that says the method, address, policy, shapes and summary."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Response

from healthprotocol.api.paging import NoQuery
from healthprotocol.foundation.db.listing import ListingSpec

Answer = Response[bytes]
Handler = Callable[..., Awaitable[Answer]]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is known of a route beside its code; the OpenAPI document and the policy table are made from it.

    `policy` None means that no account is needed. `body_limit_bytes` None means the general limit.
    """

    method: str
    path: str
    name: str
    summary: str
    policy: str | None
    returns: Any
    status: int
    # A tuple of shapes means any one of them; `also` are other statuses with their shapes.
    body: Any = None
    # A body that can be sent as it stands, for the document; None where the shape says enough.
    example: Any = None
    also: dict[int, Any] = {}
    query: Any = NoQuery
    tag: str = ""
    # A tuple means any one of them.
    media_type: str | tuple[str, ...] = "application/json"
    needs_match: bool = False
    is_list: bool = False
    # Whether it may stand in a batch: it goes through `gate.read` or `gate.write` and answers with JSON.
    batchable: bool = True
    # What the list can be filtered and ordered by; None for one that is computed.
    listing: ListingSpec | None = None
    # The media types of a body that is read as a stream, and is no JSON.
    streams: tuple[str, ...] = ()


class Declare:
    """Makes the decorators of one slice: `get`, `post`, `patch`, `put`, `delete`; `tag` groups them in the document."""

    def __init__(self, tag: str) -> None:
        self._tag = tag

    def get(
        self, path: str, *, policy: str | None, returns: Any, summary: str, **more: Any
    ) -> Callable[[Handler], Any]:
        """Declare a read."""
        return self._declare("GET", path, policy=policy, returns=returns, summary=summary, **more)

    def post(
        self, path: str, *, policy: str | None, returns: Any, summary: str, **more: Any
    ) -> Callable[[Handler], Any]:
        """Declare a creation (`status=201`) or an act."""
        return self._declare("POST", path, policy=policy, returns=returns, summary=summary, **more)

    def patch(
        self, path: str, *, policy: str | None, returns: Any, summary: str, **more: Any
    ) -> Callable[[Handler], Any]:
        """Declare an update; it demands If-Match."""
        return self._declare("PATCH", path, policy=policy, returns=returns, summary=summary, needs_match=True, **more)

    def put(
        self, path: str, *, policy: str | None, returns: Any, summary: str, **more: Any
    ) -> Callable[[Handler], Any]:
        """Declare what may be sent again and comes to the same: a part of a file at its place."""
        return self._declare("PUT", path, policy=policy, returns=returns, summary=summary, **more)

    def delete(
        self, path: str, *, policy: str | None, returns: Any, summary: str, **more: Any
    ) -> Callable[[Handler], Any]:
        """Declare a deletion (archiving, revoking)."""
        return self._declare("DELETE", path, policy=policy, returns=returns, summary=summary, **more)

    def _declare(
        self, method: str, path: str, *, policy: str | None, returns: Any, summary: str, status: int = 200, **more: Any
    ) -> Callable[[Handler], Any]:
        def decorate(handler: Handler) -> Any:
            endpoint = Endpoint(
                method=method,
                path=path,
                name=handler.__name__,
                summary=summary,
                policy=None if policy is None else str(policy),
                returns=returns,
                status=status,
                tag=self._tag,
                **more,
            )
            _mark_parameters(handler)
            # Litestar wants no body type with 204; the status that is sent is the answer's own in any case.
            registered = HTTPStatus.OK if status == HTTPStatus.NO_CONTENT else status
            # The declared policy is enforced when the Gate is made, before the handler runs.
            # What can be read can be asked for without its body (RFC 9110 §9.3.2), but for a stream, which has no end.
            has_head = method == "GET" and endpoint.media_type != "text/event-stream"
            methods = [method, "HEAD"] if has_head else [method]
            route = HTTPRouteHandler(path, http_method=methods, status_code=registered, opt={"endpoint": endpoint})  # pyright: ignore[reportArgumentType]
            return route(handler)

        return decorate


def options_routes(routes: Iterable[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """
    Return a route for OPTIONS at each address of `routes`, whose Allow names every method there (RFC 9110 §9.3.7).

    They must be registered before the others: the framework's own names the methods of one route of the address only.
    """
    allowed: defaultdict[str, set[str]] = defaultdict(lambda: {"OPTIONS"})
    for route in routes:
        for path in route.paths:
            allowed[path] |= {str(method) for method in route.http_methods}
    return [_options_route(path, ", ".join(sorted(methods))) for path, methods in allowed.items()]


def _options_route(path: str, allow: str) -> HTTPRouteHandler:
    async def options() -> Response[None]:
        return Response(None, status_code=HTTPStatus.NO_CONTENT, headers={"allow": allow})

    return HTTPRouteHandler(path, http_method="OPTIONS", status_code=HTTPStatus.NO_CONTENT)(options)


def _mark_parameters(handler: Handler) -> None:
    """Tell Litestar which parameter is the gate and which come from the path; routes write only their types."""
    for name, kind in handler.__annotations__.items():
        if name != "return":
            handler.__annotations__[name] = NamedDependency[kind] if name == "gate" else FromPath[kind]
