from datetime import timedelta
from uuid import UUID

import pytest

from healthprotocol.api.paging import ListQuery
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import Forbidden, Invalid
from healthprotocol.foundation.ids import AccountId
from healthprotocol.trust.accounts import service
from healthprotocol.trust.accounts.errors import TokenNotFound
from healthprotocol.trust.accounts.model import NewToken
from healthprotocol.trust.accounts.service import Doorkeeper
from healthprotocol.trust.accounts.service.credentials import is_bearer, new_bearer
from tests.trust.accounts.conftest import Clinic, actor_of, add, found_clinic

DAY = timedelta(days=1)
NEW = NewToken(name="importer", scopes=("patient.read", "patient.write", "patient.read"), lifetime=90 * DAY)


class TestCreateToken:
    async def test_only_an_admin_may(self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic) -> None:
        elbe = await add(database, clinic, doorkeeper, "elbe@delta.example", "clinician")

        async with database.transaction(clinic.id) as tx:
            with pytest.raises(Forbidden):
                await service.create_token(tx, actor_of(elbe), NEW, is_live=False)

    async def test_the_token_is_given_once_and_not_kept(self, database: Database, clinic: Clinic) -> None:
        async with database.transaction(clinic.id) as tx:
            token, secret = await service.create_token(tx, clinic.actor, NEW, is_live=True)
            rows = str(await tx.fetch("select t::text from api_token t"))

        assert secret.text.startswith("hp_live_api_")
        assert secret.text not in rows
        assert secret.text not in repr(secret)
        assert (token.scopes, token.expires_at - token.created_at) == (("patient.read", "patient.write"), 90 * DAY)

    async def test_says_all_that_is_wrong_at_once(self, database: Database, clinic: Clinic) -> None:
        new = NewToken(
            name="x",
            scopes=("patient.read", "patient.sell", "token.write"),
            lifetime=366 * DAY,
            account_id=clinic.admin.id,
        )

        async with database.transaction(clinic.id) as tx:
            with pytest.raises(Invalid) as told:
                await service.create_token(tx, clinic.actor, new, is_live=False)

        assert [violation.pointer for violation in told.value.violations] == [
            "/scopes/1",
            "/scopes/2",
            "/expires_in_days",
            "/account_id",
        ]

    async def test_a_second_token_for_the_same_program_lets_one_change_them_over(
        self, database: Database, clinic: Clinic
    ) -> None:
        async with database.transaction(clinic.id) as tx:
            first, _ = await service.create_token(tx, clinic.actor, NEW, is_live=False)
            again = NewToken(name="importer 2", scopes=("*",), lifetime=DAY, account_id=first.account_id)
            second, _ = await service.create_token(tx, clinic.actor, again, is_live=False)

        assert second.account_id == first.account_id

    async def test_another_organisations_program_is_not_there(self, database: Database, clinic: Clinic) -> None:
        other = await found_clinic(database, "Estuary", "admin@estuary.example")
        async with database.transaction(clinic.id) as tx:
            token, _ = await service.create_token(tx, clinic.actor, NEW, is_live=False)
        new = NewToken(name="x", scopes=("*",), lifetime=DAY, account_id=AccountId(token.account_id))

        async with database.transaction(other.id) as tx:
            with pytest.raises(Invalid):
                await service.create_token(tx, other.actor, new, is_live=False)
            with pytest.raises(TokenNotFound):
                await service.revoke_token(tx, other.actor, token.id)
            assert (await service.list_tokens(tx, other.actor, ListQuery())).items == []


class TestRevokeToken:
    async def test_once_revoked_it_stays_so(self, database: Database, clinic: Clinic) -> None:
        async with database.transaction(clinic.id) as tx:
            token, _ = await service.create_token(tx, clinic.actor, NEW, is_live=False)
            first = await service.revoke_token(tx, clinic.actor, token.id)
        async with database.transaction(clinic.id) as tx:
            second = await service.revoke_token(tx, clinic.actor, token.id)
            (listed,) = (await service.list_tokens(tx, clinic.actor, ListQuery())).items

        assert first == second == listed
        assert first.revoked_at is not None


class TestTheForm:
    def test_begins_with_what_it_is_and_ends_with_a_check(self) -> None:
        text = new_bearer(UUID(int=2**128 - 1), is_live=False).text
        prefix, kind, api, token_id, secret, check = text.split("_")

        assert (prefix, kind, api) == ("hp", "test", "api")
        assert (len(token_id), len(secret), len(check)) == (22, 43, 6)
        assert is_bearer(text)

    def test_no_single_wrong_character_passes_the_check(self) -> None:
        text = new_bearer(UUID(int=1), is_live=True).text

        for position, character in enumerate(text):
            wrong = "A" if character != "A" else "B"
            assert not is_bearer(text[:position] + wrong + text[position + 1 :])

    def test_no_two_are_alike(self) -> None:
        assert len({new_bearer(UUID(int=1), is_live=True).text for _ in range(100)}) == 100
