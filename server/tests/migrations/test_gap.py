"""What is written between the copy and the drop is in the copy too."""

from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from healthprotocol.foundation.db.migrate import Limits, MigrationFailed, saved
from healthprotocol.foundation.db.migrate.session import Session
from tests.migrations.toys import Toys

HULL = ("0003_hull", "alter table boat add column hull text;", "alter table boat drop column hull;")
OAR = (
    "0003_oar",
    "create table oar (id int primary key, wood text); create table rope (id int primary key);",
    "drop table rope; drop table oar;",
)
BY_STEPS = "-- Transaction: none\n"


@pytest.fixture
def in_the_gap(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have a statement committed by somebody else after everything is saved and verified, and before it goes."""

    def plan(statement: str) -> None:
        real = saved.save

        async def save(*asked: Any, **more: Any) -> str:
            folder = await real(*asked, **more)
            await toys.execute(statement)
            return folder

        monkeypatch.setattr(saved, "save", save)

    return plan


class TestGoingBack:
    @pytest.mark.parametrize("head", ["", BY_STEPS])
    async def test_keeps_rows_that_came_in_the_gap(
        self, toys: Toys, in_the_gap: Callable[[str], None], head: str
    ) -> None:
        toys.write(*OAR[:2], head + OAR[2])
        await toys.up()
        await toys.execute("insert into oar values (1, 'ash'); insert into rope values (7)")
        in_the_gap("insert into oar values (2, 'elm')")

        await toys.down("0002")
        await toys.up()

        assert await toys.ask("select array_agg(wood order by id) from oar") == ["ash", "elm"]
        assert await toys.ask("select array_agg(id) from rope") == [7]

    async def test_keeps_rows_that_came_into_an_empty_table(
        self, toys: Toys, in_the_gap: Callable[[str], None]
    ) -> None:
        toys.write(*OAR)
        await toys.up()
        await toys.execute("insert into rope values (7)")
        in_the_gap("insert into oar values (2, 'elm')")

        await toys.down("0002")
        await toys.up()

        assert await toys.ask("select array_agg(wood) from oar") == ["elm"]
        assert await toys.ask("select array_agg(id) from rope") == [7]

    @pytest.mark.parametrize("head", ["", BY_STEPS])
    async def test_keeps_a_value_that_changed_in_the_gap(
        self, toys: Toys, in_the_gap: Callable[[str], None], head: str
    ) -> None:
        toys.write(*HULL[:2], head + HULL[2])
        await toys.up()
        await toys.fill(20)
        await toys.execute("update boat set hull = 'oak ' || id")
        in_the_gap("update boat set hull = 'teak' where id = 7")

        await toys.down("0002")
        await toys.up()

        assert await toys.ask("select hull from boat where id = 7") == "teak"
        assert await toys.ask("select count(*) from boat where hull = 'oak ' || id") == 19

    async def test_saves_once_when_only_what_stays_was_written(
        self, toys: Toys, in_the_gap: Callable[[str], None]
    ) -> None:
        toys.write(*HULL)
        await toys.up()
        await toys.fill(20)
        await toys.execute("update boat set hull = 'oak' where id < 9")
        in_the_gap("update boat set name = 'other'; insert into boat select organisation_id, 99 from boat limit 1")

        await toys.down("0002")

        assert len(list(toys.saved.iterdir())) == 1

    async def test_gives_up_when_a_writer_does_not_let_go(self, toys: Toys) -> None:
        toys.write(*OAR)
        await toys.up()
        await toys.execute("insert into oar values (1, 'ash')")
        async with toys.connect() as writer, writer.transaction():
            await writer.execute("insert into oar values (2, 'elm')")
            with pytest.raises(MigrationFailed, match="no lock after 2 tries"):
                await toys.down("0002", limits=Limits(lock_seconds=(0.1, 0.1), pause_seconds=0.01))

        await toys.down("0002")
        await toys.up()

        assert await toys.ask("select count(*) from oar") == 2

    async def test_has_the_time_of_a_statement_while_the_application_waits(
        self, toys: Toys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        toys.write(*OAR)
        await toys.up()
        await toys.execute("insert into oar values (1, 'ash')")
        real = saved.contents

        async def slowly(session: Session, *asked: Any) -> str:
            await session.connection.execute("select pg_sleep(3.5)")
            return await real(session, *asked)

        monkeypatch.setattr(saved, "contents", slowly)
        limits = Limits(statement_seconds=3)
        application = await asyncpg.connect(toys.cluster.app_url(toys.name))
        with pytest.raises(MigrationFailed, match=r"since it was saved cannot be told in 3s .* Stop the nodes"):
            await toys.down("0002", limits=limits)
        await application.close()

        assert await toys.ask("select wood from oar") == "ash"
        assert (await toys.down("0002", limits=limits)).current == "0002"


class TestAContract:
    @pytest.mark.parametrize("head", ["", BY_STEPS])
    async def test_keeps_a_value_that_changed_in_the_gap(
        self, toys: Toys, in_the_gap: Callable[[str], None], head: str
    ) -> None:
        await toys.up()
        await toys.fill(20)
        toys.write(
            "0003_no_name",
            f"-- Phase: contract\n{head}-- Contracts: 0002\n-- Backup: boat (name)\nalter table boat drop column name;",
            "-- Transaction: none\nalter table boat add column name text;\n-- Restore: boat (name)\n",
        )
        in_the_gap("update boat set name = 'late' where id = 7")

        await toys.up()
        await toys.down("0002")

        assert await toys.ask("select name from boat where id = 7") == "late"
        assert await toys.ask("select count(*) from boat where name = 'boat ' || id") == 19

    async def test_makes_what_it_makes_as_the_owner(self, toys: Toys, in_the_gap: Callable[[str], None]) -> None:
        await toys.up()
        await toys.fill(20)
        toys.write(
            "0003_no_name",
            "-- Phase: contract\n-- Contracts: 0002\n-- Backup: boat (name)\n"
            "alter table boat drop column name;\ncreate table oar (id int primary key);",
            "-- Transaction: none\nalter table boat add column name text;\n-- Restore: boat (name)\ndrop table oar;",
        )
        in_the_gap("update boat set name = 'late' where id = 7")

        await toys.up()

        assert await toys.ask("select tableowner from pg_tables where tablename = 'oar'") == "hp_owner"
