"""Row-level security of this package's tables: what the database itself holds, whatever the code above asks."""

from uuid import UUID

import asyncpg
import pytest

from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.ids import OrganisationId
from tests.support.postgresql import Cluster, open_database
from tests.trust.accounts.conftest import Clinic, found_clinic

TABLES = (
    "organisation",
    "organisation_key",
    "purpose_key",
    "subject_key",
    "account",
    "sign_in_directory",
    "session",
    "api_token",
    "audit_event",
)


@pytest.fixture
async def delta(database: Database) -> Clinic:
    return await found_clinic(database, "Delta", "admin@delta.example")


@pytest.fixture
async def estuary(database: Database) -> Clinic:
    return await found_clinic(database, "Estuary", "admin@estuary.example")


async def tenants_seen(database: Database, organisation_id: OrganisationId | None, table: str) -> set[UUID]:
    async with database.transaction(organisation_id) as tx:
        rows = await tx.fetch(f"select organisation_id from {table}")
    return {row["organisation_id"] for row in rows}


class TestReading:
    async def test_without_a_tenant_there_are_no_rows(self, database: Database, delta: Clinic) -> None:
        seen = {table: await tenants_seen(database, None, table) for table in TABLES}

        assert seen == {table: set() for table in TABLES}

    async def test_a_tenant_sees_only_its_own(self, database: Database, delta: Clinic, estuary: Clinic) -> None:
        seen = [await tenants_seen(database, delta.id, table) for table in TABLES]

        assert set().union(*seen) == {delta.id}

    async def test_the_rows_are_really_there(self, cluster: Cluster, database_name: str, delta: Clinic) -> None:
        connection = await asyncpg.connect(cluster.admin_url(database_name))
        counts = {table: await connection.fetchval(f"select count(*) from {table}") for table in TABLES}
        await connection.close()

        assert {table for table, count in counts.items() if count} >= {
            "organisation",
            "organisation_key",
            "purpose_key",
            "account",
            "sign_in_directory",
            "audit_event",
        }

    async def test_one_connection_remembers_no_tenant(
        self, cluster: Cluster, database_name: str, database: Database, delta: Clinic, estuary: Clinic
    ) -> None:
        single = await open_database(cluster, database_name, size=1)
        for clinic, expected in ((delta, {delta.id}), (estuary, {estuary.id}), (delta, {delta.id})):
            assert await tenants_seen(single, clinic.id, "account") == expected
            assert await tenants_seen(single, None, "account") == set()
        with pytest.raises(asyncpg.PostgresError):
            await tenants_seen(single, delta.id, "nowhere")
        assert await tenants_seen(single, None, "account") == set()
        await single.close()


class TestWriting:
    async def test_a_row_of_another_tenant_is_refused(self, database: Database, delta: Clinic, estuary: Clinic) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await self._insert_key(database, delta.id, estuary.id)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await self._insert_key(database, None, estuary.id)

    async def _insert_key(
        self, database: Database, tenant: OrganisationId | None, organisation_id: OrganisationId
    ) -> None:
        async with database.transaction(tenant) as tx:
            await tx.execute(
                """
                insert into subject_key
                  (organisation_id, subject_id, version, key_id, wrapped, wrapping_version, state, created_at)
                values ($1, gen_random_uuid(), 1, gen_random_uuid(), '\\x00', 1, 'active', now())
                """,
                organisation_id,
            )

    async def test_rows_of_another_tenant_are_not_changed(
        self, database: Database, delta: Clinic, estuary: Clinic
    ) -> None:
        async with database.transaction(delta.id) as tx:
            assert await tx.execute("update account set status = 'disabled' where role = 'admin'") == "UPDATE 1"
            assert await tx.execute("delete from session where organisation_id = $1", estuary.id) == "DELETE 0"
        async with database.transaction(estuary.id) as tx:
            assert await tx.fetchval("select status from account") == "active"


class TestTheDirectory:
    async def test_shows_exactly_the_row_whose_hash_is_known(
        self, database: Database, delta: Clinic, estuary: Clinic
    ) -> None:
        lookup = database.keys.directory("email").of("admin@delta.example")

        async with database.transaction(None, lookup=lookup) as tx:
            rows = await tx.fetch("select organisation_id from sign_in_directory")
        async with database.transaction(None, lookup=lookup[:-1] + b"\x00") as tx:
            others = await tx.fetch("select organisation_id from sign_in_directory")

        assert [row["organisation_id"] for row in rows] == [delta.id]
        assert others == []

    async def test_knowing_a_hash_opens_no_other_table(self, database: Database, delta: Clinic) -> None:
        lookup = database.keys.directory("email").of("admin@delta.example")

        async with database.transaction(None, lookup=lookup) as tx:
            for table in set(TABLES) - {"sign_in_directory"}:
                assert await tx.fetch(f"select organisation_id from {table}") == []

    async def test_a_known_hash_lets_nobody_write(self, database: Database, delta: Clinic) -> None:
        lookup = database.keys.directory("email").of("admin@delta.example")

        async with database.transaction(None, lookup=lookup) as tx:
            assert await tx.execute("delete from sign_in_directory") == "DELETE 0"


class TestMonthPartitions:
    async def test_the_application_adds_months_and_may_ask_twice(self, database: Database, delta: Clinic) -> None:
        counts = []
        for _ in range(2):
            async with database.transaction(delta.id) as tx:
                counts.append(await tx.fetchval("select ensure_month_partitions('audit_event', date '2031-11-20', 3)"))

        assert counts == [3, 0]

    @pytest.mark.parametrize(("table", "months"), [("account", 1), ("pg_catalog.pg_class", 1), ("audit_event", 241)])
    async def test_no_other_table_and_no_flood_of_them(
        self, database: Database, delta: Clinic, table: str, months: int
    ) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await self._ensure(database, delta, table, months)

    async def _ensure(self, database: Database, clinic: Clinic, table: str, months: int) -> None:
        async with database.transaction(clinic.id) as tx:
            await tx.fetchval(
                "select ensure_month_partitions($1::text::regclass, date '2031-01-01', $2)", table, months
            )
