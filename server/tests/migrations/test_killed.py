"""A migrator that is killed, in each phase: what it finished stands, and the next one goes on."""

import asyncio

from healthprotocol.foundation.db import migrate
from tests.migrations.toys import Toys

_RUNNING = """
select exists (
  select from pg_stat_activity
  where application_name = 'healthprotocol migrate' and datname = current_database() and query like '%' || $1 || '%'
    and state = 'active'
)
"""
_INVALID = "select exists (select from pg_index where indexrelid = to_regclass('boat_name') and not indisvalid)"


class TestKilled:
    async def test_in_an_expand_leaves_nothing_of_it(self, toys: Toys) -> None:
        await toys.up()
        toys.write("0003_slow", "alter table boat add column hull text;\nselect pg_sleep(20);")

        async with toys.connect() as look:
            assert await toys.killed_while(lambda: look.fetchval(_RUNNING, "pg_sleep"))
        half = await migrate.status(toys.url, folder=toys.folder)
        toys.write("0003_slow", "alter table boat add column hull text;")
        reached = await toys.up()

        assert (half.current, half.half_done) == ("0002", None)
        assert reached.current == "0003"

    async def test_in_a_concurrent_index_leaves_one_that_is_built_anew(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(10)
        toys.write(
            "0003_index",
            "-- Phase: expand\n-- Transaction: none\ncreate index concurrently boat_name on boat (name);",
        )

        async with toys.connect() as look, toys.connect() as reader:
            # A transaction that has read holds up the build; it would go on for as long as the test likes.
            begun = reader.transaction(isolation="repeatable_read")
            await begun.start()
            await reader.fetchval("select count(*) from boat")
            killed = await toys.killed_while(lambda: look.fetchval(_INVALID))
            await begun.rollback()
        reached = await toys.up()

        assert killed
        assert reached.current == "0003"
        assert await toys.ask("select indisvalid from pg_index where indexrelid = 'boat_name'::regclass")

    async def test_in_a_backfill_goes_on_and_ends_with_every_row(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(400)
        toys.write(
            "0003_hulls",
            "-- Phase: migrate\n-- Transaction: none\n"
            "-- Backfill: boat\nupdate boat set sails = coalesce(sails, 0) + 1 where :batch;",
        )
        marks = ("step 1 40", "step 1 120", "step 1 300")

        for mark in marks:
            number = int(mark.split()[-1])
            await toys.killed(lambda line, number=number: _done(line) >= number)
            assert (await migrate.status(toys.url, folder=toys.folder)).half_done == "0003"
        reached = await toys.up()

        assert reached.current == "0003"
        assert await toys.ask("select array_agg(distinct sails) from boat") == [1]

    async def test_while_a_contract_saves_has_removed_nothing(self, toys: Toys) -> None:
        await toys.up()
        await toys.execute(
            "insert into boat select gen_random_uuid(), n, repeat('x', 500) from generate_series(1, 50000) n"
        )
        toys.write(
            "0003_no_name",
            "-- Phase: contract\n-- Contracts: 0002\n-- Backup: boat (name)\nalter table boat drop column name;",
            "-- Transaction: none\nalter table boat add column name text;\n-- Restore: boat (name)\n",
        )

        async with toys.connect() as look:
            killed = await toys.killed_while(lambda: look.fetchval(_RUNNING, "COPY (select"), lingers=True)
        named = await toys.ask("select count(name) from boat")
        await toys.up()
        await toys.down("0002")

        assert killed
        assert named == 50000
        assert await toys.ask("select count(*) from boat where name = repeat('x', 500)") == 50000

    async def test_while_rows_are_put_back_puts_them_back_again(self, toys: Toys) -> None:
        await toys.up()
        await toys.execute("insert into boat select gen_random_uuid(), n, 'n' || n from generate_series(1, 30000) n")
        toys.write(
            "0003_no_name",
            "-- Phase: contract\n-- Contracts: 0002\n-- Backup: boat (name)\nalter table boat drop column name;",
            "-- Transaction: none\nalter table boat add column name text;\n-- Restore: boat (name)\n",
        )
        await toys.up()

        lines = await toys.killed(lambda line: "step 2 5000" in line, direction="down", target="0002")
        half = await migrate.status(toys.url, folder=toys.folder)
        back = await toys.down("0002")

        assert "step 2" in lines[-1]
        assert half.half_done == "0003"
        assert (back.current, back.half_done) == ("0002", None)
        assert await toys.ask("select count(*) from boat where name = 'n' || id") == 30000

    async def test_in_between_lets_the_next_up_finish_going_back_first(self, toys: Toys) -> None:
        await toys.up()
        await toys.execute("insert into boat select gen_random_uuid(), n, 'n' || n from generate_series(1, 30000) n")
        toys.write(
            "0003_no_name",
            "-- Phase: contract\n-- Contracts: 0002\n-- Backup: boat (name)\nalter table boat drop column name;",
            "-- Transaction: none\nalter table boat add column name text;\n-- Restore: boat (name)\n",
        )
        await toys.up()
        await toys.killed(lambda line: "step 2 5000" in line, direction="down", target="0002")

        reached = await toys.up()
        await toys.down("0002")

        assert reached.current == "0003"
        assert await toys.ask("select count(*) from boat where name = 'n' || id") == 30000

    async def test_lets_its_turn_go(self, toys: Toys) -> None:
        await toys.up()
        toys.write("0003_slow", "select pg_sleep(600);")
        async with toys.connect() as look:
            assert await toys.killed_while(lambda: look.fetchval(_RUNNING, "pg_sleep"))

            async with asyncio.timeout(25):
                assert await look.fetchval("select pg_advisory_lock($1) is not null", migrate.ADVISORY_LOCK)


def _done(line: str) -> int:
    words = line.split()
    return int(words[-2]) if "0003_hulls" in line and words[-2].isdigit() else 0
