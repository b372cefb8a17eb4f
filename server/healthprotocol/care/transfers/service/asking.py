"""Who asked for long work, looked at anew with every batch: it is done in her name."""

from healthprotocol.care.transfers.errors import AskerGone
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.jobs.operations import Operation
from healthprotocol.trust.accounts import service as accounts
from healthprotocol.trust.accounts.errors import AccountNotFound
from healthprotocol.trust.accounts.model import AccountStatus


async def asker(tx: Transaction, operation: Operation, *, role: str) -> Actor:
    """Return whoever began an operation. Raises AskerGone when she is not active in that role any more."""
    actor = Actor(account_id=operation.created_by, organisation_id=tx.tenant, role=role)
    try:
        account = await accounts.get_account(tx, actor, actor.account_id)
    except AccountNotFound:
        raise AskerGone from None
    if account.status != AccountStatus.ACTIVE or account.role != role:
        raise AskerGone
    return actor
