"""
Many requests in one: `POST /api/v1/batch`, all of them or none, or each for itself.

Each request goes through the application as if it had come alone: the same route, policy, validation and audit. An
atomic batch gives them one transaction, which is rolled back at the first that fails, or when their time is over.
Independent ones have a transaction each and run side by side, four at a time; one that uses the answer of an earlier
one waits for it. When their time is over they are answered as far as they came.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Request
from litestar.response import Response
from litestar.types import HTTPScope

from healthprotocol.api import references
from healthprotocol.api.batch_bodies import EXAMPLE, BatchIn, BatchOut, BatchRequest, BatchResponse
from healthprotocol.api.batch_checks import at, checked, name_of
from healthprotocol.api.batch_problems import AnswersTooLarge, BatchTooLong, BrokenOff, DependencyFailed, NotBegun
from healthprotocol.api.gate import ENCLOSING, Authenticated, Enclosing, Gate
from healthprotocol.api.problem import problem_members, problem_type
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Contended, Invalid, PayloadTooLarge, Problem, Violation

PATH = "/api/v1/batch"
AT_ONCE = 4
LONGEST_SECONDS = 30.0
BEGUN_SECONDS = 24.0
"""Of independent requests none is begun later: what is under way then has the rest of the time to end."""

LARGEST_ANSWERS_BYTES = 8 * 1024 * 1024
LARGEST_BODY_BYTES = 1024 * 1024

_TOLD = frozenset({"etag", "location", "idempotent-replayed", "retry-after"})
_AGAIN: Mapping[type[Problem], str] = {
    NotBegun: "Nothing of it was done; it can be sent again, with fewer requests in a batch.",
    BrokenOff: "Look whether it was done before it is sent again; the same Idempotency-Key does it once.",
}
_FIRST_ERROR = 400
_LOST = "reference_not_found"
# Room for #99 behind it.
_LONGEST_KEY = 250


class _Kind(msgspec.Struct):
    type: str = ""


class _RolledBack(Exception):
    """A request of an atomic batch failed. Carries its place and answer out of the transaction."""

    def __init__(self, index: int, answer: BatchResponse) -> None:
        super().__init__(index)
        self.index = index
        self.answer = answer


def routes(policy: str) -> list[Any]:
    """Return the route. `policy` is for the batch itself and should be everybody's: each request has its own."""
    declare = Declare("batch")

    @declare.post(
        PATH,
        policy=policy,
        returns=BatchOut,
        body=BatchIn,
        example=EXAMPLE,
        also={200: BatchOut},
        status=207,
        batchable=False,
        summary="Send up to 100 requests as one: all or nothing (200), or each for itself (207)",
    )
    async def send_batch(gate: Gate) -> Answer:
        batch = await gate.body(BatchIn)
        faulty = checked(batch)
        if batch.mode == "independent":
            return await _independent(gate, batch, faulty)
        return await _atomic(gate, batch)

    return [send_batch]


async def _atomic(gate: Gate, batch: BatchIn) -> Answer:
    denied: list[str] = []
    reached: int | None = None
    limit = asyncio.timeout(LONGEST_SECONDS)
    ends_at: float | None = None

    async def act(tx: Transaction) -> BatchOut:
        nonlocal reached, ends_at
        # Begun again after it gave way, it has what is left of its time.
        ends_at = ends_at or limit.when()
        limit.reschedule(ends_at)
        denied.clear()
        answers: dict[str, BatchResponse] = {}
        room = _Room()
        for index, needs in enumerate(_needs(batch)):
            reached = index
            enclosing = Enclosing(Authenticated(gate.actor), gate.context, tx, denied)
            answer = await _send(gate, _Part(batch, index, needs, answers), enclosing, room)
            if _gave_way(answer):
                raise Contended(retry_after_seconds=int(answer.headers["retry-after"]))
            if answer.status >= _FIRST_ERROR:
                raise _RolledBack(index, answer)
            answers[answer.id] = answer
        # What is left is to save it. Broken off in that, nobody would know whether it was kept.
        limit.reschedule(None)
        return BatchOut(list(answers.values()))

    try:
        async with limit:
            return await gate.write(act, _same, status_of=lambda _: 200)
    except _RolledBack as failed:
        for policy in denied:
            await gate.doorkeeper.record_denied(gate.actor, gate.context, policy)
        return _told(failed)
    except TimeoutError:
        if not limit.expired():
            raise
        raise _too_long(batch, reached) from None


def _gave_way(answer: BatchResponse) -> bool:
    if answer.status != Contended.status or answer.body is None:
        return False
    return msgspec.json.decode(answer.body, type=_Kind).type == problem_type(Contended)


async def _independent(gate: Gate, batch: BatchIn, faulty: Mapping[int, Sequence[Violation]]) -> Answer:
    slots = asyncio.Semaphore(AT_ONCE)
    names = [name_of(index, request) for index, request in enumerate(batch.requests)]
    done = {name: asyncio.Event() for name in names}
    answers: dict[str, BatchResponse] = {}
    begun: set[str] = set()
    enclosing = Enclosing(Authenticated(gate.actor), gate.context, None, [])
    room = _Room()
    last_begin = monotonic() + BEGUN_SECONDS

    async def one(index: int, needs: set[str]) -> None:
        name = names[index]
        if index in faulty:
            answers[name] = _refused(gate, name, Invalid(violations=faulty[index]))
            done[name].set()
            return
        # Only earlier ones can be referred to, so nobody waits in a circle; and who waits holds no slot.
        for needed in needs:
            await done[needed].wait()
        async with slots:
            if monotonic() < last_begin:
                begun.add(name)
                answers[name] = await _send(gate, _Part(batch, index, needs, answers), enclosing, room)
        done[name].set()

    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_SECONDS), asyncio.TaskGroup() as tasks:
            for index, needs in enumerate(_needs(batch)):
                tasks.create_task(one(index, needs))
    for name in (name for name in names if name not in answers):
        problem = BrokenOff if name in begun else NotBegun
        answers[name] = _refused(gate, name, problem(_AGAIN[problem], retry_after_seconds=5))
    out = BatchOut([answers[name] for name in names])
    return Response(msgspec.json.encode(out), status_code=207, media_type="application/json")


def _too_long(batch: BatchIn, reached: int | None) -> BatchTooLong:
    """Return what is told when time was over at the request of that place, None before the first."""
    if reached is None:
        return BatchTooLong("None of its requests was begun.", retry_after_seconds=5)
    return BatchTooLong(
        violations=[at(reached, "", "reached", "Time was over at this request; nothing of the batch was kept.")],
        public={"reached_request": name_of(reached, batch.requests[reached])},
        retry_after_seconds=5,
    )


class _Part(msgspec.Struct, frozen=True):
    """One request of a batch, and the answers there are already."""

    batch: BatchIn
    index: int
    needs: set[str]
    answers: Mapping[str, BatchResponse]


class _Room:
    """How many bytes the answers of a batch may still take."""

    def __init__(self) -> None:
        self.bytes_left = LARGEST_ANSWERS_BYTES


async def _send(gate: Gate, part: _Part, enclosing: Enclosing, room: _Room) -> BatchResponse:
    """Have the application answer one request of the batch."""
    request = part.batch.requests[part.index]
    name = name_of(part.index, request)
    try:
        request = _filled_in(part.index, request, part.needs, part.answers)
    except (Invalid, DependencyFailed, PayloadTooLarge) as fault:
        return _refused(gate, name, fault)
    body = b"" if request.body is None else msgspec.json.encode(request.body)
    headers = _headers(gate, part, has_body=bool(body))
    sent = _Sent()
    await gate.request.app(_scope(gate.request, request, enclosing, headers=headers), _receiving(body), sent)
    text = sent.body
    room.bytes_left -= len(text)
    # What was written is told in any case: it is small, and its answer comes once.
    if room.bytes_left < 0 and request.method == "GET":
        return _refused(gate, name, AnswersTooLarge())
    return BatchResponse(id=name, status=sent.status, headers=sent.headers, body=msgspec.Raw(text) if text else None)


def _refused(gate: Gate, name: str, problem: Problem) -> BatchResponse:
    members = problem_members(problem, gate.context.request_id)
    headers = {} if problem.retry_after_seconds is None else {"retry-after": str(problem.retry_after_seconds)}
    return BatchResponse(
        id=name, status=problem.status, headers=headers, body=msgspec.Raw(msgspec.json.encode(members))
    )


class _Sent:
    """Gathers what the application sends for one request."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: dict[str, str] = {}
        self._parts: list[bytes] = []

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in message["headers"]]
            self.headers = {name: value for name, value in pairs if name in _TOLD}
        elif message["type"] == "http.response.body":
            self._parts.append(message.get("body", b""))

    @property
    def body(self) -> bytes:
        return b"".join(self._parts)


def _scope(
    outer: "Request[Any, Any, Any]", request: BatchRequest, enclosing: Enclosing, *, headers: list[tuple[bytes, bytes]]
) -> HTTPScope:
    parts = urlsplit(request.path)
    kept = {key: outer.scope[key] for key in ("type", "asgi", "http_version", "scheme", "client", "server")}
    scope: Any = {
        **kept,
        "root_path": outer.scope.get("root_path", ""),
        "method": request.method,
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": headers,
        "extensions": {},
        "state": {"request_id": enclosing.context.request_id, ENCLOSING: enclosing},
    }
    return scope


def _headers(gate: Gate, part: _Part, *, has_body: bool) -> list[tuple[bytes, bytes]]:
    request = part.batch.requests[part.index]
    headers = {name.lower(): value for name, value in request.headers.items()}
    key = gate.request.headers.get("idempotency-key")
    # The key of an atomic batch keeps its one answer. Independent writes keep an answer each, under a key of their own.
    is_write = request.method != "GET" and part.batch.mode == "independent"
    if key is not None and is_write and "idempotency-key" not in headers:
        headers["idempotency-key"] = f"{key}#{part.index}"
    if has_body:
        headers["content-type"] = "application/json"
    headers["host"] = gate.request.headers.get("host", "")
    return [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]


def _receiving(body: bytes) -> Callable[[], Awaitable[Any]]:
    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _needs(batch: BatchIn) -> list[set[str]]:
    """Return for each request the earlier ones whose answers it uses."""
    needs: list[set[str]] = []
    earlier: set[str] = set()
    for index, request in enumerate(batch.requests):
        in_path = references.names_in_path(request.path) & earlier
        needs.append(in_path | references.names_in_body(request.body, earlier))
        earlier.add(name_of(index, request))
    return needs


def _filled_in(
    index: int, request: BatchRequest, needs: Collection[str], answers: Mapping[str, BatchResponse]
) -> BatchRequest:
    """Return the request with its references put in. Raises DependencyFailed, Invalid, PayloadTooLarge."""
    failed = [name for name in needs if answers[name].status >= _FIRST_ERROR]
    if failed:
        raise DependencyFailed(public={"failed_request": min(failed)})
    bodies = {name: _decoded(answers[name]) for name in needs}
    pointer = "/path"
    try:
        path = references.fill_path(request.path, bodies)
        pointer = "/body"
        body = references.fill_body(request.body, bodies, most_bytes=LARGEST_BODY_BYTES)
    except references.NoSuchPlace as missing:
        detail = f"{missing.reference} points at nothing that can be put here in the answer of the earlier request."
        raise Invalid(violations=[at(index, pointer, _LOST, detail)]) from None
    return msgspec.structs.replace(request, path=path, body=body)


def _decoded(answer: BatchResponse) -> Any:
    return None if answer.body is None else msgspec.json.decode(answer.body)


def _same(value: BatchOut) -> BatchOut:
    return value


def _told(failed: _RolledBack) -> Answer:
    """Answer with the problem of the request that failed, its pointers moved into the batch."""
    members = dict(_decoded(failed.answer) or {})
    place = f"/requests/{failed.index}"
    errors = [error for error in members.get("errors", ()) if error]
    # What we ourselves found says already where it is in the batch; a route knows of its own body only.
    inside = [
        error if error["code"] == _LOST else {**error, "pointer": f"{place}/body{error['pointer']}"} for error in errors
    ]
    here = {"pointer": place, "code": "failed", "detail": "This request failed, so nothing of the batch was kept."}
    members |= {"failed_request": failed.answer.id, "errors": [here, *inside]}
    headers = {"cache-control": "no-store", **failed.answer.headers}
    return Response(
        msgspec.json.encode(members),
        status_code=failed.answer.status,
        headers=headers,
        media_type="application/problem+json",
    )
