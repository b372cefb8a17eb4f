"""The database as it stands after all migrations: classes, row security, keys, functions, the application's role."""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from healthprotocol.foundation.db.transaction import Database
from tests.architecture import catalog
from tests.architecture.catalog import Connection
from tests.architecture.conftest import Record
from tests.architecture.findings import Findings
from tests.support.postgresql import Cluster

Check = Callable[[Connection], Awaitable[Findings]]

CHECKS: dict[str, tuple[Check, str, int]] = {
    "column_classes": (catalog.column_classes, "columns", 270),
    "row_security": (catalog.row_security, "tables and views", 35),
    "tenant_first": (catalog.tenant_first, "tenant tables", 30),
    "definers": (catalog.definers, "functions with their owner's rights", 1),
}

_TIDY = """
create table attic (organisation_id uuid, id uuid, note_ct bytea, primary key (organisation_id, id));
comment on table attic is 'class=health; a room for the test';
comment on column attic.organisation_id is 'class=operational; tenant';
comment on column attic.id is 'class=operational; UUIDv7';
comment on column attic.note_ct is 'class=health; a note';
select hp_protect('attic');
"""

# For each checker: what to do to a tidy table, and what the finding must say.
PLANTED: list[tuple[str, str, str]] = [
    ("column_classes", "alter table attic add column colour text", "attic.colour does not say its class"),
    ("column_classes", "comment on column attic.id is null", "attic.id does not say its class"),
    ("column_classes", "comment on column attic.id is 'class=operational'", "not what it is"),
    ("column_classes", "comment on column attic.id is 'class=secret; a number'", "does not say its class"),
    ("column_classes", "alter table attic alter column note_ct type text using ''", "is health and text, not bytea"),
    ("column_classes", "comment on column attic.note_ct is 'class=operational; a note'", "called ciphertext"),
    ("row_security", "alter table attic no force row level security", "attic lacks forced"),
    ("row_security", "alter table attic disable row level security", "attic lacks forced"),
    ("row_security", "drop policy tenant on attic", "no policy for all commands"),
    (
        "row_security",
        """
        create table loft (like attic) partition by range (id);
        create table loft_1 partition of loft default;
        grant select on loft_1 to hp_app;
        """,
        "loft_1 lacks forced row-level security",
    ),
    ("row_security", "create table cellar (id uuid primary key)", "cellar has no organisation_id"),
    ("row_security", "create view window_of_attic as select id from attic", "without security_invoker"),
    ("tenant_first", "create unique index attic_id on attic (id)", "attic_id does not begin with organisation_id"),
    ("tenant_first", "alter table attic drop constraint attic_pkey", "attic has no primary key"),
    (
        "tenant_first",
        "create table shed (organisation_id uuid, parent uuid references organisation, primary key (organisation_id))",
        "shed_parent_fkey is a foreign key without organisation_id",
    ),
    (
        "definers",
        "create function peek() returns int language sql security definer as 'select 1'",
        "peek runs with its owner's rights",
    ),
    ("definers", "alter function hp_organisations() reset search_path", "no search path of its own"),
]


@pytest.fixture
async def admin(cluster: Cluster, database_name: str) -> AsyncIterator[Connection]:
    connection: Connection = await asyncpg.connect(cluster.admin_url(database_name))
    yield connection
    await connection.close()


class TestTheHouse:
    @pytest.mark.parametrize("name", CHECKS)
    async def test_keeps(self, name: str, admin: Connection, looked_at: Record) -> None:
        check, of_what, minimum = CHECKS[name]

        found = await check(admin)

        looked_at(found.looked_at, of_what)
        assert found.trespasses == []
        assert found.looked_at >= minimum

    async def test_knows_no_table_without_tenant_that_is_gone(self, admin: Connection) -> None:
        standing = {row["name"] for row in await admin.fetch(catalog._TABLES)}

        assert set(catalog.WITHOUT_TENANT) <= standing

    async def test_works_as_a_role_that_rules_nothing(self, database: Database, looked_at: Record) -> None:
        async with database.transaction(None) as tx:
            found = await catalog.application_role(tx.connection)

        looked_at(found.looked_at, "roles that the application is")
        assert found.trespasses == []
        assert found.looked_at >= 2


class TestPlantedTrespass:
    @pytest.mark.parametrize(("name", "statement", "evidence"), PLANTED)
    async def test_is_caught(self, name: str, statement: str, evidence: str, admin: Connection) -> None:
        await admin.execute(_TIDY)
        await admin.execute(statement)

        found = await CHECKS[name][0](admin)

        assert any(evidence in trespass for trespass in found.trespasses), found.trespasses

    @pytest.mark.parametrize("name", CHECKS)
    async def test_and_a_tidy_table_is_not(self, name: str, admin: Connection) -> None:
        await admin.execute(_TIDY)

        found = await CHECKS[name][0](admin)

        assert not any("attic" in trespass for trespass in found.trespasses)

    async def test_is_caught_when_the_application_rules(self, admin: Connection) -> None:
        found = await catalog.application_role(admin)

        assert any("is_superuser" in trespass for trespass in found.trespasses)

    def test_was_planted_for_every_checker(self) -> None:
        assert {name for name, *_ in PLANTED} == set(CHECKS)
