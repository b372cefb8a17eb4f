"""Sign in and out with a password."""

from datetime import timedelta
from uuid import UUID

import msgspec

from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.crypto import blind_index
from healthprotocol.foundation.db.transaction import Database, Priority, Transaction
from healthprotocol.foundation.errors import Violation
from healthprotocol.foundation.ids import AccountId, OrganisationId
from healthprotocol.trust.accounts.errors import WrongCredentials
from healthprotocol.trust.accounts.model import Account, AccountStatus, SessionPolicy
from healthprotocol.trust.accounts.repository import accounts as repository
from healthprotocol.trust.accounts.repository import sessions as session_repository
from healthprotocol.trust.accounts.repository.accounts import SignInRow
from healthprotocol.trust.accounts.rules.passwords import MAX_LENGTH
from healthprotocol.trust.accounts.service.credentials import Secret, new_cookie, own_tag
from healthprotocol.trust.accounts.service.passwords import PasswordHasher, Verdict
from healthprotocol.trust.accounts.service.policy import person_lane, policy_of
from healthprotocol.trust.accounts.service.throttle import Throttle
from healthprotocol.trust.audit import service as audit
from healthprotocol.trust.audit.model import Outcome


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed in. A second factor will be asked for after the password, by accounts that have one."""

    email: str
    password: str

    def __repr__(self) -> str:
        """Keep the password out of whatever prints this."""
        return "Credentials(…)"


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A new session: its account, its actor, the cookie, which is stored nowhere, and how long it lasts at most."""

    account: Account
    actor: Actor
    cookie: Secret
    lasts: timedelta


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The account that the password belongs to."""

    row: SignInRow
    verdict: Verdict


class SignIn:
    """
    Signing in, from the directory to the cookie. One per process.

    No connection to the database is held while a password is checked: that takes long, and it may have to wait.
    """

    def __init__(
        self, database: Database, *, policy: SessionPolicy, hasher: PasswordHasher, throttle: Throttle
    ) -> None:
        self._database = database
        self._policy = policy
        self._hasher = hasher
        self._throttle = throttle

    async def sign_in(
        self, credentials: Credentials, *, context: RequestContext, agent: str | None, replaces: Actor | None = None
    ) -> SignedIn:
        """
        Open a session. `agent` is the browser's name of itself; `replaces` is whose session the request came with.

        Raises WrongCredentials, the same for every cause; TooManyAttempts; SignInBusy.
        """
        lookup = self._lookup(credentials.email)
        self._throttle.require(lookup, context.address)
        places = await self._places(lookup)
        found = await self._find(places, credentials.password)
        if found is None:
            self._throttle.failed(lookup, context.address, lane=person_lane(self._database))
            await self._record_failure(places, context)
            raise WrongCredentials
        self._throttle.succeeded(lookup, context.address)
        rehashed = await self._hasher.hash(credentials.password) if found.verdict.needs_rehash else None
        return await self._open(found.row.account, context=context, agent=agent, replaces=replaces, rehashed=rehashed)

    async def sign_out(self, tx: Transaction, actor: Actor) -> None:
        """End the session that the actor came with."""
        if actor.session_hash is not None and await session_repository.delete(tx, actor.session_hash):
            tx.invalidate(own_tag(actor.session_hash))
            await audit.record(tx, actor, "session.delete", None)

    async def require_password(self, actor: Actor, password: str, *, context: RequestContext) -> None:
        """
        Return when this is the password of the actor's account, for acts that ask for it again.

        Raises WrongCredentials, TooManyAttempts, SignInBusy.
        """
        person = actor.account_id.bytes
        self._throttle.require(person, context.address)
        async with self._database.transaction(actor.organisation_id, actor=actor, priority=Priority.CRITICAL) as tx:
            row = await repository.get_for_sign_in(tx, actor.account_id)
        verdict = await self._hasher.verify(password, row.password_hash if row else None)
        if not verdict.matches:
            self._throttle.failed(person, context.address, lane=person_lane(self._database))
            raise WrongCredentials(
                violations=[Violation("/current_password", "password_wrong", "This is not the present password.")]
            )
        self._throttle.succeeded(person, context.address)

    def _lookup(self, email: str) -> bytes:
        index = self._database.keys.directory("email")
        try:
            return index.of(blind_index.email(email))
        except ValueError:
            # What is no address finds nobody, and takes the same way.
            return index.of(f"\x00{email}")

    async def _places(self, lookup: bytes) -> list[tuple[OrganisationId, AccountId]]:
        async with self._database.transaction(None, lookup=lookup, priority=Priority.CRITICAL) as tx:
            return await repository.found_by_lookup(tx, lookup)

    async def _find(self, places: list[tuple[OrganisationId, AccountId]], password: str) -> Found | None:
        # No password is longer; what is costs nothing to refuse, whoever it is for.
        if len(password) > MAX_LENGTH:
            return None
        for organisation_id, account_id in places:
            async with self._database.transaction(organisation_id, priority=Priority.CRITICAL) as tx:
                row = await repository.get_for_sign_in(tx, account_id)
            is_open = row is not None and row.account.status == AccountStatus.ACTIVE
            verdict = await self._hasher.verify(password, row.password_hash if row and is_open else None)
            if row is not None and verdict.matches:
                return Found(row=row, verdict=verdict)
        if not places:
            await self._hasher.verify(password, None)
        return None

    async def _open(
        self,
        account: Account,
        *,
        context: RequestContext,
        agent: str | None,
        replaces: Actor | None,
        rehashed: str | None,
    ) -> SignedIn:
        cookie = new_cookie(account.organisation_id)
        actor = Actor(
            account_id=account.id,
            organisation_id=account.organisation_id,
            role=account.role,
            subject_id=account.patient_id,
            session_hash=cookie.hash,
        )
        async with self._database.transaction(
            account.organisation_id, actor=actor, context=context, priority=Priority.CRITICAL
        ) as tx:
            # Read again, locked: it may have been disabled while the password was checked.
            present = await repository.get(tx, account.id, for_update=True)
            if present is None or (present.status, present.role) != (account.status, account.role):
                raise WrongCredentials
            if rehashed is not None:
                await repository.save_password(tx, account.id, rehashed, is_new=False)
            if replaces is not None and replaces.account_id == account.id and replaces.session_hash is not None:
                await session_repository.delete(tx, replaces.session_hash)
                tx.invalidate(own_tag(replaces.session_hash))
            policy = policy_of(tx, self._policy)
            for ended in await session_repository.delete_of_account(tx, account.id, keep=policy.most_sessions - 1):
                tx.invalidate(own_tag(ended))
            await session_repository.insert(tx, actor, policy, agent=agent)
            await audit.record(tx, actor, "session.create", account.id, object_type="account")
        return SignedIn(account=account, actor=actor, cookie=cookie, lasts=policy.absolute)

    async def _record_failure(self, places: list[tuple[OrganisationId, AccountId]], context: RequestContext) -> None:
        for organisation_id, account_id in places:
            async with self._database.transaction(organisation_id, context=context, priority=Priority.CRITICAL) as tx:
                await _failed(tx, account_id)


async def sweep_sessions(tx: Transaction) -> int:
    """Delete sessions that ended of themselves, at most 10,000 at once; return how many went."""
    return await session_repository.sweep(tx)


async def _failed(tx: Transaction, account_id: UUID) -> None:
    await audit.record(tx, None, "session.create", account_id, object_type="account", outcome=str(Outcome.FAILURE))
