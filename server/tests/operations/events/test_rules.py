"""A listener hears only of what it could also read."""

from uuid import UUID

import pytest

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.feed import Announcement
from healthprotocol.foundation.ids import AccountId, OrganisationId
from healthprotocol.operations.events.rules import is_told
from healthprotocol.trust.access.rules import sight_of

OURS, THEIRS = OrganisationId(UUID(int=1)), OrganisationId(UUID(int=2))
ELBE, ODER = UUID(int=11), UUID(int=12)
SELF, OTHER = AccountId(UUID(int=21)), AccountId(UUID(int=22))


def actor(role: str, *, scopes: frozenset[str] | None = None) -> Actor:
    subject_id = ELBE if role == "patient" else None
    return Actor(account_id=SELF, organisation_id=OURS, role=role, subject_id=subject_id, scopes=scopes)


def said(kind: str, *, of: OrganisationId = OURS, about: UUID | None = ELBE, to: UUID | None = None) -> Announcement:
    return Announcement(UUID(int=99), of, kind, UUID(int=98), about, to)


def told(announcement: Announcement, one: Actor) -> bool:
    return is_told(announcement, one, sight_of(one))


class TestIsTold:
    @pytest.mark.parametrize("role", ["admin", "clinician", "coordinator", "service"])
    @pytest.mark.parametrize("kind", ["alert.opened", "entries.recorded", "assignment.changed", "patient.erased"])
    def test_staff_hears_of_all_patients(self, role: str, kind: str) -> None:
        assert told(said(kind), actor(role))

    def test_a_patient_hears_of_herself_but_never_of_alerts(self) -> None:
        herself = actor("patient")

        assert told(said("entries.recorded"), herself)
        assert not told(said("entries.recorded", about=ODER), herself)
        assert not told(said("alert.opened"), herself)
        assert not told(said("assignment.changed", about=None), herself)

    def test_an_auditor_hears_nothing(self) -> None:
        assert not told(said("entries.recorded"), actor("auditor"))

    def test_nobody_hears_of_another_organisation_or_of_an_unknown_kind(self) -> None:
        assert not told(said("entries.recorded", of=THEIRS), actor("admin"))
        assert not told(said("secret.told"), actor("admin"))

    def test_long_work_is_for_who_began_it_and_admins(self) -> None:
        assert told(said("operation.updated", about=None, to=SELF), actor("clinician"))
        assert not told(said("operation.updated", about=None, to=OTHER), actor("clinician"))
        assert told(said("operation.updated", about=None, to=OTHER), actor("admin"))

    def test_a_token_hears_of_what_its_scopes_name(self) -> None:
        scale = actor("service", scopes=frozenset({"entry.read"}))

        assert told(said("entries.recorded"), scale)
        assert not told(said("alert.opened"), scale)
