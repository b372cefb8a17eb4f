"""A copy that was made harmless holds nothing of anybody, and belongs to another environment."""

from datetime import time, timedelta
from uuid import UUID

import asyncpg
import pytest

from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import NewAssignment
from healthprotocol.care.entries import service as entries
from healthprotocol.care.entries.model import NewEntry
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import Demographics
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import Activity, Phase, ProtocolContent, Schedule
from healthprotocol.cli.config.adopt import _KEPT
from healthprotocol.foundation.config import isolation
from healthprotocol.foundation.config.deidentify import DeidentificationRefused, Plan, deidentify
from healthprotocol.foundation.config.isolation import EnvironmentDiffers, require_environment
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.trust.accounts import service as accounts
from healthprotocol.trust.accounts.model import NewAccount, NewToken
from tests.support.people import Organisation
from tests.support.postgresql import Cluster

_TABLES = """
select n.nspname || '.' || quote_ident(c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname in ('public', 'pgqueuer')
"""


async def dump(url: str) -> str:
    """Return every row of every table as text: what a dump would hold."""
    connection = await asyncpg.connect(url)
    try:
        tables = [row[0] for row in await connection.fetch(_TABLES)]
        return "\n".join(
            [row[0] for table in tables for row in await connection.fetch(f"select t::text from {table} t")]
        )
    finally:
        await connection.close()


async def value(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


@pytest.fixture
async def canaries(database: Database, organisation: Organisation, cluster: Cluster, database_name: str) -> list[str]:
    """Fill a database with things to find again, and return how they look in a dump."""
    clinician, admin = organisation.clinician, organisation.admin
    async with database.transaction(organisation.id, actor=clinician) as tx:
        born = tx.now.date() - timedelta(days=15_000)
        person = Demographics(given_name="Canary", family_name="Elbe", birth_date=born, email="elbe@canary.example")
        patient = await patients.create(tx, clinician, person)
        activity = Activity(key="canary_walk", kind="exercise", title="Walk", schedule=Schedule(time_of_day=(time(9),)))
        phase = Phase(title="All of it", start_day=1, length_days=28, activities=(activity,))
        content = ProtocolContent(title="Canary protocol", duration_days=28, phases=(phase,), tags=("canary-tag",))
        draft = await protocols.create(tx, clinician, content)
        protocol = await protocols.publish(tx, clinician, draft.protocol_id)
        wanted = NewAssignment(protocol_id=protocol.protocol_id, patient_id=patient.id, starts_on=tx.now.date())
        assignment = await assignments.assign(tx, clinician, wanted)
        sent = NewEntry(
            client_id=UUID(int=0xCA9A47),
            outcome="completed",
            effective_at=tx.now,
            assignment_id=assignment.id,
            activity_key="canary_walk",
        )
        await entries.record_one(tx, clinician, sent)
        new = NewAccount(role="auditor", email="auditor@canary.example", name="Canary Auditor")
        account = await accounts.create_account(tx, admin, new, password_hash=None)
        asked = NewToken(name="Canary token", scopes=("patient.read",), lifetime=timedelta(days=1))
        await accounts.create_token(tx, admin, asked, is_live=False)
    url = cluster.admin_url(database_name)
    wrapped = await value(url, "select encode(wrapped, 'hex') from subject_key limit 1")
    name = await value(url, "select encode(family_name_ct, 'hex') from patient limit 1")
    index = await value(url, "select encode(email_bidx, 'hex') from patient limit 1")
    words = ["Canary", "canary", "Delta Clinic"]
    ids = [
        str(one)
        for one in (organisation.id, patient.id, protocol.protocol_id, assignment.id, account.id, sent.client_id)
    ]
    return [*words, *ids, str(wrapped), str(name), str(index)]


class TestDeidentify:
    async def test_leaves_no_canary_in_the_whole_dump(
        self, canaries: list[str], cluster: Cluster, database_name: str
    ) -> None:
        url = cluster.admin_url(database_name)
        before = await dump(url)
        assert [word for word in canaries if word not in before] == []

        done = await deidentify(url, "staging", Plan(kept=_KEPT))

        after = await dump(url)
        assert [word for word in canaries if word in after] == []
        assert done.replaced >= 5

    async def test_leaves_nothing_in_what_postgresql_notes_of_the_values(
        self, canaries: list[str], organisation: Organisation, cluster: Cluster, database_name: str
    ) -> None:
        url = cluster.admin_url(database_name)
        noted = "select string_agg(to_jsonb(s)::text, ' ') from pg_stats s where schemaname in ('public', 'pgqueuer')"
        days = "select md5(i::text)::uuid, date '2026-11-01' + i from generate_series(1, 12) i"
        connection = await asyncpg.connect(url)
        await connection.execute(
            "insert into adherence_day (organisation_id, assignment_id, day, activity_key, completed, skipped, missed, "
            "on_time, patient_id, protocol_id) select $1, d.id, d.day, 'canary_walk', 1, 0, 0, 1, d.id, d.id "
            f"from ({days}) as d (id, day)",
            organisation.id,
        )
        await connection.execute("create statistics of_days (mcv) on day, activity_key from adherence_day; analyze")
        await connection.close()
        real = [str(organisation.id), "Delta Clinic", "canary_walk", "c4ca4238-a0b9-2382-0dcc-509a6f75849b", *canaries]
        before = str(await value(url, noted))
        assert {"canary_walk", "c4ca4238-a0b9-2382-0dcc-509a6f75849b"} <= {one for one in real if one in before}

        await deidentify(url, "staging", Plan(kept=_KEPT))

        after = str(await value(url, noted))
        assert [one for one in real if one in after] == []
        extended = "select coalesce(string_agg(array_to_string(most_common_vals, ' '), ' '), '') from pg_stats_ext"
        assert "canary_walk" not in str(await value(url, extended))

    async def test_keeps_how_many_and_how_they_hang_together(
        self, canaries: list[str], cluster: Cluster, database_name: str
    ) -> None:
        url = cluster.admin_url(database_name)
        assert canaries

        await deidentify(url, "staging", Plan(kept=_KEPT))

        joined = """
            select count(*)
            from entry e
            join assignment a on a.organisation_id = e.organisation_id and a.id = e.assignment_id
            join patient p on p.organisation_id = a.organisation_id and p.id = a.patient_id
            join protocol_version v on v.organisation_id = a.organisation_id and v.protocol_id = a.protocol_id
            join organisation o on o.organisation_id = p.organisation_id
            join entry_of_protocol k on k.organisation_id = e.organisation_id and k.protocol_id = a.protocol_id
              and (k.entry_id, k.recorded_at, k.effective_at) = (e.id, e.recorded_at, e.effective_at)
              and k.planned_on is not distinct from e.planned_on
        """
        assert await value(url, joined) == 1
        assert await value(url, "select count(*) from organisation") == 1

    async def test_moves_every_day(self, canaries: list[str], cluster: Cluster, database_name: str) -> None:
        url = cluster.admin_url(database_name)
        assert canaries

        await deidentify(url, "staging", Plan(kept=_KEPT))

        latest = (
            "greatest(max(e.effective_at), max(a.starts_on), max(p.created_at)) from entry e, assignment a, patient p"
        )
        assert await value(url, f"select now() - {latest}".replace("from", "> interval '29 days' from", 1))

    @pytest.mark.parametrize(
        "table", ["account", "session", "api_token", "subject_key", "organisation_key", "audit_event"]
    )
    async def test_empties(self, canaries: list[str], cluster: Cluster, database_name: str, table: str) -> None:
        url = cluster.admin_url(database_name)
        assert canaries

        await deidentify(url, "staging", Plan(kept=_KEPT))

        assert await value(url, f"select count(*) from {table}") == 0

    async def test_changes_the_environment(self, cluster: Cluster, database_name: str) -> None:
        url = cluster.admin_url(database_name)
        await require_environment(url, "production", claims=True)

        await deidentify(url, "staging", Plan(kept=_KEPT))

        await require_environment(url, "staging", claims=False)
        with pytest.raises(EnvironmentDiffers):
            await require_environment(url, "production", claims=False)

    async def test_of_the_application_alone_is_refused(
        self, database: Database, cluster: Cluster, database_name: str
    ) -> None:
        with pytest.raises(DeidentificationRefused, match="superuser"):
            await deidentify(cluster.app_url(database_name), "staging", Plan(kept=_KEPT))

    async def test_that_would_leave_rows_hanging_on_nothing_is_refused(
        self, cluster: Cluster, database_name: str
    ) -> None:
        url = cluster.admin_url(database_name)

        with pytest.raises(DeidentificationRefused, match="assignment needs patient"):
            await deidentify(
                url, "staging", Plan(kept={name: words for name, words in _KEPT.items() if name != "patient"})
            )


class TestRequireEnvironment:
    async def test_a_database_of_none_works_and_is_claimed_only_by_who_stays(
        self, cluster: Cluster, database_name: str
    ) -> None:
        url = cluster.app_url(database_name)

        await require_environment(url, "development", claims=False)
        await require_environment(url, "production", claims=True)

        with pytest.raises(EnvironmentDiffers, match="this database is the production one"):
            await require_environment(url, "development", claims=False)

    async def test_a_database_of_an_older_release_works(self, cluster: Cluster, database_name: str) -> None:
        await cluster.execute(database_name, "drop table installation")

        await require_environment(cluster.admin_url(database_name), "staging", claims=True)

    async def test_is_seen_by_the_application_too(self, cluster: Cluster, database_name: str) -> None:
        await require_environment(cluster.admin_url(database_name), "staging", claims=True)

        connection = await asyncpg.connect(cluster.app_url(database_name))
        try:
            assert await isolation.environment_of(connection) == "staging"
        finally:
            await connection.close()
