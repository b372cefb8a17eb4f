import asyncio
import base64
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from healthprotocol.foundation.cache import CacheOptions
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import Forbidden
from healthprotocol.foundation.ids import OrganisationId
from healthprotocol.trust.accounts import service
from healthprotocol.trust.accounts.model import AccountChange, NewToken
from healthprotocol.trust.accounts.service import Doorkeeper
from healthprotocol.trust.accounts.service.credentials import Secret, new_bearer, new_cookie
from healthprotocol.trust.accounts.service.policy import session_policy
from tests.support.postgresql import Cluster, open_database
from tests.trust.accounts.conftest import (
    Clinic,
    MovingClock,
    add,
    found_clinic,
    quick_hasher,
    sign_in,
    who,
)

MINUTE = timedelta(minutes=1)
A_MOMENT = timedelta(seconds=3)


async def make_token(
    database: Database, clinic: Clinic, *, scopes: tuple[str, ...] = ("patient.read",), lifetime: timedelta = MINUTE
) -> tuple[UUID, Secret]:
    async with database.transaction(clinic.id) as tx:
        new = NewToken(name="importer", scopes=scopes, lifetime=lifetime)
        token, secret = await service.create_token(tx, clinic.actor, new, is_live=False)
    return token.id, secret


class TestCookies:
    async def test_a_session_lives_while_it_is_used(
        self, doorkeeper: Doorkeeper, clinic: Clinic, clock: MovingClock
    ) -> None:
        signed_in = await sign_in(doorkeeper, "admin@delta.example")

        for _ in range(6):
            clock.advance(10 * MINUTE)
            assert await who(doorkeeper, signed_in) is not None
        clock.advance(15 * MINUTE)
        assert await who(doorkeeper, signed_in) is None

    async def test_no_session_lives_longer_than_its_absolute_end(
        self, doorkeeper: Doorkeeper, clinic: Clinic, clock: MovingClock
    ) -> None:
        signed_in = await sign_in(doorkeeper, "admin@delta.example")

        for _ in range(71):
            clock.advance(10 * MINUTE)
            assert await who(doorkeeper, signed_in) is not None
        clock.advance(10 * MINUTE)
        assert await who(doorkeeper, signed_in) is None

    async def test_what_is_no_cookie_is_nobody(self, doorkeeper: Doorkeeper) -> None:
        for text in ("", "x", "a.b", "!" * 22 + "." + "a" * 43, "a" * 66, "\x00", "ü" * 66):
            assert await doorkeeper.authenticate({}, {doorkeeper.cookie_name: text}) is None

    async def test_a_cookie_of_another_secret_or_organisation_is_nobody(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        other = await found_clinic(database, "Estuary", "admin@estuary.example")
        signed_in = await sign_in(doorkeeper, "admin@delta.example")
        elsewhere = base64.urlsafe_b64encode(other.id.bytes).rstrip(b"=").decode()
        moved = f"{elsewhere}.{signed_in.cookie.text.partition('.')[2]}"

        for text in (moved, new_cookie(clinic.id).text, new_cookie(OrganisationId(UUID(int=1))).text):
            assert await doorkeeper.authenticate({}, {doorkeeper.cookie_name: text}) is None

    async def test_a_cookie_under_another_name_is_nobody(self, doorkeeper: Doorkeeper, clinic: Clinic) -> None:
        signed_in = await sign_in(doorkeeper, "admin@delta.example")

        assert await doorkeeper.authenticate({}, {"__Host-hp": signed_in.cookie.text}) is None

    async def test_each_session_has_its_own_csrf_token(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic, settings: Settings
    ) -> None:
        tokens = set()
        for _ in range(2):
            signed_in = await sign_in(doorkeeper, "admin@delta.example")
            found = await doorkeeper.authenticate({}, {doorkeeper.cookie_name: signed_in.cookie.text})
            assert found is not None
            assert found.csrf_token == doorkeeper.csrf_token(signed_in.cookie.hash)
            tokens.add(found.csrf_token)

        assert len(tokens) == 2


class TestRevoking:
    async def test_a_changed_role_or_a_disabled_account_ends_its_sessions(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        account = await add(database, clinic, doorkeeper, "elbe@delta.example", "clinician")
        for revision, change in enumerate([AccountChange(role="coordinator"), AccountChange(status="disabled")], 1):
            signed_in = await sign_in(doorkeeper, "elbe@delta.example")
            assert await who(doorkeeper, signed_in) is not None

            async with database.transaction(clinic.id) as tx:
                await service.change_account(tx, clinic.actor, account.id, change, expected_revision=revision)

            assert await who(doorkeeper, signed_in) is None

    async def test_another_process_that_hears_nothing_knows_of_it_within_its_bound(
        self,
        cluster: Cluster,
        database_name: str,
        database: Database,
        doorkeeper: Doorkeeper,
        clinic: Clinic,
        settings: Settings,
    ) -> None:
        elsewhere = await open_database(cluster, database_name, cache=CacheOptions(bound_seconds=0.2))
        other = Doorkeeper(elsewhere, settings, hasher=quick_hasher())
        signed_in = await sign_in(doorkeeper, "admin@delta.example")
        assert await who(other, signed_in) is not None
        async with database.transaction(clinic.id) as tx:
            await doorkeeper.sign_in.sign_out(tx, signed_in.actor)

        await asyncio.sleep(0.2)
        assert await who(other, signed_in) is None
        other.close()
        await elsewhere.close()

    async def test_its_own_process_knows_of_it_at_once(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        signed_in = await sign_in(doorkeeper, "admin@delta.example")
        assert await who(doorkeeper, signed_in) is not None

        async with database.transaction(clinic.id) as tx:
            await doorkeeper.sign_in.sign_out(tx, signed_in.actor)

        assert await who(doorkeeper, signed_in) is None

    async def test_asking_again_at_once_costs_no_query(
        self, doorkeeper: Doorkeeper, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        signed_in = await sign_in(doorkeeper, "admin@delta.example")
        first = await who(doorkeeper, signed_in)
        monkeypatch.setattr(doorkeeper._database, "transaction", None)

        assert await who(doorkeeper, signed_in) == first


class TestBearerTokens:
    async def test_a_token_is_its_service_account_within_its_scopes(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        _, secret = await make_token(database, clinic)

        found = await doorkeeper.authenticate({"authorization": f"Bearer {secret.text}"}, {})

        assert found is not None
        assert found.csrf_token is None
        assert (found.actor.role, found.actor.scopes) == ("service", frozenset({"patient.read"}))
        doorkeeper.authorize(found.actor, "patient.read")
        with pytest.raises(Forbidden):
            doorkeeper.authorize(found.actor, "patient.write")

    async def test_what_is_no_token_is_nobody(self, doorkeeper: Doorkeeper) -> None:
        for header in ("", "Bearer", "Bearer ", "Basic YTpi", "Bearer x", "bearer hp_test_api_a_b_c", "Bearer \x00"):
            assert await doorkeeper.authenticate({"authorization": header}, {}) is None

    async def test_a_wrong_header_is_not_made_good_by_a_cookie(self, doorkeeper: Doorkeeper, clinic: Clinic) -> None:
        signed_in = await sign_in(doorkeeper, "admin@delta.example")
        cookies = {doorkeeper.cookie_name: signed_in.cookie.text}

        assert await doorkeeper.authenticate({"authorization": "Bearer x"}, cookies) is None

    async def test_an_unknown_or_mistyped_token_is_nobody(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        token_id, secret = await make_token(database, clinic)
        mistyped = secret.text[:-1] + ("a" if secret.text[-1] != "a" else "b")

        for text in (mistyped, new_bearer(token_id, is_live=False).text):
            assert await doorkeeper.authenticate({"authorization": f"Bearer {text}"}, {}) is None

    async def test_ends_when_it_expires(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic, clock: MovingClock
    ) -> None:
        _, secret = await make_token(database, clinic, lifetime=10 * MINUTE)
        headers = {"authorization": f"Bearer {secret.text}"}

        assert await doorkeeper.authenticate(headers, {}) is not None
        clock.advance(10 * MINUTE)
        assert await doorkeeper.authenticate(headers, {}) is None

    async def test_ends_when_it_is_revoked(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic, clock: MovingClock
    ) -> None:
        token_id, secret = await make_token(database, clinic)
        headers = {"authorization": f"Bearer {secret.text}"}
        assert await doorkeeper.authenticate(headers, {}) is not None
        async with database.transaction(clinic.id) as tx:
            await service.revoke_token(tx, clinic.actor, token_id)

        assert await doorkeeper.authenticate(headers, {}) is None

    async def test_its_last_use_is_known_to_the_minute(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic, clock: MovingClock
    ) -> None:
        _, secret = await make_token(database, clinic, lifetime=60 * MINUTE)
        uses = []
        for _ in range(3):
            await doorkeeper.authenticate({"authorization": f"Bearer {secret.text}"}, {})
            async with database.transaction(clinic.id) as tx:
                uses.append(await tx.fetchval("select last_used_at from api_token"))
            clock.advance(35 * timedelta(seconds=1))

        assert uses[0] == uses[1] < uses[2]


class TestThePolicy:
    def test_production_follows_the_settings_with_five_sessions_an_account(self) -> None:
        policy = session_policy(Settings(environment="production"))

        assert (policy.staff_idle, policy.patient_idle) == (15 * MINUTE, 30 * MINUTE)
        assert (policy.absolute, policy.most_sessions) == (timedelta(hours=12), 5)

    def test_development_lets_one_rest_unless_told_otherwise(self) -> None:
        assert session_policy(Settings(environment="development")).staff_idle == timedelta(hours=12)
        assert session_policy(Settings(environment="development", session_idle_minutes=5)).staff_idle == 5 * MINUTE

    def test_the_cookie_is_bound_to_https_where_people_are_real(self, database: Database) -> None:
        names = {}
        for environment in ("development", "test", "staging", "production"):
            made = Doorkeeper(database, Settings(environment=environment), hasher=quick_hasher())
            names[environment] = made.cookie_name
            made.close()

        assert names == {
            "development": "hp_session",
            "test": "hp_session",
            "staging": "__Host-hp",
            "production": "__Host-hp",
        }


class TestIsStillIn:
    async def test_ends_with_the_session_and_does_not_keep_it_awake(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        signed_in = await sign_in(doorkeeper, "admin@delta.example")
        async with database.transaction(clinic.id) as tx:
            await tx.execute("update session set last_seen_at = last_seen_at - interval '10 minutes'")
            before = await tx.fetchval("select last_seen_at from session")

        assert await doorkeeper.is_still_in(signed_in.actor)

        async with database.transaction(clinic.id) as tx:
            assert await tx.fetchval("select last_seen_at from session") == before
            await doorkeeper.sign_in.sign_out(tx, signed_in.actor)
        assert not await doorkeeper.is_still_in(signed_in.actor)

    async def test_ends_with_the_role_that_it_was_for(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        signed_in = await sign_in(doorkeeper, "admin@delta.example")

        assert not await doorkeeper.is_still_in(msgspec.structs.replace(signed_in.actor, role="coordinator"))
        assert not await doorkeeper.is_still_in(msgspec.structs.replace(signed_in.actor, session_hash=None))
        assert not await doorkeeper.is_still_in(msgspec.structs.replace(signed_in.actor, session_hash=b"x" * 32))
