"""Who may see and stop long work: whoever began it, and the organisation's admins."""

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.jobs.operations import Operation, OperationUnknown
from healthprotocol.trust.permissions.model import Role


def require_own(actor: Actor, operation: Operation) -> None:
    """Return when the operation is the actor's to see. Raises OperationUnknown, as if there were none."""
    if operation.created_by != actor.account_id and actor.role != Role.ADMIN:
        raise OperationUnknown
