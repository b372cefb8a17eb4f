"""Who asked for long work, looked at anew with every batch: it is done in her name, and with her rights."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.jobs.operations import Operation
from healthprotocol.trust.accounts.errors import AccountNotFound, AskerGone, TokenGone
from healthprotocol.trust.accounts.model import AccountStatus
from healthprotocol.trust.accounts.service.accounts import get_account
from healthprotocol.trust.accounts.service.tokens import scopes_of_token, token_of
from healthprotocol.trust.permissions import rules as permissions
from healthprotocol.trust.permissions.model import Permission


async def asking_token(tx: Transaction, actor: Actor) -> UUID | None:
    """Return the token with which an actor asks, None for a person who is signed in. Raises TokenGone."""
    if actor.scopes is None:
        return None
    token_id = await token_of(tx, actor)
    if token_id is None:
        # Without it the work would go on with all that the role may do.
        raise TokenGone
    return token_id


async def asker(
    tx: Transaction, operation: Operation, *, role: str, token_id: UUID | None, needs: Sequence[Permission]
) -> Actor:
    """
    Return whoever began an operation, as she may act now.

    Raises AskerGone when she is not active in that role any more, or may not do what it `needs`; TokenGone when the
    token with which she asked is not good any more, or lacks a scope.
    """
    actor = Actor(account_id=operation.created_by, organisation_id=tx.tenant, role=role)
    try:
        account = await get_account(tx, actor, actor.account_id)
    except AccountNotFound:
        raise AskerGone from None
    if account.status != AccountStatus.ACTIVE or account.role != role:
        raise AskerGone
    if token_id is not None:
        scopes = await scopes_of_token(tx, token_id)
        if scopes is None:
            raise TokenGone
        actor = msgspec.structs.replace(actor, scopes=scopes)
    missing = [one for one in needs if not permissions.allows(actor, one)]
    if missing:
        gone = AskerGone if token_id is None else TokenGone
        raise gone(public={"permission": str(missing[0])})
    return actor
