"""Who sent this request, and may she? What the gate asks before anything else happens."""

import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping

from healthprotocol.api.gate import Authenticated
from healthprotocol.foundation.cache import CacheSpec
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.crypto.data_keys import KeyCache
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.ids import OrganisationId
from healthprotocol.trust.accounts.model import BearerCredential, Session, SessionPolicy
from healthprotocol.trust.accounts.repository import organisations, sessions, tokens
from healthprotocol.trust.accounts.rules.credentials import idle_of, is_live, is_own_site, is_stale, is_valid
from healthprotocol.trust.accounts.service.credentials import (
    credential_tags,
    hash_of,
    is_bearer,
    organisation_of_cookie,
)
from healthprotocol.trust.accounts.service.passwords import PasswordHasher
from healthprotocol.trust.accounts.service.policy import policy_of, session_policy
from healthprotocol.trust.accounts.service.sign_in import SignIn
from healthprotocol.trust.accounts.service.throttle import Throttle
from healthprotocol.trust.audit import service as audit
from healthprotocol.trust.permissions import rules as permissions

# A session's or token's end is told by its tags: this process knows it at once, the others within two seconds at most.
# In memory only. The minute is that of `is_stale`: what was read longer ago is of no use.
SESSIONS: CacheSpec[Session] = CacheSpec(name="session", kind=Session, fresh_seconds=60.0)
TOKENS: CacheSpec[BearerCredential] = CacheSpec(name="token", kind=BearerCredential, fresh_seconds=60.0)
_REMEMBERED = 10_000
_UNKNOWN_SECONDS = 60.0


class Doorkeeper:
    """
    Knows sessions and bearer tokens, and signs people in. One per process.

    `cookie_name` has the prefix `__Host-` where browsers reach us by https, which plain http would not send back.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        hasher: PasswordHasher | None = None,
        throttle: Throttle | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.hasher = hasher or PasswordHasher()
        self.policy = session_policy(settings)
        self.cookie_name = "__Host-hp" if settings.is_production else "hp_session"
        self.sign_in = SignIn(database, policy=self.policy, hasher=self.hasher, throttle=throttle or Throttle())
        self._database = database
        # Whose token it is never changes, so this may be remembered for longer than that it is good.
        self._organisations: KeyCache[bytes, OrganisationId] = KeyCache(
            capacity=_REMEMBERED, ttl_seconds=3600.0, monotonic=monotonic
        )
        self._existing: KeyCache[OrganisationId, bool] = KeyCache(
            capacity=_REMEMBERED, ttl_seconds=3600.0, monotonic=monotonic
        )
        # Hashes of what was no credential: nobody can guess one that will be, nor does one that ended come back. Kept
        # apart, so that strangers push out nothing but each other.
        self._unknown: KeyCache[bytes, bool] = KeyCache(
            capacity=_REMEMBERED, ttl_seconds=_UNKNOWN_SECONDS, monotonic=monotonic
        )

    async def authenticate(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Authenticated | None:
        """
        Return who sent this, None when nobody known did. A bearer token goes before a cookie.

        A browser sends our cookie along from foreign pages too; what such a page asks for, nobody asked for.
        """
        authorization = headers.get("authorization")
        if authorization is not None:
            scheme, _, text = authorization.partition(" ")
            return await self._bearer(text.strip()) if scheme.lower() == "bearer" else None
        cookie = cookies.get(self.cookie_name)
        return await self._cookie(cookie) if cookie and self._is_own_page(headers) else None

    def authorize(self, actor: Actor, policy: str) -> None:
        """Raise Forbidden when the actor's role or token does not include `policy`."""
        permissions.require(actor, policy)

    async def is_still_in(self, actor: Actor) -> bool:
        """
        Return whether the session or token that an actor came with is good still, and for the same rights.

        For what lasts longer than a request. It does not count as using the session: who only listens is idle.
        """
        if actor.session_hash is None:
            return False
        async with self._database.transaction(actor.organisation_id) as tx:
            session = await sessions.get(tx, actor.session_hash)
            if session is not None:
                return is_live(session, now=tx.now) and session.actor == actor
            credential = await tokens.get_credential(tx, actor.session_hash)
            return credential is not None and is_valid(credential, now=tx.now) and credential.actor == actor

    async def record_denied(self, actor: Actor, context: RequestContext, policy: str) -> None:
        """Leave a trace of a refusal."""
        await audit.record_denied(self._database, actor, context, policy)

    async def record_replay(self, tx: Transaction, actor: Actor, policy: str) -> None:
        """Leave a trace of an answer that was given once more."""
        await audit.record(tx, actor, "answer.replay", detail={"policy": policy})

    def csrf_token(self, session_hash: bytes) -> str:
        """Return what a page must send back in X-CSRF-Token with every write of this session."""
        mark = self._database.keys.signer("csrf").sign(session_hash)
        return urlsafe_b64encode(mark).rstrip(b"=").decode()

    def close(self) -> None:
        """End the threads that check passwords."""
        self.hasher.close()

    def _is_own_page(self, headers: Mapping[str, str]) -> bool:
        # Not Sec-Fetch-Site: following a link from elsewhere is no trespass. The gate asks for it before writes.
        return is_own_site(
            origin=headers.get("origin"),
            fetch_site=None,
            host=headers.get("host"),
            own_origins=self.settings.public_origins,
        )

    async def _cookie(self, text: str) -> Authenticated | None:
        organisation_id = organisation_of_cookie(text)
        if organisation_id is None:
            return None
        session_hash = hash_of(text)
        if self._unknown.get(session_hash):
            return None
        if not await self._exists(organisation_id):
            self._unknown.put(session_hash, key=True)
            return None
        actor = await self._actor_of_session(organisation_id, session_hash)
        return None if actor is None else Authenticated(actor, self.csrf_token(session_hash))

    async def _actor_of_session(self, organisation_id: OrganisationId, session_hash: bytes) -> Actor | None:
        cache, now = self._database.cache.of(organisation_id), self._database.clock()
        session = await cache.get(
            SESSIONS, session_hash, lambda tx: sessions.get(tx, session_hash), tags=credential_tags(session_hash)
        )
        if session is None:
            self._unknown.put(session_hash, key=True)
            return None
        if is_live(session, now=now) and not is_stale(session.last_seen_at, now=now):
            return session.actor
        # Its use is to be written, or it seems to have rested too long while another process knows of its use.
        async with self._database.transaction(organisation_id) as tx:
            actor = await _live_session(tx, session_hash, self.policy)
        cache.forget(SESSIONS, session_hash)
        return actor

    async def _bearer(self, text: str) -> Authenticated | None:
        if not is_bearer(text):
            return None
        token_hash = hash_of(text)
        organisation_id = await self._organisation_of(token_hash)
        if organisation_id is None:
            return None
        actor = await self._actor_of_token(organisation_id, token_hash)
        return None if actor is None else Authenticated(actor)

    async def _actor_of_token(self, organisation_id: OrganisationId, token_hash: bytes) -> Actor | None:
        cache, now = self._database.cache.of(organisation_id), self._database.clock()
        token = await cache.get(
            TOKENS, token_hash, lambda tx: tokens.get_credential(tx, token_hash), tags=credential_tags(token_hash)
        )
        if token is None or not is_valid(token, now=now):
            return None
        if not is_stale(token.last_used_at, now=now):
            return token.actor
        async with self._database.transaction(organisation_id) as tx:
            actor = await _valid_token(tx, token_hash)
        cache.forget(TOKENS, token_hash)
        return actor

    async def _organisation_of(self, token_hash: bytes) -> OrganisationId | None:
        known = self._organisations.get(token_hash)
        if known is not None or self._unknown.get(token_hash):
            return known
        async with self._database.transaction(None, lookup=token_hash) as tx:
            found = await tokens.organisation_of(tx, token_hash)
        if found is None:
            self._unknown.put(token_hash, key=True)
        else:
            self._organisations.put(token_hash, found)
        return found

    async def _exists(self, organisation_id: OrganisationId) -> bool:
        """Tell whether an organisation that a cookie names exists, before anything is loaded or kept for it."""
        if self._existing.get(organisation_id):
            return True
        async with self._database.transaction(organisation_id, prepares=False) as tx:
            is_there = await organisations.exists(tx)
        if is_there:
            self._existing.put(organisation_id, key=True)
        return is_there


async def _live_session(tx: Transaction, session_hash: bytes, usual: SessionPolicy) -> Actor | None:
    session = await sessions.get(tx, session_hash)
    if session is None or not is_live(session, now=tx.now):
        return None
    # It began under the rules of then; stricter ones of now hold for it too.
    if tx.now >= session.last_seen_at + idle_of(session.actor.role, policy_of(tx, usual)):
        return None
    if is_stale(session.last_seen_at, now=tx.now):
        await sessions.seen(tx, session_hash)
    return session.actor


async def _valid_token(tx: Transaction, token_hash: bytes) -> Actor | None:
    credential = await tokens.get_credential(tx, token_hash)
    if credential is None or not is_valid(credential, now=tx.now):
        return None
    if is_stale(credential.last_used_at, now=tx.now):
        await tokens.used(tx, credential.id)
    return credential.actor
