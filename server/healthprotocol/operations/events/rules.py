"""Who is told of what. A listener hears only of what it could also read."""

from collections.abc import Mapping

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.feed import Announcement
from healthprotocol.trust.access.model import Sight
from healthprotocol.trust.permissions.model import Permission, Role
from healthprotocol.trust.permissions.rules import allows

# By the noun of the kind; what is not here is told to nobody.
NEEDED: Mapping[str, Permission] = {
    "alert": Permission.ALERT_READ,
    "assignment": Permission.ASSIGNMENT_READ,
    "entries": Permission.ENTRY_READ,
    "operation": Permission.OPERATION_READ,
    "patient": Permission.PATIENT_READ,
}


def is_told(announcement: Announcement, actor: Actor, sight: Sight) -> bool:
    """
    Say whether an actor hears of an announcement.

    It must be of the actor's organisation and of a kind that the actor may read; of a patient within sight; and, where
    it is for one account, be for this one or the actor an admin. What is about many patients is for who sees all.
    """
    permission = NEEDED.get(announcement.kind.partition(".")[0])
    if announcement.organisation_id != actor.organisation_id or permission is None or not allows(actor, permission):
        return False
    if announcement.account_id is not None:
        return announcement.account_id == actor.account_id or actor.role == Role.ADMIN
    if announcement.subject_id is None:
        return sight.only is None
    return sight.includes(announcement.subject_id)
