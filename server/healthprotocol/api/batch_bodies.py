"""What a batch is asked and answered with."""

from typing import Annotated, Any, Literal

import msgspec

MOST_REQUESTS = 100
EXAMPLE = {
    "mode": "atomic",
    "requests": [
        {
            "id": "a",
            "method": "POST",
            "path": "/api/v1/accounts",
            "body": {"email": "ada@weser.example", "role": "auditor"},
        },
        {"method": "GET", "path": "/api/v1/accounts/${a/id}"},
    ],
}

Name = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]
Path = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
HeaderValue = Annotated[str, msgspec.Meta(max_length=300)]


class BatchRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """
    One request. `id` names it in the answer (its place, from 0, when absent) and for others to refer to.

    A text that is `${name/id}`, and that part of a path, becomes the `/id` of the answer to the earlier request `name`.
    """

    method: Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
    path: Path
    id: Name | None = None
    headers: dict[str, HeaderValue] = {}
    body: dict[str, Any] | None = None


class BatchIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """`atomic`: in the order given, all or nothing. `independent`: each for itself, in any order."""

    requests: Annotated[list[BatchRequest], msgspec.Meta(min_length=1, max_length=MOST_REQUESTS)]
    mode: Literal["atomic", "independent"] = "independent"


class BatchResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one request would have been answered alone; `body` is its JSON, a problem when it failed."""

    id: str
    status: int
    headers: dict[str, str] = {}
    body: Any = None


class BatchOut(msgspec.Struct, frozen=True):
    """The answers, in the order of the requests."""

    responses: list[BatchResponse]
