"""The plan of a run: what it says is what then happens."""

from pathlib import Path

import asyncpg
import pytest

from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.migrate.files import Script, revisions
from healthprotocol.foundation.db.migrate.planning import Lock, Planned, locks_of, plan_of
from tests.migrations.toys import Toys


async def planned(toys: Toys, target: str | None = None, **more: str) -> tuple[Planned, ...]:
    async with toys.connect() as connection:
        return await plan_of(connection, revisions(toys.folder), target=target, **more)  # pyright: ignore[reportArgumentType]


def script(text: str) -> Script:
    return Script(Path("0001_x.up.sql"), text)


class TestAPlan:
    async def test_says_what_up_will_do(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(500)
        await toys.execute("analyze boat")
        toys.write(
            "0003_hull",
            "-- Phase: expand\nalter table boat add column hull text;",
            "alter table boat drop column hull;",
        )
        toys.write(
            "0004_hulls",
            "-- Phase: migrate\n-- Transaction: none\n-- Backfill: boat\nupdate boat set hull = 'x' where :batch;",
        )
        toys.write(
            "0005_name",
            "-- Phase: contract\n-- Backup: boat (name)\nalter table boat drop column name;",
            "-- Transaction: none\nalter table boat add column name text;\n-- Restore: boat (name)\n",
        )

        add, move, remove = await planned(toys)

        assert (add.number, add.phase, add.direction, add.way_back, add.rows) == ("0003", "expand", "up", "full", 0)
        assert add.locks == (Lock("boat", "access exclusive", "everybody, for a moment"),)
        assert (move.rows, move.in_transaction, move.locks[0].mode) == (500, False, "row exclusive")
        assert (remove.saves, remove.way_back) == (("boat (name)",), "restores")
        assert [one.number for one in await planned(toys, last_phase="migrate")] == ["0003", "0004"]
        assert [one.number for one in await planned(toys, "0003")] == ["0003"]

    async def test_says_what_down_will_do_and_what_it_saves(self, toys: Toys) -> None:
        toys.write("0003_hull", "alter table boat add column hull text;", "alter table boat drop column hull;")
        await toys.up()

        hull, boat = await planned(toys, "0001")

        assert (hull.number, hull.direction, hull.saves, hull.way_back) == (
            "0003",
            "down",
            ("boat (hull)",),
            "restores",
        )
        assert (boat.number, boat.saves) == ("0002", ("boat",))
        assert [one.number for one in await planned(toys, "base")] == ["0003", "0002", "0001"]

    async def test_of_a_new_database_waits_for_nobody(self, toys: Toys) -> None:
        found = await planned(toys)

        assert [one.number for one in found] == ["0001", "0002"]
        assert {one.locks for one in found} == {()}

    async def test_changes_nothing(self, toys: Toys) -> None:
        await planned(toys)

        assert await toys.ask(
            "select to_regclass('schema_revision') is null and to_regclass('alembic_version') is null"
        )


class TestLocks:
    # What PostgreSQL really takes, asked of itself inside the transaction.
    @pytest.mark.parametrize(
        "statement",
        [
            "alter table boat add column hull text",
            "alter table boat add constraint c check (id > 0) not valid",
            "alter table boat alter column sails set statistics 10",
            "create index boat_sails on boat (sails)",
            "create trigger t before insert on boat for each row execute function suppress_redundant_updates_trigger()",
            "create policy p on boat using (true)",
            "drop table boat",
            "alter table boat add foreign key (organisation_id) references organisation (organisation_id) not valid",
        ],
    )
    async def test_are_those_that_postgresql_takes(self, statement: str, toys: Toys) -> None:
        await toys.up()

        (said,) = locks_of(script(statement))
        async with toys.connect() as connection, connection.transaction():
            oid = await connection.fetchval("select 'boat'::regclass::oid")
            await connection.execute(statement)
            taken = {
                row["mode"]
                for row in await connection.fetch(
                    "select mode from pg_locks where pid = pg_backend_pid() and relation = $1", oid
                )
            }

        assert said.table == "boat"
        assert said.mode.replace(" ", "") + "lock" in {mode.lower() for mode in taken}
        order = [
            "accesssharelock",
            "rowexclusivelock",
            "shareupdateexclusivelock",
            "sharelock",
            "sharerowexclusivelock",
        ]
        order += ["accessexclusivelock"]
        assert max(order.index(mode.lower()) for mode in taken) == order.index(said.mode.replace(" ", "") + "lock")

    def test_of_tables_that_the_file_makes_are_nobodys_business(self) -> None:
        assert locks_of(script("create table a (n int); create index on a (n); alter table a add column m int;")) == ()


class TestTheHousesOwn:
    async def test_plan_can_be_read(self, toys: Toys) -> None:
        found = await migrate.plan(toys.url)

        assert [one.number for one in found] == [one.number for one in revisions()]
        assert all(one.way_back in {"full", "restores", "none"} for one in found)

    async def test_a_connection_that_cannot_be_is_said_at_once(self) -> None:
        with pytest.raises((OSError, asyncpg.PostgresError)):
            await migrate.plan("postgresql://nobody@127.0.0.1:9/none")
