from datetime import timedelta

import asyncpg
import msgspec
import pytest

from healthprotocol.api.paging import ListQuery
from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.trust.accounts import service
from healthprotocol.trust.accounts.errors import TooManyAttempts, WrongCredentials
from healthprotocol.trust.accounts.model import AccountChange
from healthprotocol.trust.accounts.service import Doorkeeper, PasswordHasher
from healthprotocol.trust.accounts.service.sign_in import Credentials
from healthprotocol.trust.audit import service as audit
from tests.support.postgresql import Cluster
from tests.trust.accounts.conftest import (
    CONTEXT,
    PASSWORD,
    Clinic,
    MovingClock,
    add,
    found_clinic,
    sign_in,
    who,
)


class TestSignIn:
    async def test_the_right_password_opens_a_session(self, doorkeeper: Doorkeeper, clinic: Clinic) -> None:
        for email in ("admin@delta.example", " Admin@DELTA.example "):
            signed_in = await sign_in(doorkeeper, email)

            actor = await who(doorkeeper, signed_in)
            assert actor is not None
            assert (actor.account_id, actor.organisation_id, actor.role) == (clinic.admin.id, clinic.id, "admin")
            assert signed_in.account.email == "admin@delta.example"

    async def test_everything_else_is_refused_alike(
        self, doorkeeper: Doorkeeper, clinic: Clinic, clock: MovingClock
    ) -> None:
        for email, password in (
            ("admin@delta.example", "twelve wet llamas hum"),
            ("admin@delta.example", ""),
            ("admin@delta.example", "x" * 1000),
            ("admin@delta.example", PASSWORD.upper()),
            ("nobody@delta.example", PASSWORD),
            ("no address", PASSWORD),
            ("", PASSWORD),
            ("admin@delta.example\x00", PASSWORD),
        ):
            clock.advance(timedelta(hours=1))
            with pytest.raises(WrongCredentials) as refused:
                await sign_in(doorkeeper, email, password)
            assert (refused.value.detail, refused.value.public, refused.value.violations) == (None, {}, ())

    async def test_a_disabled_account_is_refused_like_an_unknown_one(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        account = await add(database, clinic, doorkeeper, "elbe@delta.example", "clinician")
        async with database.transaction(clinic.id) as tx:
            await service.change_account(
                tx, clinic.actor, account.id, AccountChange(status="disabled"), expected_revision=1
            )

        with pytest.raises(WrongCredentials):
            await sign_in(doorkeeper, "elbe@delta.example")

    async def test_one_address_in_two_organisations_enters_the_one_of_the_password(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        other = await found_clinic(database, "Estuary", "admin@delta.example", password="nine old brick walls fell")

        first = await sign_in(doorkeeper, "admin@delta.example")
        second = await sign_in(doorkeeper, "admin@delta.example", "nine old brick walls fell")

        assert (first.actor.organisation_id, second.actor.organisation_id) == (clinic.id, other.id)

    async def test_is_recorded_and_so_is_a_failure(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        await sign_in(doorkeeper, "admin@delta.example")
        with pytest.raises(WrongCredentials):
            await sign_in(doorkeeper, "admin@delta.example", "twelve wet llamas hum")

        async with database.transaction(clinic.id) as tx:
            page = await audit.list_events(tx, clinic.actor, ListQuery(filter='action = "session.create"'))
        assert sorted((event.outcome, event.actor_role, event.address) for event in page.items) == [
            ("failure", "anonymous", "192.0.2.7"),
            ("success", "admin", "192.0.2.7"),
        ]
        assert {event.object_id for event in page.items} == {clinic.admin.id}

    async def test_a_hash_of_lower_cost_is_renewed(
        self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        before = await self._password_cell(database, clinic)
        doorkeeper.sign_in._hasher = stronger = PasswordHasher(memory_kib=16, passes=1)

        await sign_in(doorkeeper, "admin@delta.example")
        after = await self._password_cell(database, clinic)
        await sign_in(doorkeeper, "admin@delta.example")
        stronger.close()

        assert before != after
        assert await self._password_cell(database, clinic) == after

    async def _password_cell(self, database: Database, clinic: Clinic) -> bytes:
        async with database.transaction(clinic.id) as tx:
            return await tx.fetchval("select password_ct from account")

    async def test_nothing_that_could_be_used_lies_in_the_database(
        self, cluster: Cluster, database_name: str, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        signed_in = await sign_in(doorkeeper, "admin@delta.example")

        connection = await asyncpg.connect(cluster.admin_url(database_name))
        tables = ("account", "session", "sign_in_directory", "audit_event")
        rows = [row for table in tables for row in await connection.fetch(f"select t::text from {table} t")]
        await connection.close()
        text = str(rows)
        for secret in (PASSWORD, "admin@delta.example", "argon2", signed_in.cookie.text, CONTEXT.address or ""):
            assert secret not in text
            assert secret.encode().hex() not in text


class TestThrottle:
    async def test_many_failures_make_one_wait_and_then_let_one_in(
        self, doorkeeper: Doorkeeper, clinic: Clinic, clock: MovingClock
    ) -> None:
        for _ in range(5):
            with pytest.raises(WrongCredentials):
                await sign_in(doorkeeper, "admin@delta.example", "twelve wet llamas hum")

        with pytest.raises(TooManyAttempts) as told:
            await sign_in(doorkeeper, "admin@delta.example")
        assert told.value.retry_after_seconds == 2

        clock.advance(timedelta(seconds=2))
        await sign_in(doorkeeper, "admin@delta.example")

    async def test_an_unknown_address_waits_as_a_known_one(self, doorkeeper: Doorkeeper, clinic: Clinic) -> None:
        for _ in range(5):
            with pytest.raises(WrongCredentials):
                await sign_in(doorkeeper, "nobody@delta.example")

        with pytest.raises(TooManyAttempts):
            await sign_in(doorkeeper, "nobody@delta.example")

    async def test_a_stranger_elsewhere_does_not_lock_the_owner_out(
        self, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        stranger = RequestContext(request_id="req-2", address="198.51.100.1")
        wrong = Credentials(email="admin@delta.example", password="wrong")
        for _ in range(5):
            with pytest.raises(WrongCredentials):
                await doorkeeper.sign_in.sign_in(wrong, context=stranger, agent=None)

        await sign_in(doorkeeper, "admin@delta.example")

    async def test_success_forgets_the_mistakes(self, doorkeeper: Doorkeeper, clinic: Clinic) -> None:
        for _ in range(3):
            for _ in range(4):
                with pytest.raises(WrongCredentials):
                    await sign_in(doorkeeper, "admin@delta.example", "twelve wet llamas hum")
            await sign_in(doorkeeper, "admin@delta.example")


class TestSessions:
    async def test_the_oldest_goes_when_there_are_too_many(
        self, doorkeeper: Doorkeeper, clinic: Clinic, clock: MovingClock
    ) -> None:
        doorkeeper.sign_in._policy = msgspec.structs.replace(doorkeeper.policy, most_sessions=2)
        sessions = []
        for _ in range(3):
            sessions.append(await sign_in(doorkeeper, "admin@delta.example"))
            clock.advance(timedelta(seconds=1))

        assert [await who(doorkeeper, one) is not None for one in sessions] == [False, True, True]

    async def test_signing_in_again_ends_the_session_one_came_with(
        self, doorkeeper: Doorkeeper, clinic: Clinic
    ) -> None:
        first = await sign_in(doorkeeper, "admin@delta.example")
        second = await doorkeeper.sign_in.sign_in(
            Credentials(email="admin@delta.example", password=PASSWORD),
            context=CONTEXT,
            agent=None,
            replaces=first.actor,
        )

        assert await who(doorkeeper, first) is None
        assert await who(doorkeeper, second) is not None

    async def test_signing_out_ends_it(self, database: Database, doorkeeper: Doorkeeper, clinic: Clinic) -> None:
        first, second = [await sign_in(doorkeeper, "admin@delta.example") for _ in range(2)]
        async with database.transaction(clinic.id) as tx:
            await doorkeeper.sign_in.sign_out(tx, first.actor)

        assert await who(doorkeeper, first) is None
        assert await who(doorkeeper, second) is not None


class TestRequirePassword:
    async def test_only_ones_own_present_password_will_do(self, doorkeeper: Doorkeeper, clinic: Clinic) -> None:
        await doorkeeper.sign_in.require_password(clinic.actor, PASSWORD, context=CONTEXT)

        with pytest.raises(WrongCredentials):
            await doorkeeper.sign_in.require_password(clinic.actor, "twelve wet llamas hum", context=CONTEXT)
