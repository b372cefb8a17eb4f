"""The OpenAPI 3.1 document, made from what the routes declare; `openapi.json` in the repository is this, committed."""

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from healthprotocol.api.paging import NoQuery
from healthprotocol.api.problem import ProblemBody
from healthprotocol.api.routing import Endpoint
from healthprotocol.foundation.db.listing.description import described

_DESCRIPTION = "Times are RFC 3339 in UTC, ids UUIDv7, lists keyset pages. Errors are problem+json (RFC 9457)."
_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"{(?P<name>\w+):(?P<type>\w+)}")
_TYPES: dict[str, dict[str, Any]] = {
    "uuid": {"type": "string", "format": "uuid"},
    "int": {"type": "integer", "minimum": 1},
    "str": {"type": "string"},
}


def openapi_document(endpoints: Iterable[Endpoint], *, version: str) -> dict[str, Any]:
    """Return the document of all endpoints, paths and schemas in a stable order."""
    ordered = sorted(endpoints, key=lambda e: (e.path, e.method))
    schemas = _Schemas(ordered)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ordered:
        path = _PARAMETER.sub(lambda m: "{" + m["name"] + "}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "HealthProtocol",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": {"Problem": {"description": "A problem", "content": {
                "application/problem+json": {"schema": schemas.of(ProblemBody)}}}},
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "hp_session"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "hp_…"},
            },
        },
    }  # fmt: skip


class _Schemas:
    """Every type used, as JSON schema; equal names of two types would be a fault and msgspec says so."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._kinds: list[Any] = [ProblemBody]
        for endpoint in endpoints:
            bodies = endpoint.body if isinstance(endpoint.body, tuple) else (endpoint.body,)
            for kind in (endpoint.returns, *bodies, endpoint.query, *endpoint.also.values()):
                if kind is not None and kind not in self._kinds:
                    self._kinds.append(kind)
        roots, components = msgspec.json.schema_components(self._kinds, ref_template=_REF)
        self._roots = list(roots)
        self.components: dict[str, Any] = dict(sorted(components.items()))

    def of(self, kind: Any) -> dict[str, Any]:
        if isinstance(kind, tuple):
            return {"anyOf": [self.of(inner) for inner in kind]}
        return self._roots[self._kinds.index(kind)]

    def properties(self, kind: Any) -> tuple[dict[str, Any], set[str]]:
        root = self.of(kind)
        schema = self.components[root["$ref"].rsplit("/", 1)[-1]] if "$ref" in root else root
        return schema.get("properties", {}), set(schema.get("required", ()))


def _operation(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": _parameters(endpoint, schemas),
        "responses": {
            str(endpoint.status): _done(endpoint, schemas),
            **{
                str(status): {"description": "Done", "content": {"application/json": {"schema": schemas.of(kind)}}}
                for status, kind in endpoint.also.items()
            },
            "4XX": {"$ref": "#/components/responses/Problem"},
            "5XX": {"$ref": "#/components/responses/Problem"},
        },
        "security": [{"session": []}, {"bearer": []}] if endpoint.policy else [],
    }
    if endpoint.policy:
        operation["x-policy"] = endpoint.policy
    if endpoint.body is not None:
        example = {} if endpoint.example is None else {"example": endpoint.example}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas.of(endpoint.body), **example}},
        }
    if endpoint.streams:
        binary = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(endpoint.streams, binary)}
    return operation


def _done(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    if endpoint.status == HTTPStatus.NO_CONTENT:
        return {"description": "Done"}
    content = {} if endpoint.returns is None else {"schema": schemas.of(endpoint.returns)}
    media_types = endpoint.media_type if isinstance(endpoint.media_type, tuple) else (endpoint.media_type,)
    return {"description": "Done", "content": dict.fromkeys(media_types, content)}


def _parameters(endpoint: Endpoint, schemas: _Schemas) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": m["name"], "in": "path", "required": True, "schema": _TYPES[m["type"]]}
        for m in _PARAMETER.finditer(endpoint.path)
    ]
    if endpoint.query is not NoQuery:
        properties, required = schemas.properties(endpoint.query)
        found += [
            {"name": name, "in": "query", "required": name in required, "schema": schema}
            for name, schema in properties.items()
        ]
    if endpoint.listing is not None:
        told = described(endpoint.listing)
        found = [{**one, **told.get(one["name"], {})} if one["in"] == "query" else one for one in found]
    if endpoint.method != "GET":
        found += [_IDEMPOTENCY_KEY, _CSRF_TOKEN]
    if endpoint.needs_match:
        found.append({"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}})
    return found


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 255},
}
_CSRF_TOKEN = {
    "name": "X-CSRF-Token",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The session's csrf_token; needed with the cookie, not with a bearer token.",
}
