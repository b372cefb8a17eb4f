"""The shape of long work over HTTP, the same for every route that begins some."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from healthprotocol.api.problem import PROBLEM_TYPE_BASE, ErrorItem
from healthprotocol.foundation.jobs.operations import Operation

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class Progress(msgspec.Struct, frozen=True):
    """Units done of units in all; `total` 0 means that they are not counted yet."""

    done: int
    total: int


class OperationProblem(msgspec.Struct, frozen=True):
    """Why the work failed: the members of a problem+json."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ErrorItem] = []


class OperationOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """Long work: how far it is, and its result or problem once it is over."""

    id: UUID
    kind: str
    status: Status
    progress: Progress
    cancel_requested: bool
    created_at: datetime
    updated_at: datetime
    result: dict[str, Any] | None = None
    problem: OperationProblem | None = None


def operation(value: Operation) -> OperationOut:
    """Return the outside of an operation."""
    return OperationOut(
        id=value.id,
        kind=value.kind,
        status=msgspec.convert(value.status, Status),
        progress=Progress(value.done, value.total),
        cancel_requested=value.cancel_requested,
        created_at=value.created_at,
        updated_at=value.updated_at,
        result=value.result,
        problem=None if value.problem is None else _problem(value.problem),
    )


def _problem(stored: dict[str, Any]) -> OperationProblem:
    # The row keeps the type without its base, because what drives the work stands below HTTP.
    return msgspec.convert({**stored, "type": PROBLEM_TYPE_BASE + stored["type"]}, OperationProblem)
