"""
May this actor see this patient? The only place that answers; permissions say what, this says of whom.

Both functions take the transaction because the answer will also come from stored relationships.
"""

from uuid import UUID

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import NotFound
from healthprotocol.trust.access import rules
from healthprotocol.trust.access.model import Sight


async def sight(tx: Transaction, actor: Actor) -> Sight:
    """Return whom the actor may see, for lists. Nobody, in a transaction of another organisation."""
    if actor.organisation_id != tx.tenant:
        return Sight(frozenset())
    return rules.sight_of(actor)


async def require_patient(tx: Transaction, actor: Actor, patient_id: UUID) -> None:
    """Return when the actor may see the patient. Raises NotFound: whom one may not see does not exist."""
    if not (await sight(tx, actor)).includes(patient_id):
        raise NotFound
