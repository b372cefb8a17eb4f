"""Forwards, back, and forwards again; files that do not fit; who waits for whom."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.migrate import Limits, MigrationFailed, Options, app_role, app_url, revisions
from tests.support.postgresql import APP_PASSWORD, Cluster

# What a schema is, as text: everything that `migrate` makes, with its rights and its comments.
_SCHEMA = r"""
with ours as (
  select oid, nspname from pg_namespace where nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
)
select 'relation ' || n.nspname || '.' || c.relname || ' ' || c.relkind::text || ' ' || c.relrowsecurity::text
  || c.relforcerowsecurity::text || ' ' || pg_get_userbyid(c.relowner) || ' ' || coalesce(c.relacl::text, '-')
  || ' ' || coalesce(obj_description(c.oid, 'pg_class'), '-')
from pg_class c join ours n on n.oid = c.relnamespace
where not (c.relkind = 'i' and c.relispartition)
union all
select 'column ' || c.oid::regclass || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' '
  || a.attnotnull::text || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '-')
  || ' ' || coalesce(col_description(c.oid, a.attnum), '-')
from pg_attribute a
join pg_class c on c.oid = a.attrelid join ours n on n.oid = c.relnamespace
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attnum > 0 and not a.attisdropped and not (c.relkind = 'i' and c.relispartition)
union all
select 'constraint ' || k.conrelid::regclass || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid)
from pg_constraint k join ours n on n.oid = k.connamespace
union all
-- A partition's part of an index is named by whoever builds it, PostgreSQL or the runner; what it is of is the same.
select 'index ' || case
    when c.relispartition then regexp_replace(pg_get_indexdef(i.indexrelid), ' INDEX \S+ ON ', ' INDEX ON ')
    else pg_get_indexdef(i.indexrelid)
  end
from pg_index i join pg_class c on c.oid = i.indexrelid join ours n on n.oid = c.relnamespace
union all
select 'policy ' || p.polrelid::regclass || ' ' || p.polname || ' ' || coalesce(pg_get_expr(p.polqual, p.polrelid), '-')
  || ' ' || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '-')
from pg_policy p
union all
select 'function ' || pg_get_functiondef(p.oid) || ' ' || coalesce(p.proacl::text, '-')
from pg_proc p join ours n on n.oid = p.pronamespace
union all
select 'trigger ' || pg_get_triggerdef(t.oid)
from pg_trigger t join pg_class c on c.oid = t.tgrelid join ours n on n.oid = c.relnamespace
where not t.tgisinternal
union all
select 'type ' || t.oid::regtype || ' ' || t.typtype::text
from pg_type t join ours n on n.oid = t.typnamespace where t.typtype in ('e', 'd', 'r')
order by 1
"""


# What the runner keeps of its own: it stays when everything is undone.
BOOKS = ("alembic_version", "schema_revision", "schema_step", "schema_kept")


@pytest.fixture
async def empty(cluster: Cluster) -> AsyncIterator[str]:
    name = f"e{next(cluster.numbers)}"
    connection: asyncpg.Connection[Any] = await asyncpg.connect(cluster.admin_url("postgres"))
    await connection.execute(f"create database {name}")
    yield name
    await connection.execute(f"drop database {name} with (force)")
    await connection.close()


async def schema(cluster: Cluster, name: str) -> list[str]:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(cluster.admin_url(name))
    rows = await connection.fetch(_SCHEMA)
    await connection.close()
    return [row[0] for row in rows]


def write(folder: Path, name: str, up: str = "select 1", down: str | None = "select 1") -> None:
    (folder / f"{name}.up.sql").write_text(up)
    if down is not None:
        (folder / f"{name}.down.sql").write_text(down)


class TestUpAndDown:
    async def test_back_and_forwards_again_changes_nothing(self, cluster: Cluster, empty: str) -> None:
        url, head = cluster.admin_url(empty), revisions()[-1].number
        bare = await schema(cluster, empty)

        first = await migrate.up(url, app_password=APP_PASSWORD)
        made = await schema(cluster, empty)
        base = await migrate.down(url, target="base")
        left = await schema(cluster, empty)
        second = await migrate.up(url, app_password=APP_PASSWORD)

        assert (first.current, first.pending) == (second.current, second.pending) == (head, ())
        assert base.current is None
        assert len(made) > 500
        assert [line for line in left if not any(book in line for book in BOOKS)] == bare
        assert await schema(cluster, empty) == made

    async def test_step_by_step_there_and_back(self, cluster: Cluster, empty: str) -> None:
        url = cluster.admin_url(empty)
        stages: list[list[str]] = []

        for revision in revisions():
            await migrate.up(url, app_password=APP_PASSWORD, target=revision.number)
            stages.append(await schema(cluster, empty))
        for revision, stage in reversed(list(zip(revisions(), stages, strict=True))):
            assert (await migrate.status(url)).current == revision.number
            assert await schema(cluster, empty) == stage, revision.number
            await migrate.down(url, target=f"{int(revision.number) - 1:04}" if revision.number != "0001" else "base")

    async def test_twice_is_once_and_two_nodes_take_turns(self, cluster: Cluster, empty: str) -> None:
        url = cluster.admin_url(empty)

        found = await asyncio.gather(*(migrate.up(url, app_password=APP_PASSWORD) for _ in range(2)))

        assert {one.pending for one in found} == {()}
        assert (await migrate.up(url, app_password=APP_PASSWORD)).pending == ()

    async def test_the_application_signs_in_with_its_own_role(self, cluster: Cluster, empty: str) -> None:
        url = cluster.admin_url(empty)
        await migrate.up(url, app_password=APP_PASSWORD)

        connection: asyncpg.Connection[Any] = await asyncpg.connect(app_url(url, app_password=APP_PASSWORD))
        who = await connection.fetchval("select current_user")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("create table attic (n int)")
        await connection.close()

        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(app_url(url, app_password="another"))

        assert who == app_role(url)
        assert (await migrate.status(app_url(url, app_password=APP_PASSWORD))).pending == ()

    async def test_an_application_may_not_migrate(self, cluster: Cluster, empty: str) -> None:
        url = cluster.admin_url(empty)
        await migrate.up(url, app_password=APP_PASSWORD)

        with pytest.raises(MigrationFailed, match="administrator"):
            await migrate.up(app_url(url, app_password=APP_PASSWORD), app_password=APP_PASSWORD)


class TestAWayBack:
    @pytest.mark.parametrize(
        ("up", "left"),
        [
            ("create index left_over on boat (name)", "index CREATE INDEX left_over"),
            ("comment on table boat is 'left over'", "left over"),
            ("grant select on boat to hp_app", "hp_app=r/"),
            ("alter table boat add constraint left_over check (name <> '')", "constraint boat left_over"),
            ("alter table boat alter column name set default 'left over'", "left over"),
        ],
    )
    async def test_that_leaves_something_would_be_seen(
        self, up: str, left: str, cluster: Cluster, empty: str, tmp_path: Path
    ) -> None:
        write(tmp_path, "0001_boats", "create table boat (name text)", "drop table boat")
        write(tmp_path, "0002_planted", up, "select 1")
        url, options = cluster.admin_url(empty), Options(folder=tmp_path)
        await migrate.up(url, app_password=APP_PASSWORD, target="0001", options=options)
        before = await schema(cluster, empty)

        await migrate.up(url, app_password=APP_PASSWORD, options=options)
        await migrate.down(url, target="0001", options=options)

        more = set(await schema(cluster, empty)) - set(before)
        assert any(left in line for line in more), more


class TestNewerDatabase:
    async def test_has_nothing_to_come_and_is_not_migrated(self, cluster: Cluster, empty: str) -> None:
        url = cluster.admin_url(empty)
        await migrate.up(url, app_password=APP_PASSWORD)
        connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
        await connection.execute("update alembic_version set version_num = '9001'")
        await connection.close()

        found = await migrate.status(url)

        assert (found.current, found.pending) == ("9001", ())
        with pytest.raises(MigrationFailed, match="newer than this code"):
            await migrate.up(url, app_password=APP_PASSWORD)
        with pytest.raises(MigrationFailed, match="go back with the code that brought it there"):
            await migrate.down(url, target="0001")


class TestFailure:
    async def test_keeps_nothing_of_the_revision_and_tells_the_line_not_the_row(
        self, cluster: Cluster, empty: str, tmp_path: Path
    ) -> None:
        write(tmp_path, "0001_boats", "create table boat (name text unique); insert into boat values ('Guadiana')")
        write(tmp_path, "0002_more", "create table oar (n int);\n\nselect sail from boat;")
        url, options = cluster.admin_url(empty), Options(folder=tmp_path)

        with pytest.raises(MigrationFailed) as caught:
            await migrate.up(url, app_password=APP_PASSWORD, options=options)

        assert str(caught.value) == "0002_more.up.sql: UndefinedColumnError [42703] at line 3"
        assert (await migrate.status(url, folder=tmp_path)).current == "0001"
        assert not any("relation public.oar" in line for line in await schema(cluster, empty))

        write(tmp_path, "0002_more", "insert into boat values ('Guadiana')")
        with pytest.raises(MigrationFailed) as caught:
            await migrate.up(url, app_password=APP_PASSWORD, options=options)
        assert str(caught.value) == "0002_more.up.sql: UniqueViolationError [23505]"

    async def test_does_not_wait_for_ever_for_another_node(self, cluster: Cluster, empty: str) -> None:
        other: asyncpg.Connection[Any] = await asyncpg.connect(cluster.admin_url(empty))
        await other.execute("select pg_advisory_lock($1)", migrate.ADVISORY_LOCK)

        impatient = Options(limits=Limits(turn_seconds=0.1))
        with pytest.raises(MigrationFailed, match="another node"):
            await migrate.up(cluster.admin_url(empty), app_password=APP_PASSWORD, options=impatient)
        await other.close()


class TestRevisions:
    def test_are_those_of_the_folder_in_order(self) -> None:
        found = revisions()

        assert [int(one.number) for one in found] == list(range(1, len(found) + 1))
        assert len(found) >= 8
        assert found[0].name == "foundation"

    @pytest.mark.parametrize(
        ("files", "said"),
        [
            ([("0001_a", None)], "needs the name"),
            ([("one", "x")], "needs the name"),
            ([("0001_a", "x"), ("0003_c", "x")], "without a gap"),
            ([("0001_a", "x"), ("0001_b", "x")], "without a gap"),
        ],
    )
    def test_that_do_not_fit_are_refused(self, tmp_path: Path, files: list[tuple[str, str | None]], said: str) -> None:
        for name, down in files:
            write(tmp_path, name, down=down)

        with pytest.raises(MigrationFailed, match=said):
            revisions(tmp_path)


class TestUrls:
    def test_the_role_of_a_database_is_a_plain_word_of_its_own(self) -> None:
        one, other = app_role("postgresql://h/a%20b"), app_role("postgresql://h/c")

        assert one.startswith("hp_app_")
        assert one != other
        assert app_role("postgresql://h/") == app_role("postgresql://h/postgres")

    def test_the_applications_url_keeps_all_but_who_signs_in(self) -> None:
        url = app_url("postgresql://root:secret@db.example:5433/care?sslmode=require", app_password="p@ss/word")

        assert url == (
            f"postgresql://{app_role('postgresql:///care')}:p%40ss%2Fword@db.example:5433/care?sslmode=require"
        )
