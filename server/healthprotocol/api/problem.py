"""RFC 9457 problem+json: the one shape of every error, and what Litestar's own errors become."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from healthprotocol.foundation import errors
from healthprotocol.foundation.errors import Problem

PROBLEM_TYPE_BASE = "https://healthprotocol.example/problems/"


class MethodNotAllowed(Problem):
    """
    The address exists, but not for this method.

    Remedy: use a method that the Allow header names.
    """

    status = 405
    title = "This method is not allowed here"


class UnsupportedMediaType(Problem):
    """
    The body is of a type that this route does not read.

    Remedy: send `Content-Type: application/json`.
    """

    status = 415
    title = "Send application/json"


class InternalError(Problem):
    """
    Something failed on our side; nothing was written.

    Remedy: try again later; tell the operator the request id if it stays.
    """

    title = "Something failed on our side"


class ErrorItem(msgspec.Struct, omit_defaults=True):
    """One fault of the input: where (JSON pointer), which rule, and a sentence. Never the value."""

    pointer: str
    code: str
    detail: str


class ProblemBody(msgspec.Struct, omit_defaults=False):
    """
    The members every problem has; error types may add their own beside them.

    `detail` says what it is, `remedy` what to do about it.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[ErrorItem]
    remedy: str = ""


def problem_response(problem: Problem, request_id: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of a problem. Nothing private is in them."""
    headers = {"content-type": "application/problem+json", "cache-control": "no-store"}
    if problem.retry_after_seconds is not None:
        headers["retry-after"] = str(problem.retry_after_seconds)
    if problem.status == errors.Unauthenticated.status:
        headers["www-authenticate"] = 'Bearer realm="healthprotocol"'
    return problem.status, headers, msgspec.json.encode(problem_members(problem, request_id))


def problem_members(problem: Problem, request_id: str) -> dict[str, Any]:
    """Return the members of a problem's body."""
    return {
        **problem.public,
        "type": problem_type(type(problem)),
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail or problem.title,
        "instance": f"urn:request:{request_id}",
        "request_id": request_id,
        "errors": [{"pointer": v.pointer, "code": v.code, "detail": v.detail} for v in problem.violations],
        "remedy": _remedy(type(problem)),
    }


@cache
def problem_type(kind: type[Problem]) -> str:
    """Return the type URI of an error class: its name in kebab case."""
    return PROBLEM_TYPE_BASE + kind.named()


@cache
def _remedy(kind: type[Problem]) -> str:
    return kind.remedy()


def from_status(status: int, headers: Mapping[str, str] | None = None) -> Problem:
    """Return the problem for an HTTP error that the framework raised itself (an unknown address, a wrong method)."""
    if status == MethodNotAllowed.status:
        # The framework writes `Allow`; the case of a header's name says nothing.
        allowed = next((value for name, value in (headers or {}).items() if name.lower() == "allow"), "")
        return MethodNotAllowed(public={"allow": allowed})
    by_status: dict[int, type[Problem]] = {
        400: errors.BadRequest,
        401: errors.Unauthenticated,
        403: errors.Forbidden,
        404: errors.NotFound,
        413: errors.PayloadTooLarge,
        415: UnsupportedMediaType,
        429: errors.TooManyRequests,
        503: errors.Unavailable,
    }
    return by_status.get(status, InternalError if status >= InternalError.status else errors.BadRequest)()
