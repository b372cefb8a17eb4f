"""Sight by role. Care relationships, consent and emergency access narrow and widen it when they come."""

from healthprotocol.foundation.context import Actor
from healthprotocol.trust.access.model import Sight
from healthprotocol.trust.permissions.model import Role

_WHOLE_ORGANISATION = frozenset({Role.ADMIN, Role.CLINICIAN, Role.COORDINATOR, Role.SERVICE})


def sight_of(actor: Actor) -> Sight:
    """Return whom the role lets the actor see: staff the organisation, a patient account its patient, others nobody."""
    if actor.role in _WHOLE_ORGANISATION:
        return Sight(None)
    if actor.role == Role.PATIENT and actor.subject_id is not None:
        return Sight(frozenset({actor.subject_id}))
    return Sight(frozenset())
