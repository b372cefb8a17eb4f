from uuid import UUID

import pytest

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.errors import Forbidden
from healthprotocol.foundation.ids import AccountId, OrganisationId
from healthprotocol.trust.permissions.model import Permission, Role
from healthprotocol.trust.permissions.rules import (
    ROLE_PERMISSIONS,
    allows,
    permissions_of,
    require,
    unknown_scopes,
)

P = Permission


def actor(role: str, *, scopes: frozenset[str] | None = None) -> Actor:
    return Actor(
        account_id=AccountId(UUID(int=1)), organisation_id=OrganisationId(UUID(int=2)), role=role, scopes=scopes
    )


class TestRoles:
    @pytest.mark.parametrize("role", Role)
    def test_everybody_may_see_and_end_her_own_session(self, role: Role) -> None:
        assert allows(actor(role), P.SESSION_OWN)

    @pytest.mark.parametrize(
        "permission", [p for p in P if p.partition(".")[0] in {"patient", "entry", "assignment", "adherence", "alert"}]
    )
    def test_an_auditor_reads_no_health_data(self, permission: Permission) -> None:
        assert not allows(actor(Role.AUDITOR), permission)

    def test_a_coordinator_publishes_no_protocol(self) -> None:
        assert allows(actor(Role.COORDINATOR), P.ASSIGNMENT_WRITE)
        assert not allows(actor(Role.COORDINATOR), P.PROTOCOL_WRITE)
        assert not allows(actor(Role.COORDINATOR), P.PROTOCOL_PUBLISH)

    @pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMIN])
    @pytest.mark.parametrize("permission", [P.ACCOUNT_WRITE, P.TOKEN_WRITE, P.ORGANISATION_WRITE, P.PATIENT_ERASE])
    def test_only_an_admin_decides_who_comes_in_and_who_is_erased(self, role: Role, permission: Permission) -> None:
        assert not allows(actor(role), permission)

    @pytest.mark.parametrize("permission", [P.PATIENT_WRITE, P.ASSIGNMENT_WRITE, P.PROTOCOL_WRITE, P.AUDIT_READ])
    def test_a_patient_changes_only_what_she_logs(self, permission: Permission) -> None:
        assert allows(actor(Role.PATIENT), P.ENTRY_WRITE)
        assert not allows(actor(Role.PATIENT), permission)

    def test_an_admin_may_everything(self) -> None:
        assert ROLE_PERMISSIONS[Role.ADMIN] == frozenset(Permission)

    def test_every_role_and_permission_is_in_the_table(self) -> None:
        assert set(ROLE_PERMISSIONS) == set(Role)
        assert frozenset().union(*ROLE_PERMISSIONS.values()) == frozenset(Permission)


class TestRequire:
    def test_names_the_permission_that_is_missing(self) -> None:
        with pytest.raises(Forbidden) as refused:
            require(actor(Role.PATIENT), P.AUDIT_READ)

        assert refused.value.public == {"permission": "audit.read"}

    def test_lets_the_right_role_pass(self) -> None:
        require(actor(Role.AUDITOR), P.AUDIT_READ)

    @pytest.mark.parametrize(
        ("role", "permission"), [("janitor", P.PATIENT_READ), (Role.ADMIN, "patient.sell"), ("", "")]
    )
    def test_what_is_unknown_is_never_allowed(self, role: str, permission: str) -> None:
        with pytest.raises(Forbidden):
            require(actor(role), permission)


class TestScopes:
    def test_a_token_may_what_both_its_role_and_its_scopes_say(self) -> None:
        reader = actor(Role.SERVICE, scopes=frozenset({"patient.read", "account.write"}))

        assert permissions_of(reader) == ("patient.read", "session.own")

    def test_a_star_is_all_of_the_role_and_no_more(self) -> None:
        assert permissions_of(actor(Role.SERVICE, scopes=frozenset({"*"}))) == permissions_of(actor(Role.SERVICE))
        assert not allows(actor(Role.SERVICE, scopes=frozenset({"*"})), P.TOKEN_WRITE)

    def test_without_scopes_a_token_may_only_ask_who_it_is(self) -> None:
        assert permissions_of(actor(Role.ADMIN, scopes=frozenset())) == ("session.own",)

    def test_unknown_scopes_are_told_by_their_place(self) -> None:
        assert unknown_scopes(["patient.read", "patient.sell", "*", "token.write"], Role.SERVICE) == (1, 3)
