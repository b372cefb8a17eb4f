"""Backfills by place: every row is filled, whatever moves, wherever the migrator was stopped."""

import asyncio
from typing import Any

import pytest

from healthprotocol.foundation.db.migrate import MigrationFailed
from tests.migrations.toys import Toys

NONE = "-- Phase: migrate\n-- Transaction: none\n"
COLUMN = "-- Phase: expand\nalter table boat add column hull text;"
BACKFILL = NONE + "-- Backfill: boat, by place\nupdate boat set hull = upper(name) where hull is null and :batch;"
FILLED = "select count(*) from boat where hull = upper(name)"


@pytest.fixture
async def harbour(toys: Toys) -> Toys:
    """A table of some fifty pages, in which the tenants' rows take turns."""
    await toys.up()
    await toys.fill(6_000)
    await toys.execute("analyze boat")
    toys.write("0003_hull", COLUMN)
    toys.write("0004_hulls", BACKFILL)
    return toys


class TestByPlace:
    async def test_fills_every_row_and_says_how_far_it_is(self, harbour: Toys) -> None:
        told: list[int] = []

        await harbour.up(progress=lambda doing, done, _total: told.append(done) if "0004" in doing else None)

        assert await harbour.ask(FILLED) == 6_000
        assert max(told) == 6_000
        assert await harbour.ask("select count(*) from schema_step") == 0

    async def test_goes_on_where_it_was_killed(self, harbour: Toys) -> None:
        lines = await harbour.killed(lambda line: line.startswith("0004_hulls, step 1 2"))
        before = await harbour.ask(FILLED)
        told: list[int] = []
        await harbour.up(progress=lambda doing, done, _total: told.append(done) if "0004" in doing else None)

        assert "0004_hulls, step 1" in lines[-1]
        assert 0 < before < 6_000
        assert told[0] > before - 200
        assert await harbour.ask(FILLED) == 6_000

    async def test_begins_anew_in_a_table_that_was_written_anew(self, harbour: Toys) -> None:
        await harbour.killed(lambda line: line.startswith("0004_hulls, step 1 2"))
        # Backwards, so that what is to be done lies where the first pass has been.
        await harbour.execute("create index turned on boat (id desc); cluster boat using turned")

        await harbour.up()

        assert await harbour.ask(FILLED) == 6_000

    async def test_meets_a_row_that_moved_behind_it(self, harbour: Toys) -> None:
        """Code of the release before, without a trigger: a row is taken out at the end and put in at the front."""
        await harbour.killed(lambda line: line.startswith("0004_hulls, step 1 3"))
        place = "select ctid from boat where id = 5999"
        moves: list[tuple[Any, Any]] = []
        # Room in front is made only when nobody, an autovacuum for one, looks at what was there.
        async with asyncio.timeout(60):
            while not any(after < before for before, after in moves):
                await harbour.execute("vacuum boat")
                before = await harbour.ask(place)
                await harbour.execute("update boat set sails = 3 where id = 5999")
                moves.append((before, await harbour.ask(place)))

        await harbour.up()

        assert await harbour.ask(FILLED) == 6_000

    async def test_of_a_partitioned_table_goes_along_its_key(self, toys: Toys) -> None:
        await toys.up()
        await toys.execute(
            """
            create table ship (organisation_id uuid, id int, hull text, primary key (organisation_id, id))
              partition by range (id);
            create table ship_small partition of ship for values from (0) to (50);
            create table ship_big partition of ship for values from (50) to (1000);
            insert into ship select gen_random_uuid(), n from generate_series(1, 120) n;
            """
        )
        toys.write("0003_hulls", BACKFILL.replace("boat", "ship").replace("upper(name)", "'oak'"))

        await toys.up()

        assert await toys.ask("select count(*) from ship where hull = 'oak'") == 120

    async def test_is_the_only_other_walk(self, harbour: Toys) -> None:
        harbour.write("0004_hulls", BACKFILL.replace("by place", "by luck"))

        with pytest.raises(MigrationFailed, match="knows no walk 'by luck'"):
            await harbour.up()

    async def test_begun_along_the_key_is_another_statement(self, harbour: Toys) -> None:
        harbour.write("0004_hulls", BACKFILL.replace(", by place", ""))
        await harbour.killed(lambda line: line.startswith("0004_hulls, step 1 2"))
        harbour.write("0004_hulls", BACKFILL)

        with pytest.raises(MigrationFailed, match="was begun in another form"):
            await harbour.up()
