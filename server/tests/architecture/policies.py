"""What every route demands, and which role may: read from the routes themselves."""

import inspect
from collections.abc import Iterable
from typing import Any, get_args
from uuid import UUID

from healthprotocol.api.gate import Gate
from healthprotocol.api.routing import Endpoint
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.errors import Forbidden
from healthprotocol.foundation.ids import AccountId, OrganisationId
from healthprotocol.trust.permissions import rules
from healthprotocol.trust.permissions.model import Permission, Role
from tests.architecture.findings import Findings

# No account is needed for these, each with the reason.
OPEN = {
    ("POST", "/api/v1/session"): "signing in",
    ("GET", "/livez"): "asked by the machine that runs it; no detail beyond status",
    ("GET", "/readyz"): "the same",
    ("GET", "/startupz"): "the same",
    ("GET", "/openapi.json"): "the contract is public",
    ("GET", "/docs"): "its page",
}

_NOBODY = UUID(int=0)


def route_policies(handlers: Iterable[Any]) -> Findings:
    """Every route declares an endpoint, opens the gate that enforces it, and names a permission or is known as open."""
    found = Findings()
    for handler in handlers:
        found.looked_at += 1
        method, path = min(handler.http_methods), min(handler.paths)
        place = f"{method} {path}"
        endpoint = handler.opt.get("endpoint")
        if endpoint is None:
            if (method, path) not in OPEN:
                found.trespasses.append(f"{place} declares nothing of itself")
            continue
        if endpoint.policy is not None and not _opens_gate(handler):
            found.trespasses.append(f"{place} does not open the gate, so nothing enforces its policy")
        if endpoint.policy is None:
            if (endpoint.method, endpoint.path) not in OPEN:
                found.trespasses.append(f"{place} has no policy")
        elif endpoint.policy not in set(Permission):
            found.trespasses.append(f"{place} demands {endpoint.policy}, which no role can have")
    return found


def table(endpoints: Iterable[Endpoint]) -> str:
    """Return the table route by role as text: who may, by role alone. Finer rules (own record only) come on top."""
    rows = sorted((endpoint.path, endpoint.method, endpoint.policy) for endpoint in endpoints)
    width = max(len(f"{method} {path}") for path, method, _ in rows)
    names = " ".join(f"{role.value:<11}" for role in Role)
    lines = [f"{'route':<{width}}  {'policy':<20} {names}".rstrip()]
    for path, method, policy in rows:
        cells = " ".join(f"{_cell(role, policy):<11}" for role in Role)
        lines.append(f"{f'{method} {path}':<{width}}  {policy or 'open':<20} {cells}".rstrip())
    return "\n".join(lines) + "\n"


def _cell(role: Role, policy: str | None) -> str:
    if policy is None:
        return "yes"
    actor = Actor(account_id=AccountId(_NOBODY), organisation_id=OrganisationId(_NOBODY), role=role.value)
    try:
        rules.require(actor, policy)
    except Forbidden:
        return "-"
    return "yes"


def _opens_gate(handler: Any) -> bool:
    parameters = inspect.signature(handler.fn, eval_str=True).parameters.values()
    return any(parameter.name == "gate" and _is_gate(parameter.annotation) for parameter in parameters)


def _is_gate(annotation: Any) -> bool:
    # `Declare` wraps it in Litestar's marker for what is injected.
    return annotation is Gate or Gate in get_args(annotation)
