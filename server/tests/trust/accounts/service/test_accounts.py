import asyncio
from uuid import UUID

import pytest

from healthprotocol.api.paging import ListQuery
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import Forbidden, Invalid, NotFound, PreconditionFailed
from healthprotocol.foundation.ids import OrganisationId, new_id
from healthprotocol.trust.accounts import service
from healthprotocol.trust.accounts.errors import AccountNotFound, EmailTaken, LastAdmin, WrongCredentials
from healthprotocol.trust.accounts.model import AccountChange, NewAccount
from healthprotocol.trust.accounts.service import Doorkeeper
from tests.trust.accounts.conftest import (
    PASSWORD,
    Clinic,
    actor_of,
    add,
    found_clinic,
    sign_in,
    who,
)

NEW = "nine old brick walls fell"


async def refused(database: Database, clinic: Clinic, new: NewAccount) -> list[tuple[str, str]]:
    async with database.transaction(clinic.id) as tx:
        with pytest.raises(Invalid) as told:
            await service.create_account(tx, clinic.actor, new, password_hash=None)
    return [(violation.pointer, violation.code) for violation in told.value.violations]


class TestCreateAccount:
    async def test_only_an_admin_may(self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic) -> None:
        for role in ("clinician", "coordinator", "auditor"):
            actor = actor_of(await add(database, clinic, doorkeeper, f"{role}@delta.example", role))
            async with database.transaction(clinic.id) as tx:
                with pytest.raises(Forbidden):
                    await service.create_account(
                        tx, actor, NewAccount(role="admin", email="x@delta.example"), password_hash=None
                    )

    async def test_can_sign_in_and_is_as_asked_for(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        account = await add(database, clinic, doorkeeper, "Elbe@delta.example", "clinician")

        signed_in = await sign_in(doorkeeper, "elbe@delta.example")

        assert (signed_in.account.id, signed_in.account.email) == (account.id, "Elbe@delta.example")

    async def test_says_all_that_is_wrong_at_once(self, database: Database, clinic: Clinic) -> None:
        new = NewAccount(role="patient", email="no address", password="short")

        assert await refused(database, clinic, new) == [
            ("/patient_id", "patient_role"),
            ("/email", "email_invalid"),
            ("/password", "password_too_short"),
        ]

    async def test_the_organisations_name_makes_no_password(self, database: Database, clinic: Clinic) -> None:
        new = NewAccount(role="admin", email="elbe@delta.example", password="Delta Clinic Delta 1")

        assert await refused(database, clinic, new) == [("/password", "password_common")]

    async def test_a_program_is_not_made_like_a_person(self, database: Database, clinic: Clinic) -> None:
        assert await refused(database, clinic, NewAccount(role="service", email="x@delta.example")) == [
            ("/role", "not_a_person")
        ]

    async def test_a_patients_account_is_bound_to_a_patient_who_exists(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        patient_id = new_id(database.clock())
        new = NewAccount(role="patient", email="weser@delta.example", patient_id=patient_id, password=PASSWORD)
        assert await refused(database, clinic, new) == [("/patient_id", "not_found")]

        async with database.transaction(clinic.id) as tx:
            await tx.keys.create_subjects(tx, [patient_id])
            password_hash = await doorkeeper.hasher.hash(PASSWORD)
            await service.create_account(tx, clinic.actor, new, password_hash=password_hash)

        signed_in = await sign_in(doorkeeper, "weser@delta.example")
        assert (signed_in.actor.role, signed_in.actor.subject_id) == ("patient", patient_id)

    async def test_staff_is_bound_to_no_patient(self, database: Database, clinic: Clinic) -> None:
        new = NewAccount(role="clinician", email="elbe@delta.example", patient_id=UUID(int=1))

        assert await refused(database, clinic, new) == [("/patient_id", "patient_role")]

    async def test_an_address_is_taken_once_in_an_organisation(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        with pytest.raises(EmailTaken):
            await add(database, clinic, doorkeeper, "ADMIN@delta.example", "clinician")

        other = await found_clinic(database, "Estuary", "admin@delta.example", password=NEW)
        assert other.admin.email == "admin@delta.example"


class TestGetAndList:
    async def test_anybody_reads_her_own_account_but_no_other(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        elbe = await add(database, clinic, doorkeeper, "elbe@delta.example", "clinician")

        async with database.transaction(clinic.id) as tx:
            assert (await service.get_account(tx, actor_of(elbe), elbe.id)).email == "elbe@delta.example"
            with pytest.raises(Forbidden):
                await service.get_account(tx, actor_of(elbe), clinic.admin.id)
            with pytest.raises(Forbidden):
                await service.list_accounts(tx, actor_of(elbe), ListQuery())

    async def test_another_organisations_account_is_not_there(self, database: Database, clinic: Clinic) -> None:
        other = await found_clinic(database, "Estuary", "admin@estuary.example")

        async with database.transaction(other.id) as tx:
            with pytest.raises(AccountNotFound):
                await service.get_account(tx, other.actor, clinic.admin.id)
            listed = await service.list_accounts(tx, other.actor, ListQuery())
        assert [account.id for account in listed.items] == [other.admin.id]

    async def test_a_list_is_filtered_by_role_and_paged(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        for river in ("elbe", "oder", "weser"):
            await add(database, clinic, doorkeeper, f"{river}@delta.example", "clinician")
        seen: list[str | None] = []
        token: str | None = None

        while True:
            async with database.transaction(clinic.id) as tx:
                query = ListQuery(filter='role = "clinician"', page_size=2, page_token=token)
                page = await service.list_accounts(tx, clinic.actor, query)
            seen += [account.email for account in page.items]
            token = page.next_page_token
            if token is None:
                break

        assert sorted(str(email) for email in seen) == [
            "elbe@delta.example",
            "oder@delta.example",
            "weser@delta.example",
        ]


class TestChangeAccount:
    async def test_a_stale_revision_is_refused(self, database: Database, clinic: Clinic) -> None:
        async with database.transaction(clinic.id) as tx:
            with pytest.raises(PreconditionFailed):
                await service.change_account(
                    tx, clinic.actor, clinic.admin.id, AccountChange(name="Elbe"), expected_revision=7
                )
            changed = await service.change_account(
                tx, clinic.actor, clinic.admin.id, AccountChange(name="Elbe"), expected_revision=1
            )
        assert (changed.name, changed.revision) == ("Elbe", 2)

    @pytest.mark.parametrize("change", [AccountChange(role="clinician"), AccountChange(status="disabled")])
    async def test_the_last_admin_stays(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic, change: AccountChange
    ) -> None:
        async with database.transaction(clinic.id) as tx:
            with pytest.raises(LastAdmin):
                await service.change_account(tx, clinic.actor, clinic.admin.id, change, expected_revision=None)

        await add(database, clinic, doorkeeper, "elbe@delta.example", "admin")
        async with database.transaction(clinic.id) as tx:
            await service.change_account(tx, clinic.actor, clinic.admin.id, change, expected_revision=None)

    async def test_two_admins_do_not_disable_one_another_at_once(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        elbe = await add(database, clinic, doorkeeper, "elbe@delta.example", "admin")

        async def disable(account_id: UUID) -> None:
            async with database.transaction(clinic.id) as tx:
                await service.change_account(
                    tx, clinic.actor, account_id, AccountChange(status="disabled"), expected_revision=None
                )

        results = await asyncio.gather(disable(elbe.id), disable(clinic.admin.id), return_exceptions=True)

        assert [type(result) for result in results if result is not None] == [LastAdmin]

    @pytest.mark.parametrize("role", ["patient", "service"])
    async def test_nobody_becomes_a_patient_or_a_program(self, database: Database, clinic: Clinic, role: str) -> None:
        async with database.transaction(clinic.id) as tx:
            with pytest.raises(Invalid):
                await service.change_account(
                    tx, clinic.actor, clinic.admin.id, AccountChange(role=role), expected_revision=None
                )


class TestSetPassword:
    async def test_ends_all_sessions_but_the_one_that_acts(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        here, there = [await sign_in(doorkeeper, "admin@delta.example") for _ in range(2)]
        password_hash = await doorkeeper.hasher.hash(NEW)
        async with database.transaction(clinic.id) as tx:
            await service.set_password(tx, here.actor, clinic.admin.id, password=NEW, password_hash=password_hash)

        assert (await who(doorkeeper, here) is not None, await who(doorkeeper, there)) == (True, None)
        with pytest.raises(WrongCredentials):
            await sign_in(doorkeeper, "admin@delta.example")
        await sign_in(doorkeeper, "admin@delta.example", NEW)

    async def test_only_an_admin_sets_anothers(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        elbe = await add(database, clinic, doorkeeper, "elbe@delta.example", "clinician")

        async with database.transaction(clinic.id) as tx:
            with pytest.raises(Forbidden):
                await service.set_password(tx, actor_of(elbe), clinic.admin.id, password=NEW, password_hash="hash")

    async def test_the_name_of_the_person_makes_no_password(self, database: Database, clinic: Clinic) -> None:
        async with database.transaction(clinic.id) as tx:
            with pytest.raises(Invalid):
                await service.set_password(
                    tx, clinic.actor, clinic.admin.id, password="admin@delta.example", password_hash="hash"
                )


class TestOrganisations:
    async def test_a_new_one_has_keys_and_an_admin(self, database: Database, clinic: Clinic) -> None:
        async with database.transaction(clinic.id) as tx:
            purposes = await tx.fetch("select purpose from purpose_key order by purpose")
            organisation = await service.get_organisation(tx, clinic.actor)

        assert {row["purpose"] for row in purposes} >= {"audit", "auth", "general", "index"}
        assert (organisation.name, organisation.settings, clinic.admin.role) == ("Delta Clinic", {}, "admin")

    async def test_settings_are_merged_and_none_removes_one(self, database: Database, clinic: Clinic) -> None:
        async with database.transaction(clinic.id) as tx:
            await service.change_organisation(
                tx, clinic.actor, settings={"late_entry_days": 3, "language": "de"}, expected_revision=1
            )
            changed = await service.change_organisation(
                tx, clinic.actor, name="Delta", settings={"late_entry_days": None}, expected_revision=2
            )

        assert (changed.name, changed.settings, changed.revision) == ("Delta", {"language": "de"}, 3)

    async def test_a_stale_revision_is_refused(self, database: Database, clinic: Clinic) -> None:
        async with database.transaction(clinic.id) as tx:
            with pytest.raises(PreconditionFailed):
                await service.change_organisation(tx, clinic.actor, name="Delta", expected_revision=9)

    async def test_only_an_admin_changes_it(self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic) -> None:
        elbe = await add(database, clinic, doorkeeper, "elbe@delta.example", "clinician")

        async with database.transaction(clinic.id) as tx:
            with pytest.raises(Forbidden):
                await service.change_organisation(tx, actor_of(elbe), name="Delta", expected_revision=1)

    async def test_none_is_nowhere(self, database: Database, clinic: Clinic) -> None:
        async with database.transaction(OrganisationId(new_id(database.clock()))) as tx:
            with pytest.raises(NotFound):
                await service.get_organisation(tx)
