"""
The gate of a request: who it is, what was sent, one transaction, and the answer only after its commit.

`read` and `write` are the only ways from a route to a service. Both open the tenant's transaction, run the act, shape
the value and encode it, commit, and then return the response: a client never sees success before the commit.
"""

import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from http import HTTPStatus
from typing import Any, Protocol, TypeVar, Unpack

import msgspec
from litestar import Request
from litestar.response import Response

from healthprotocol.api.answers import answer, encoded, etag_of, located, names
from healthprotocol.api.body import Further, convert_query, decode_body
from healthprotocol.api.giving_way import persistently
from healthprotocol.api.idempotency import StoredAnswer, replay_or_reserve, store_answer
from healthprotocol.api.middleware.exposures import EXPOSURES
from healthprotocol.api.paging import NoQuery
from healthprotocol.api.problem import UnsupportedMediaType
from healthprotocol.api.routing import Answer, Endpoint
from healthprotocol.api.written import position_of, told
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.db.loan import shared
from healthprotocol.foundation.db.transaction import Database, ReplicaFailed, Terms, Transaction
from healthprotocol.foundation.errors import (
    BadRequest,
    Forbidden,
    Invalid,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    Unauthenticated,
    Violation,
)

T = TypeVar("T")
Act = Callable[[Transaction], Awaitable[T]]
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_MAX_KEY_LENGTH = 255
# An r and as many digits as a revision can have.
_MAX_TAG_LENGTH = 11


class NotInABatch(BadRequest):
    """
    What signs in or out, streams, sends files or is a batch itself cannot stand in a batch.

    Remedy: send this request alone.
    """

    title = "This address cannot stand in a batch"


class Authenticated(msgspec.Struct, frozen=True):
    """A request's account; `csrf_token` None for a bearer token, which needs none."""

    actor: Actor
    csrf_token: str | None = None


class Doorkeeper(Protocol):
    """What the gate asks of the accounts: given by assembly, because this package stands below them."""

    async def authenticate(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Authenticated | None:
        """Return who sent this, None when nobody known did."""
        ...

    def authorize(self, actor: Actor, policy: str) -> None:
        """Raise Forbidden when the actor's role or token does not include `policy`."""
        ...

    async def is_still_in(self, actor: Actor) -> bool:
        """Return whether the session or token that an actor came with is good still, without counting as its use."""
        ...

    async def record_denied(self, actor: Actor, context: RequestContext, policy: str) -> None:
        """Leave a trace of a refusal."""
        ...

    async def record_replay(self, tx: Transaction, actor: Actor, policy: str) -> None:
        """Leave a trace, with the commit of `tx`, of an answer that was given once more."""
        ...


ENCLOSING = "enclosing"


class Enclosing(msgspec.Struct, frozen=True):
    """
    The batch that a request stands in: who sent it, and the transaction that it shares, None for one of its own.

    `denied` gathers the policies that were refused while the transaction was open: to record them takes another one,
    and who holds a connection must not wait for a second. Whoever opened the transaction records them afterwards.

    It lies under ENCLOSING in the state of the request's scope, where only code of ours can put it.
    """

    authenticated: Authenticated
    context: RequestContext
    transaction: Transaction | None
    denied: list[str]


class Gate:
    """One request at the door. Made by `open_gate` after authentication and the route's policy."""

    def __init__(
        self,
        request: "Request[Any, Any, Any]",
        *,
        database: Database,
        context: RequestContext,
        authenticated: Authenticated | None,
        doorkeeper: Doorkeeper,
        shared: Transaction | None = None,
    ) -> None:
        self.request = request
        self.database = database
        self.context = context
        self.authenticated = authenticated
        self.doorkeeper = doorkeeper
        self._shared = shared

    @property
    def actor(self) -> Actor:
        """The account behind the request. Raises Unauthenticated on a public route without one."""
        if self.authenticated is None:
            raise Unauthenticated
        return self.authenticated.actor

    def query(self, kind: type[T]) -> T:
        """Return the query parameters as `kind`. Raises BadRequest naming each that does not fit."""
        params = self.request.query_params
        return convert_query({name: params.getall(name) for name in params}, kind)

    async def body(self, kind: type[T], *, trusted_markup: bool = False, further: Further[T] | None = None) -> T:
        """Return the JSON body as `kind`. Raises BadRequest, Invalid or UnsupportedMediaType."""
        return decode_body(await self.raw_body(), kind, trusted_markup=trusted_markup, further=further)

    async def raw_body(self) -> bytes:
        """Return the body as sent, when it says that it is JSON. Raises UnsupportedMediaType."""
        content_type = self.request.headers.get("content-type", "").split(";")[0].strip().lower()
        if content_type != "application/json" and not content_type.endswith("+json"):
            raise UnsupportedMediaType
        return await self.request.body()

    async def body_parts(self) -> AsyncIterator[bytes]:
        """
        Yield the body as it arrives, for a route that `streams` and sets its own limit.

        Raises BadRequest when it ends before it is whole.
        """
        while True:
            message = await self.request.receive()
            if message["type"] != "http.request":
                detail = "The body ended before it was whole."
                raise BadRequest(violations=[Violation("", "body_incomplete", detail)])
            yield message.get("body", b"")
            if not message.get("more_body", False):
                return

    def answered(self, value: object, *, status: int | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer of a route that opened and committed its own transactions."""
        return answer(self._endpoint.status if status is None else status, encoded(value), None, headers or {})

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Open the tenant's transaction, for a route whose answer is a stream: what is in its way is asked first."""
        return self._transaction()

    def expected_revision(self, *, required: bool = True) -> int | None:
        """
        Return the revision that If-Match names; None for `*`, or without the header where it is not required.

        Raises PreconditionRequired without the header, PreconditionFailed when it is no ETag of ours.
        """
        header = self.request.headers.get("if-match")
        if header is None:
            if required:
                raise PreconditionRequired
            return None
        # A proxy that compresses weakens the tag (`W/`); the revision in it is still the one that the client read.
        tag = header.strip().removeprefix("W/").strip('"')
        if tag == "*":
            return None
        if not (tag.startswith("r") and tag[1:].isdecimal() and len(tag) <= _MAX_TAG_LENGTH):
            raise PreconditionFailed
        return int(tag[1:])

    async def read(
        self,
        act: Act[T],
        shape: Callable[[T], Any],
        *,
        headers: Callable[[T], Mapping[str, str]] | None = None,
        may_lag: bool = False,
    ) -> Answer:
        """
        Run a reading act and answer with its shape; 304 when If-None-Match names the present revision.

        With `may_lag` a replica may serve it: what others wrote in the last two seconds may be missing from it.
        """
        is_read = self.request.method in _SAFE
        if may_lag and self.database.replicas is not None:
            after = position_of(self.request)
            with suppress(ReplicaFailed):
                return await self._read(act, shape, headers, is_read=is_read, read_only=True, after=after)
        return await self._read(act, shape, headers, is_read=is_read)

    async def _read(
        self,
        act: Act[T],
        shape: Callable[[T], Any],
        headers: Callable[[T], Mapping[str, str]] | None,
        **terms: Unpack[Terms],
    ) -> Answer:
        async with self._transaction(**terms) as tx:
            value = await act(tx)
            body = encoded(shape(value))
            extra = headers(value) if headers else {}
        etag = etag_of(value)
        if etag is not None and names(self.request.headers.get("if-none-match"), etag):
            return Response(b"", status_code=304, headers={"etag": etag})
        return answer(200, body, etag, extra)

    async def write(
        self,
        act: Act[T],
        shape: Callable[[T], Any],
        *,
        headers: Callable[[T], Mapping[str, str]] | None = None,
        status_of: Callable[[T], int] | None = None,
    ) -> Answer:
        """
        Have an act change something once and answer with its shape; the same Idempotency-Key returns the first answer.

        What gives way to another change is undone and run again, so an act changes only what its transaction holds.
        A 201 says in Location where what was made is. The status is the one declared, unless `status_of` says another.
        Raises IdempotencyKeyReused when the key came with another request before.
        """
        if self._shared is not None:
            # All that shares the transaction is undone with it: whoever opened it begins again.
            return await self._write(act, shape, headers, status_of)
        return await persistently(lambda: self._write(act, shape, headers, status_of))

    async def _write(
        self,
        act: Act[T],
        shape: Callable[[T], Any],
        headers: Callable[[T], Mapping[str, str]] | None,
        status_of: Callable[[T], int] | None,
    ) -> Answer:
        key = self._idempotency_key()
        async with self._transaction() as tx:
            if key is not None:
                earlier = await replay_or_reserve(tx, self.actor, key, await self._request_hash())
                if earlier is not None:
                    # What was written then is read now, and a read leaves its trace.
                    await self.doorkeeper.record_replay(tx, self.actor, str(self._endpoint.policy))
                    again = {"idempotent-replayed": "true", **located(earlier.location)}
                    return answer(earlier.status, earlier.body, earlier.etag, again)
            value = await act(tx)
            shaped = shape(value)
            body, etag = encoded(shaped), etag_of(value)
            status = status_of(value) if status_of else self._endpoint.status
            extra = {**self._made_at(status, shaped), **(headers(value) if headers else {})}
            if key is not None:
                await store_answer(tx, self.actor, key, StoredAnswer(status, etag, body, extra.get("location")))
        return answer(status, body, etag, {**extra, **self._told(tx)})

    def _made_at(self, status: int, shaped: object) -> dict[str, str]:
        """Return Location (RFC 9110 §15.3.2) of what was made: its id below its collection, which the route names."""
        made = getattr(shaped, "id", None)
        if status != HTTPStatus.CREATED or made is None:
            return {}
        return {"location": f"{self._endpoint.path.split('/{')[0]}/{made}"}

    def _told(self, tx: Transaction) -> dict[str, str]:
        replicas = self.database.replicas
        if replicas is None or tx.position is None:
            return {}
        is_https = self.request.app.state.settings.is_production
        return told(tx.position, seconds=replicas.longest_lag_seconds, is_https=is_https)

    def _transaction(self, **terms: Unpack[Terms]) -> Any:
        if self._shared is not None:
            # Whoever opened it commits it, once all that share it are done.
            return shared(self._shared)
        return self.database.transaction(self.actor.organisation_id, actor=self.actor, context=self.context, **terms)

    @property
    def _endpoint(self) -> Endpoint:
        return self.request.route_handler.opt["endpoint"]

    def _idempotency_key(self) -> str | None:
        key = self.request.headers.get("idempotency-key")
        if key is None:
            return None
        if not (1 <= len(key) <= _MAX_KEY_LENGTH and key.isprintable() and key.isascii()):
            raise Invalid(
                violations=[Violation("/Idempotency-Key", "invalid", "It must be 1 to 255 printable ASCII characters.")]
            )
        return key

    async def _request_hash(self) -> bytes:
        # Keyed, because a body may be a password that an unkeyed hash in the database would let be guessed. The account
        # stands in it, so equal requests of two accounts give unequal hashes.
        digest = hashlib.sha256(self.actor.account_id.bytes)
        for part in (self.request.method, self.request.url.path, self.request.headers.get("if-match", "")):
            digest.update(part.encode() + b"\0")
        digest.update(await self.request.body())
        return self.database.keys.signer("idempotency").sign(digest.digest())


async def open_gate(request: "Request[Any, Any, Any]") -> Gate:
    """
    Authenticate a request, hold it to its route's policy, and return its gate.

    Raises Unauthenticated, Forbidden (also for a cookie's write without its CSRF token).
    """
    state = request.app.state
    doorkeeper: Doorkeeper = state.doorkeeper
    endpoint: Endpoint = request.route_handler.opt["endpoint"]
    client = request.scope.get("client")
    scope_state = request.scope.get("state", {})
    context = RequestContext(
        request_id=scope_state.get("request_id", "none"),
        address=client[0] if client else None,
        exposures=scope_state.get(EXPOSURES),
        # RFC 9111 5.2.1.4: a client that saw something odd can ask past what we keep.
        is_past_caches="no-cache" in request.headers.get("cache-control", "").lower(),
    )
    enclosing: Enclosing | None = scope_state.get(ENCLOSING)
    if enclosing is None:
        authenticated = await doorkeeper.authenticate(request.headers, request.cookies)
    elif endpoint.batchable and endpoint.media_type == "application/json":
        context, authenticated = enclosing.context, enclosing.authenticated
    else:
        raise NotInABatch
    if authenticated is not None:
        # A look into a dictionary, but for the first request of an organisation in this process.
        await state.database.flags.tables.load(authenticated.actor.organisation_id)
    if endpoint.policy is not None:
        if authenticated is None:
            raise Unauthenticated
        try:
            if request.method not in _SAFE:
                _require_csrf(request, authenticated)
            doorkeeper.authorize(authenticated.actor, endpoint.policy)
        except (Forbidden, NotFound):
            if enclosing is None or enclosing.transaction is None:
                await doorkeeper.record_denied(authenticated.actor, context, endpoint.policy)
            else:
                enclosing.denied.append(endpoint.policy)
            raise
    gate = Gate(
        request,
        database=state.database,
        context=context,
        authenticated=authenticated,
        doorkeeper=doorkeeper,
        shared=enclosing.transaction if enclosing else None,
    )
    if endpoint.query is NoQuery:
        # A parameter that nobody reads is a mistake of the caller's, who believes that it does something.
        gate.query(NoQuery)
    return gate


def _require_csrf(request: "Request[Any, Any, Any]", authenticated: Authenticated) -> None:
    """A cookie travels by itself, so a write with it must also carry what only our own page can read."""
    if authenticated.csrf_token is None:
        return
    sent = request.headers.get("x-csrf-token", "")
    if not hmac.compare_digest(sent.encode(), authenticated.csrf_token.encode()):
        raise Forbidden("Send the session's csrf_token in X-CSRF-Token.", public={"reason": "csrf"})
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Forbidden("Writes with a cookie must come from this site.", public={"reason": "origin"})
