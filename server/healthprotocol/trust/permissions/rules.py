"""The table of roles and permissions. Why it is so: docs/decisions/0010-what-each-role-may-do.md."""

from collections.abc import Iterable, Mapping

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.errors import Forbidden
from healthprotocol.trust.permissions.model import ALL_SCOPES, Permission, Role

P = Permission

_EVERYBODY = frozenset({P.SESSION_OWN, P.EVENT_READ, P.ORGANISATION_READ})

_FOLLOW = frozenset({P.PATIENT_READ, P.ASSIGNMENT_READ, P.ENTRY_READ, P.ENTRY_WRITE, P.ADHERENCE_READ})

_COORDINATE = _FOLLOW | {
    P.PATIENT_WRITE,
    P.PATIENT_EXPORT,
    P.PROTOCOL_READ,
    P.ASSIGNMENT_WRITE,
    P.ALERT_READ,
    P.ALERT_WRITE,
    P.MESSAGE_READ,
    P.MESSAGE_WRITE,
    P.OPERATION_READ,
    P.OPERATION_WRITE,
}

_TREAT = _COORDINATE | {P.PROTOCOL_WRITE, P.PROTOCOL_PUBLISH}

# Who may sign in, under which rules, is decided by people: a leaked token must not be able to make another one.
_PEOPLE_ONLY = frozenset(
    {P.ACCOUNT_WRITE, P.TOKEN_READ, P.TOKEN_WRITE, P.ORGANISATION_WRITE, P.SETTING_WRITE, P.PATIENT_ERASE}
)

ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.CLINICIAN: _EVERYBODY | _TREAT,
    Role.COORDINATOR: _EVERYBODY | _COORDINATE,
    Role.AUDITOR: _EVERYBODY | {P.AUDIT_READ, P.ACCOUNT_READ},
    Role.PATIENT: _EVERYBODY | _FOLLOW | {P.MESSAGE_READ, P.MESSAGE_WRITE},
    Role.SERVICE: frozenset(Permission) - _PEOPLE_ONLY,
}


def allows(actor: Actor, permission: Permission | str) -> bool:
    """
    Tell whether the actor's role, and the scopes of its token where it came with one, include the permission.

    An unknown role or permission is never allowed. Asking who one is needs no scope.
    """
    if permission not in _of_role(actor.role):
        return False
    if actor.scopes is None or ALL_SCOPES in actor.scopes:
        return True
    return permission in actor.scopes or permission == Permission.SESSION_OWN


def require(actor: Actor, permission: Permission | str) -> None:
    """Return when the actor may. Raises Forbidden, naming the permission."""
    if not allows(actor, permission):
        raise Forbidden(public={"permission": str(permission)})


def permissions_of(actor: Actor) -> tuple[str, ...]:
    """Return all that the actor may do, sorted: what a client shows and hides by."""
    return tuple(sorted(permission for permission in _of_role(actor.role) if allows(actor, permission)))


def unknown_scopes(scopes: Iterable[str], role: Role) -> tuple[int, ...]:
    """Return the positions of scopes that no token of this role can have."""
    known = {str(permission) for permission in ROLE_PERMISSIONS[role]} | {ALL_SCOPES}
    return tuple(position for position, scope in enumerate(scopes) if scope not in known)


def _of_role(role: str) -> frozenset[Permission]:
    return _BY_NAME.get(role, frozenset())


_BY_NAME: Mapping[str, frozenset[Permission]] = {str(role): granted for role, granted in ROLE_PERMISSIONS.items()}
