"""The runner at work: locks, indexes, backfills, checksums, and nodes that start at once."""

import asyncio
import re
from collections.abc import Sequence

import asyncpg
import pytest

from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.migrate import Limits, MigrationFailed, MigrationStatus
from tests.migrations.toys import ONE, OTHER, QUICK, Toys
from tests.support.postgresql import APP_PASSWORD

NONE = "-- Phase: migrate\n-- Transaction: none\n"
COLUMN = "alter table boat add column hull text;"
BACKFILL = NONE + "-- Backfill: boat\nupdate boat set hull = upper(name) where hull is null and :batch;"
# It tries for as long as the test likes, a short while each time.
PERSEVERING = Limits(lock_seconds=(0.2,) * 500, pause_seconds=0.05, longest_pause_seconds=0.1)
WAITS = "select exists (select from pg_locks where relation = 'boat'::regclass and not granted)"
ASKS = """
select exists (
  select from pg_stat_activity
  where datname = current_database() and query like 'select pg_try_advisory_lock%' and state = 'idle'
)
"""
INDEX = "-- Phase: expand\n-- Transaction: none\ncreate index concurrently boat_name on boat (organisation_id, name);"


class TestLocks:
    async def test_are_tried_for_a_few_times_and_who_blocks_is_named(self, toys: Toys) -> None:
        await toys.up()
        toys.write("0003_hull", COLUMN)
        settings = {"application_name": "a slow report"}

        async with toys.connect(server_settings=settings) as other, other.transaction():
            await other.execute("select name from boat")
            with pytest.raises(MigrationFailed) as caught:
                await toys.up()
            pid = other.get_server_pid()

        said = str(caught.value)
        assert re.fullmatch(
            rf"0003_hull.up.sql: no lock after 3 tries; blocked by process {pid} \(a slow report\), "
            r"in a transaction for \d+ s. Try again when that has ended",
            said,
        )
        assert (await migrate.status(toys.url, folder=toys.folder)).current == "0002"

    async def test_come_with_patience_once_the_other_has_ended(self, toys: Toys) -> None:
        await toys.up()
        toys.write("0003_hull", COLUMN)

        async with toys.connect() as other:
            begun = other.transaction()
            await begun.start()
            await other.execute("select name from boat")
            waiting = asyncio.create_task(toys.up(limits=PERSEVERING))
            # More than one try of it.
            for _ in range(2):
                await _until(toys, WAITS)
                await _until(toys, f"select not ({WAITS.removeprefix('select ')})")
            await begun.commit()
            reached = await waiting

        assert reached.current == "0003"

    async def test_are_never_waited_for_longer_than_four_seconds(self) -> None:
        limits = Limits()

        assert max(limits.lock_seconds) <= 4
        assert 5 <= len(limits.lock_seconds) <= 20
        assert limits.statement_seconds <= 30

    async def test_let_others_pass_between_two_tries(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(10)
        toys.write("0003_hull", COLUMN)

        async with toys.connect() as slow, toys.connect() as reader:
            begun = slow.transaction()
            await begun.start()
            await slow.execute("select name from boat")
            waiting = asyncio.create_task(toys.up(limits=PERSEVERING))
            for _ in range(5):
                await _until(toys, WAITS)
                # It waits behind the migrator, who would wait for ever, but no longer than one of its tries.
                async with asyncio.timeout(30):
                    await reader.fetchval("select count(*) from boat")
            assert not waiting.done()
            await begun.rollback()
            assert (await waiting).current == "0003"


class TestConcurrentIndexes:
    async def test_are_built_outside_a_transaction_and_only_once(self, toys: Toys) -> None:
        toys.write("0003_index", INDEX, "drop index boat_name;")

        first = await toys.up()
        await toys.down("0002")
        second = await toys.up()

        assert first.current == second.current == "0003"
        assert await toys.ask("select indisvalid from pg_index where indexrelid = 'boat_name'::regclass")

    async def test_that_a_cut_off_build_left_behind_are_built_anew(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(4)
        await _leave_invalid(toys)
        toys.write("0003_index", INDEX)

        reached = await toys.up()

        assert reached.current == "0003"
        assert await toys.ask("select indisvalid from pg_index where indexrelid = 'boat_name'::regclass")

    async def test_reach_every_partition(self, toys: Toys) -> None:
        await toys.up()
        await toys.execute(
            """
            create table log (organisation_id uuid, id int, note text, primary key (organisation_id, id))
              partition by range (id);
            create table log_1 partition of log for values from (0) to (10);
            create table log_2 partition of log for values from (10) to (20);
            alter table log owner to hp_owner; alter table log_1 owner to hp_owner; alter table log_2 owner to hp_owner;
            """
        )
        toys.write(
            "0003_index", INDEX.replace("boat_name", "log_note").replace("boat (organisation_id, name)", "log (note)")
        )

        await toys.up()
        await toys.execute("create table log_3 partition of log for values from (20) to (30)")
        valid = await toys.ask("select indisvalid from pg_index where indexrelid = 'log_note'::regclass")
        parts = await toys.ask("select count(*) from pg_inherits where inhparent = 'log_note'::regclass")

        assert (valid, parts) == (True, 3)

    async def test_that_cannot_be_says_why_and_keeps_what_was_finished(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(4)
        await toys.execute("update boat set name = 'same'")
        twice = "create unique index concurrently boat_one on boat (name);"
        toys.write("0003_index", f"{INDEX}\n{twice}", "drop index boat_name;\ndrop index boat_one;")

        with pytest.raises(MigrationFailed) as caught:
            await toys.up()
        half = await migrate.status(toys.url, folder=toys.folder)
        await toys.execute("update boat set name = id::text")
        healed = await toys.up()

        assert str(caught.value) == "0003_index.up.sql: UniqueViolationError [23505]"
        assert (half.current, half.half_done) == ("0002", "0003")
        assert (healed.current, healed.half_done) == ("0003", None)

    async def test_that_are_half_done_can_be_undone(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(4)
        await toys.execute("update boat set name = 'same'")
        twice = (
            "create unique index concurrently boat_one on boat (name);\ncreate index concurrently c on boat (sails);"
        )
        toys.write("0003_index", f"{INDEX}\n{twice}", "drop index boat_name;\ndrop index boat_one;\ndrop index c;")
        with pytest.raises(MigrationFailed, match="UniqueViolation"):
            await toys.up()

        back = await toys.down("0002")

        assert (back.current, back.half_done) == ("0002", None)
        assert await toys.ask("select count(*) from pg_index where indrelid = 'boat'::regclass") == 1


class TestRepair:
    async def test_builds_anew_what_was_left_behind(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(4)
        await _leave_invalid(toys)

        found = await migrate.damage(toys.url)
        done = await migrate.repair(toys.url, accept_checksum=False, options=toys.options())

        assert found.invalid == done.rebuilt == ("boat_name",)
        assert await toys.ask("select indisvalid from pg_index where indexrelid = 'boat_name'::regclass")
        assert (await migrate.damage(toys.url)).invalid == ()

    async def test_refuses_what_was_changed_until_it_is_accepted(self, toys: Toys) -> None:
        await toys.up()
        toys.write("0002_boat", "-- told better\n" + (toys.folder / "0002_boat.up.sql").read_text())
        toys.write("0003_hull", COLUMN)

        with pytest.raises(MigrationFailed, match="0002 are not what was applied: put them back"):
            await toys.up()
        refused = await migrate.repair(toys.url, accept_checksum=False, options=toys.options())
        accepted = await migrate.repair(toys.url, accept_checksum=True, options=toys.options())

        assert (refused.refused, accepted.accepted) == (("0002",), ("0002",))
        assert (await toys.up()).current == "0003"

    async def test_lets_a_begun_statement_be_written_otherwise(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(40)
        toys.write("0003_hull", COLUMN)
        toys.write("0004_hulls", BACKFILL + "\nselect 1 / 0;")
        with pytest.raises(MigrationFailed, match="DivisionByZero"):
            await toys.up()
        toys.write("0004_hulls", BACKFILL.replace("upper(name)", "upper(boat.name)") + "\nselect 1;")

        with pytest.raises(MigrationFailed, match="statement 1 was begun in another form"):
            await toys.up()
        await migrate.repair(toys.url, accept_checksum=True, options=toys.options())

        assert (await toys.up()).current == "0004"

    async def test_line_ends_do_not_change_a_file(self, toys: Toys) -> None:
        await toys.up()
        path = toys.folder / "0002_boat.up.sql"
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

        assert (await toys.up()).changed == ()


class TestBackfills:
    async def test_do_every_row_once_and_say_how_far_they_are(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(101)
        toys.write(
            "0003_hull",
            COLUMN + "create table trace (id int);"
            "create function trace() returns trigger language plpgsql security definer as "
            "$$ begin insert into trace values (new.id); return new; end $$;"
            "create trigger trace after update on boat for each row execute function trace();",
        )
        toys.write("0004_hulls", BACKFILL)
        told: list[tuple[int, int | None]] = []

        await toys.up(progress=lambda _doing, done, total: told.append((done, total)))

        assert await toys.ask("select count(*) from boat where hull = upper(name)") == 101
        assert await toys.ask("select count(*) from trace") == 101
        done = [one for one, _ in told if one > 1]
        assert done == sorted(done)
        assert done[-1] == 101
        assert await toys.ask("select count(*) from schema_step") == 0

    async def test_reach_the_rows_of_every_tenant_without_being_above_row_security(self, toys: Toys) -> None:
        """As on a managed database, whose administrator is no superuser; what is saved and put back, likewise."""
        await toys.up()
        await toys.fill(60)
        await toys.execute(
            """
            drop role if exists hp_plain; create role hp_plain login createrole password 'plain';
            grant hp_owner to hp_plain with admin option; grant hp_app to hp_plain with admin option;
            """
        )
        role = migrate.app_role(toys.url)
        await toys.execute(f"grant {role} to hp_plain with admin option")
        toys.write("0003_hull", COLUMN, "alter table boat drop column hull;")
        toys.write("0004_hulls", BACKFILL)
        url = re.sub(r"//[^@]*@", "//hp_plain:plain@", toys.url)

        async with toys.connect() as admin:
            await admin.execute(f"grant all on database {toys.name} to hp_plain with grant option")
            await admin.execute("grant all on schema public to hp_plain with grant option")
            await admin.execute("grant all on all tables in schema public to hp_plain")
        reached = await migrate.up(url, app_password=APP_PASSWORD, options=toys.options())
        filled = await toys.ask("select count(*) from boat where hull = upper(name)")
        toys.write(
            "0005_no_name",
            "-- Phase: contract\n-- Backup: boat (name)\nalter table boat drop column name;",
            "-- Transaction: none\nalter table boat add column name text;\n-- Restore: boat (name)\n",
        )
        await migrate.up(url, app_password=APP_PASSWORD, options=toys.options())
        back = await migrate.down(url, target="0001", options=toys.options())
        again = await migrate.up(url, app_password=APP_PASSWORD, target="0004", options=toys.options())

        assert (reached.current, back.current, again.current) == ("0004", "0001", "0004")
        assert filled == 60
        assert await toys.ask("select count(*) from boat where name = 'boat ' || id and hull = upper(name)") == 60

    async def test_go_on_with_the_next_row_after_a_kill(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(400)
        toys.write("0003_hull", COLUMN + "alter table boat add column times int default 0;")
        toys.write(
            "0004_hulls", NONE + "-- Backfill: boat\nupdate boat set hull = 'x', times = times + 1 where :batch;"
        )

        lines = await toys.killed(lambda line: line.startswith("0004_hulls, step 1 1"))
        half = await migrate.status(toys.url, folder=toys.folder)
        before = await toys.ask("select count(*) from boat where times = 1")
        reached = await toys.up()

        assert "0004_hulls, step 1" in lines[-1]
        assert half.half_done == "0004"
        assert 0 < before < 400
        assert reached.current == "0004"
        # Each row exactly once, though the statement would do it twice.
        assert await toys.ask("select array_agg(distinct times) from boat") == [1]

    async def test_without_a_batch_are_refused(self, toys: Toys) -> None:
        await toys.up()
        toys.write("0003_hulls", NONE + "-- Backfill: boat\nupdate boat set name = 'x';")

        with pytest.raises(MigrationFailed, match="lacks :batch"):
            await toys.up()

    @pytest.mark.parametrize(("table", "said"), [("ship", "no table ship"), ("heap", "no primary key")])
    async def test_need_a_key_to_walk_along(self, toys: Toys, table: str, said: str) -> None:
        await toys.up()
        await toys.execute("create table heap (name text)")
        toys.write("0003_hulls", NONE + f"-- Backfill: {table}\nupdate {table} set name = 'x' where :batch;")

        with pytest.raises(MigrationFailed, match=said):
            await toys.up()


class TestTurns:
    async def test_of_two_nodes_one_migrates_and_the_other_waits(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(200)
        toys.write("0003_hull", COLUMN)
        toys.write("0004_hulls", BACKFILL)
        toys.write("0005_index", INDEX)
        told: list[Sequence[str]] = []

        def record(node: str) -> object:
            return lambda doing, _done, _total: told.append((node, doing))

        found = await asyncio.gather(*(toys.up(progress=record(node)) for node in ("one", "other")))

        assert [one.current for one in found] == ["0005", "0005"]
        assert len({node for node, _ in told}) == 1
        assert await toys.ask("select count(*) from schema_revision") == 5

    async def test_passes_on_when_the_one_who_had_it_is_killed(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(200)
        toys.write("0003_hull", COLUMN)
        toys.write("0004_hulls", BACKFILL)

        others: list[asyncio.Task[MigrationStatus]] = []

        async def another_asks() -> None:
            others.append(asyncio.create_task(toys.up()))
            await _until(toys, ASKS)

        await toys.killed(lambda line: line.startswith("0004_hulls, step 1"), first=another_asks)
        reached = await others[0]

        assert reached.current == "0004"
        assert await toys.ask("select count(*) from boat where hull is null") == 0


class TestPhases:
    async def test_are_gone_through_as_far_as_asked(self, toys: Toys) -> None:
        await toys.up()
        toys.write("0003_hull", "-- Phase: expand\n" + COLUMN)
        toys.write("0004_hulls", BACKFILL)
        toys.write("0005_name", "-- Phase: contract\nalter table boat drop column name;")

        at = [(await toys.up(last_phase=phase)).current for phase in ("expand", "migrate", "contract")]

        assert at == ["0003", "0004", "0005"]

    async def test_a_contract_waits_for_the_nodes_of_a_skipped_release(self, toys: Toys) -> None:
        await toys.up()
        toys.write("0003_hull", "-- Phase: expand\n" + COLUMN)
        toys.write("0004_name", "-- Phase: contract\n-- Contracts: 0003\nalter table boat drop column name;")
        node = await asyncpg.connect(migrate.app_url(toys.url, app_password=APP_PASSWORD))

        with pytest.raises(MigrationFailed, match="1 sessions of the application are open"):
            await toys.up()
        await node.close()
        reached = await toys.up()

        assert reached.current == "0004"

    async def test_a_contract_of_another_run_waits_for_nobody(self, toys: Toys) -> None:
        toys.write("0003_hull", "-- Phase: expand\n" + COLUMN)
        await toys.up()
        toys.write("0004_name", "-- Phase: contract\n-- Contracts: 0003\nalter table boat drop column name;")
        node = await asyncpg.connect(migrate.app_url(toys.url, app_password=APP_PASSWORD))

        reached = await toys.up()
        await node.close()

        assert reached.current == "0004"


async def _until(toys: Toys, holds: str) -> None:
    """Wait for what a query tells."""
    async with asyncio.timeout(60), toys.connect() as look:
        while not await look.fetchval(holds):  # noqa: ASYNC110 - it happens in the database
            await asyncio.sleep(0.01)


async def _leave_invalid(toys: Toys) -> None:
    """Do what a build does that is cut off: an index that is there and not valid."""
    await toys.execute(f"update boat set name = 'same' where organisation_id in ('{ONE}', '{OTHER}')")
    async with toys.connect() as connection:
        await connection.execute("set role hp_owner")
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("create unique index concurrently boat_name on boat (name)")
    await toys.execute("update boat set name = id::text")


def test_quick_limits_are_not_what_operators_get() -> None:
    assert Limits() != QUICK
