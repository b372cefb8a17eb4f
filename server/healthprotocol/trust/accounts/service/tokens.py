"""Acts on bearer tokens."""

from uuid import UUID

from healthprotocol.api.paging import ListQuery, Page
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid, Violation
from healthprotocol.foundation.ids import AccountId
from healthprotocol.trust.accounts.errors import TokenNotFound
from healthprotocol.trust.accounts.model import AccountStatus, NewToken, Token
from healthprotocol.trust.accounts.repository import accounts as account_repository
from healthprotocol.trust.accounts.repository import tokens as repository
from healthprotocol.trust.accounts.rules.credentials import LONGEST_TOKEN_LIFE, is_valid
from healthprotocol.trust.accounts.service.accounts import create_service_account
from healthprotocol.trust.accounts.service.credentials import Secret, new_bearer, own_tag
from healthprotocol.trust.audit import service as audit
from healthprotocol.trust.permissions import rules as permissions
from healthprotocol.trust.permissions.model import Permission, Role

TOKENS = repository.TOKENS


async def create_token(tx: Transaction, actor: Actor, new: NewToken, *, is_live: bool) -> tuple[Token, Secret]:
    """
    Make a token, for a service account of its own or an existing one; the secret is returned this once.

    `is_live` is false on systems that hold no real people. Raises Invalid with every fault.
    """
    permissions.require(actor, Permission.TOKEN_WRITE)
    await _require_good(tx, new)
    account_id = new.account_id or (await create_service_account(tx, actor, new.name)).id
    token = Token(
        id=tx.new_id(),
        account_id=account_id,
        name=new.name,
        scopes=tuple(dict.fromkeys(new.scopes)),
        created_by=actor.account_id,
        created_at=tx.now,
        expires_at=tx.now + new.lifetime,
        last_used_at=None,
        revoked_at=None,
        revision=1,
    )
    secret = new_bearer(token.id, is_live=is_live)

    await repository.insert(tx, token, secret.hash)
    await audit.record(tx, actor, "token.create", token.id, detail={"scopes": token.scopes, "account_id": account_id})
    return token, secret


async def list_tokens(tx: Transaction, actor: Actor, query: ListQuery) -> Page[Token]:
    """Return a page of tokens, newest first unless `order_by` says otherwise. Raises Forbidden, BadRequest."""
    permissions.require(actor, Permission.TOKEN_READ)
    found = await repository.page(tx, await TOKENS.ask(tx, query))
    await audit.record(tx, actor, "token.list", detail={"count": len(found.items)})
    return found


async def revoke_token(tx: Transaction, actor: Actor, token_id: UUID) -> Token:
    """Revoke a token for good. Once revoked it stays so. Raises TokenNotFound."""
    permissions.require(actor, Permission.TOKEN_WRITE)
    revoked = await repository.revoke(tx, token_id, at=tx.now)
    if revoked is None:
        raise TokenNotFound
    token, token_hash = revoked
    tx.invalidate(own_tag(token_hash))
    await audit.record(tx, actor, "token.revoke", token_id)
    return token


async def token_of(tx: Transaction, actor: Actor) -> UUID | None:
    """Return the token with which an actor came; None for one that came with none, or whose token is gone."""
    if actor.scopes is None or actor.session_hash is None:
        return None
    credential = await repository.get_credential(tx, actor.session_hash)
    return None if credential is None else credential.id


async def scopes_of_token(tx: Transaction, token_id: UUID) -> frozenset[str] | None:
    """Return what a token may be used for now; None when it may not be used at all: revoked, expired, or gone."""
    credential = await repository.credential_of_id(tx, token_id)
    return credential.actor.scopes if credential is not None and is_valid(credential, now=tx.now) else None


async def _require_good(tx: Transaction, new: NewToken) -> None:
    violations = [
        Violation(f"/scopes/{position}", "unknown_scope", "It must be a permission that programs can have, or *.")
        for position in permissions.unknown_scopes(new.scopes, Role.SERVICE)
    ]
    if not new.lifetime <= LONGEST_TOKEN_LIFE:
        violations.append(Violation("/expires_in_days", "too_large", f"At most {LONGEST_TOKEN_LIFE.days} days."))
    if new.account_id is not None and not await _is_service(tx, new.account_id):
        violations.append(Violation("/account_id", "not_found", "There is no such active service account."))
    if violations:
        raise Invalid(violations=violations)


async def _is_service(tx: Transaction, account_id: AccountId) -> bool:
    account = await account_repository.get(tx, account_id)
    return account is not None and account.role == Role.SERVICE and account.status == AccountStatus.ACTIVE
