"""Who may look at flags and change them."""

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Forbidden
from healthprotocol.foundation.ids import INSTALLATION
from healthprotocol.trust.permissions import rules as permissions
from healthprotocol.trust.permissions.model import Permission


def require_read(actor: Actor) -> None:
    """Return when the actor may see what is decided. Raises Forbidden."""
    permissions.require(actor, Permission.SETTING_READ)


def require_write(tx: Transaction, actor: Actor | None) -> None:
    """
    Return when the actor may decide for the transaction's organisation. Raises Forbidden.

    Nobody (None) is an operator at the command line, or the guard; what holds for all organisations is for them alone.
    """
    if actor is None:
        return
    permissions.require(actor, Permission.SETTING_WRITE)
    if tx.tenant == INSTALLATION or actor.organisation_id != tx.tenant:
        raise Forbidden
