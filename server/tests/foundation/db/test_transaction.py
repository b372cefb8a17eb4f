"""What a transaction promises: all or nothing, one tenant, one now, and what happens around the commit."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from structlog.testing import capture_logs

from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import CommitUnanswered, Conflict, Unavailable
from healthprotocol.foundation.events import Subscriptions
from healthprotocol.foundation.ids import OrganisationId, made_at
from tests.foundation.db.test_lost_server import end_connections, until_runs
from tests.support.people import Organisation
from tests.support.postgresql import Cluster, open_database

RENAME = "update organisation set name = $1"
FOUND = "insert into organisation (organisation_id, name, created_at, updated_at) values ($1, 'Raft', $2, $2)"
NAME = "select name from organisation"
SLOW_COMMIT = """
create temporary table raft (n int);
create function pg_temp.drift() returns trigger language plpgsql as 'begin perform pg_sleep(10); return null; end';
create constraint trigger drift after insert on raft deferrable initially deferred
  for each row execute function pg_temp.drift();
insert into raft values (1);
"""


async def name_of(database: Database, organisation: Organisation) -> str:
    async with database.transaction(organisation.id) as tx:
        return await tx.fetchval(NAME)


class TestTransaction:
    async def test_commits_at_the_end_of_the_block(self, database: Database, organisation: Organisation) -> None:
        async with database.transaction(organisation.id) as tx:
            await tx.execute(RENAME, "Tagus Clinic")

        assert await name_of(database, organisation) == "Tagus Clinic"

    async def test_keeps_nothing_when_the_block_raises(self, database: Database, organisation: Organisation) -> None:
        async def act() -> None:
            async with database.transaction(organisation.id) as tx:
                await tx.execute(RENAME, "Tagus Clinic")
                raise Conflict

        with pytest.raises(Conflict):
            await act()

        assert await name_of(database, organisation) == "Delta Clinic"

    async def test_without_a_tenant_shows_no_rows(self, database: Database, organisation: Organisation) -> None:
        async with database.transaction(None) as tx:
            assert await tx.fetchval("select count(*) from organisation") == 0
            with pytest.raises(RuntimeError, match="organisation"):
                assert tx.tenant

    async def test_leaves_no_tenant_on_its_connection(self, database: Database, organisation: Organisation) -> None:
        async with database.transaction(organisation.id, lookup=b"\x01", statement_timeout_seconds=7) as tx:
            assert await tx.fetchval("show statement_timeout") == "7s"

        for _ in range(4):
            async with database.transaction(None) as tx:
                assert not await tx.fetchval("select current_setting('app.organisation', true)")
                assert not await tx.fetchval("select current_setting('app.lookup', true)")
                assert await tx.fetchval("show statement_timeout") == "20s"

    async def test_has_one_now_in_utc_and_ids_of_it(self, database: Database) -> None:
        noon = datetime(2026, 3, 7, 12, tzinfo=timezone(timedelta(hours=3)))

        async with database.transaction(None, now=noon) as tx:
            assert tx.now == noon
            assert tx.now.tzinfo is UTC
            assert made_at(tx.new_id()) == noon
            assert tx.new_id().version == 7
            assert tx.new_id() != tx.new_id()

    async def test_refuses_to_answer_well_when_a_statement_had_failed(self, database: Database) -> None:
        async def act() -> None:
            async with database.transaction(None) as tx:
                with suppress(asyncpg.DivisionByZeroError):
                    await tx.fetchval("select 1 / 0")

        with pytest.raises(RuntimeError, match="failed before its commit"):
            await act()

    async def test_runs_a_statement_for_many_rows(self, database: Database) -> None:
        async with database.transaction(None) as tx:
            await tx.execute("create temporary table ferry (n int) on commit drop")
            await tx.executemany("insert into ferry (n) values ($1)", [(1,), (2,)])

            assert [row["n"] for row in await tx.fetch("select n from ferry order by n")] == [1, 2]
            assert await tx.fetchrow("select n from ferry where n > 2") is None


class TestAttempt:
    async def test_what_fails_is_undone_and_the_rest_stands(
        self, database: Database, organisation: Organisation
    ) -> None:
        done: list[str] = []

        async def do(what: str) -> None:
            done.append(what)

        async def fail(tx: Transaction) -> None:
            async with tx.attempt():
                tx.pending["words"].append("undone")
                tx.before_commit(lambda: do("undone"))
                tx.after_commit(lambda: do("undone"))
                await tx.execute(RENAME, "Nobody's Clinic")
                await tx.execute("select 1 / (n - 1) from (values (1)) as w (n)")

        async with database.transaction(organisation.id) as tx:
            tx.pending["words"] = ["before"]
            async with tx.attempt():
                await tx.execute(RENAME, "Tagus Clinic")
                tx.before_commit(lambda: do("kept"))
            with pytest.raises(asyncpg.DivisionByZeroError):
                await fail(tx)
            words = tx.pending.pop("words")

        assert (words, done) == (["before"], ["kept"])
        assert await name_of(database, organisation) == "Tagus Clinic"

    async def test_that_fails_leaves_no_key_that_it_made(self, database: Database) -> None:
        tenant = OrganisationId(UUID(int=77))
        cell: dict[str, Any] = {"table": "raft", "column": "name", "row_id": UUID(int=1)}

        async def make_and_fail(tx: Transaction) -> None:
            async with tx.attempt():
                await tx.keys.purpose(tx, "raft")
                raise InterruptedError

        async with database.transaction(tenant) as tx:
            await tx.execute(FOUND, tx.tenant, tx.now)
            await tx.keys.create_organisation(tx)
            with pytest.raises(InterruptedError):
                await make_and_fail(tx)
            sealed = (await tx.keys.purpose(tx, "raft")).encrypt(plaintext=b"Guadiana", **cell)

        database.keys.forget()
        async with database.transaction(tenant) as tx:
            assert (await tx.keys.purpose(tx, "raft")).decrypt(ciphertext=sealed, **cell) == b"Guadiana"

    async def test_one_inside_another_undoes_its_own_only(self, database: Database, organisation: Organisation) -> None:
        class Enough(Exception):
            pass

        async def outer(tx: Transaction) -> None:
            async with tx.attempt():
                await tx.execute(RENAME, "Tagus Clinic")
                with suppress(Conflict):
                    async with tx.attempt():
                        await tx.execute(RENAME, "Nobody's Clinic")
                        raise Conflict
                assert await tx.fetchval(NAME) == "Tagus Clinic"
                raise Enough

        async with database.transaction(organisation.id) as tx:
            with suppress(Enough):
                await outer(tx)

        assert await name_of(database, organisation) == "Delta Clinic"


class TestCallbacks:
    async def test_before_the_commit_may_add_others_and_raise(
        self, database: Database, organisation: Organisation
    ) -> None:
        said: list[str] = []

        async def second() -> None:
            said.append("second")
            raise Conflict

        async def first(tx: Transaction) -> None:
            said.append("first")
            tx.before_commit(second)

        async def act() -> None:
            async with database.transaction(organisation.id) as tx:
                await tx.execute(RENAME, "Tagus Clinic")
                tx.before_commit(lambda: first(tx))

        with pytest.raises(Conflict):
            await act()

        assert said == ["first", "second"]
        assert await name_of(database, organisation) == "Delta Clinic"

    async def test_after_the_commit_never_fail_the_caller(self, database: Database, organisation: Organisation) -> None:
        seen: list[str] = []

        async def fails() -> None:
            raise ValueError("Guadiana")

        async def looks() -> None:
            seen.append(await name_of(database, organisation))

        with capture_logs() as logs:
            async with database.transaction(organisation.id) as tx:
                await tx.execute(RENAME, "Tagus Clinic")
                tx.after_commit(fails)
                tx.after_commit(looks)

        assert seen == ["Tagus Clinic"]
        assert [line["event"] for line in logs] == ["callback.failed"]

    async def test_after_the_commit_run_though_the_answer_is_withheld(self, database: Database) -> None:
        said: list[str] = []

        async def withheld() -> None:
            raise Conflict

        async def told() -> None:
            said.append("told")

        async def act() -> None:
            async with database.transaction(None) as tx:
                tx.before_answer(withheld)
                tx.after_commit(told)

        with pytest.raises(Conflict):
            await act()

        assert said == ["told"]

    async def test_after_the_commit_do_not_run_without_one(self, database: Database) -> None:
        async def never() -> None:
            raise AssertionError

        async def act() -> None:
            async with database.transaction(None) as tx:
                tx.after_commit(never)
                raise Conflict

        with pytest.raises(Conflict):
            await act()


class TestEvents:
    async def test_are_delivered_in_the_same_transaction_in_order(
        self, cluster: Cluster, database_name: str, organisation: Organisation
    ) -> None:
        async def rename(tx: Transaction, event: str) -> None:
            await tx.execute(RENAME, f"{await tx.fetchval(NAME)} {event}")

        async def refuse(_tx: Transaction, _event: int) -> None:
            raise Conflict

        database = await open_database(
            cluster, database_name, subscriptions=Subscriptions([(str, rename), (str, rename), (int, refuse)])
        )
        async with database.transaction(organisation.id) as tx:
            await tx.publish("X")
            await tx.publish(UUID(int=1))

        async def act() -> None:
            async with database.transaction(organisation.id) as tx:
                await tx.publish("Y")
                await tx.publish(7)

        with pytest.raises(Conflict):
            await act()

        assert await name_of(database, organisation) == "Delta Clinic X X"
        await database.close()


class TestUnavailable:
    async def test_when_a_lock_is_held_too_long(self, database: Database, organisation: Organisation) -> None:
        async def wait_for_it() -> None:
            async with database.transaction(organisation.id) as tx:
                await tx.execute("set local lock_timeout = '50ms'")
                await tx.execute(RENAME, "Tagus Clinic")

        async with database.transaction(organisation.id) as holder:
            await holder.execute(RENAME, "Douro Clinic")
            with pytest.raises(Unavailable) as caught:
                await wait_for_it()

        assert caught.value.retry_after_seconds
        assert await name_of(database, organisation) == "Douro Clinic"

    async def test_when_a_statement_runs_too_long(self, database: Database) -> None:
        with pytest.raises(Unavailable):
            async with database.transaction(None, statement_timeout_seconds=0.05) as tx:
                await tx.fetchval("select pg_sleep(2)")

    async def test_when_no_connection_is_free(self, cluster: Cluster, database_name: str) -> None:
        database = await open_database(cluster, database_name, size=1)
        hurried = Database(database.pool, keys=database.keys, wait_seconds=0.05)

        async with database.transaction(None):
            with pytest.raises(Unavailable):
                async with hurried.transaction(None):
                    pass
        await database.close()

        with pytest.raises(Unavailable):
            async with database.transaction(None):
                pass

    async def test_a_commit_without_an_answer_says_so(
        self, cluster: Cluster, database_name: str, database: Database
    ) -> None:
        async def ending() -> None:
            await until_runs(cluster, database_name, "commit")
            await end_connections(cluster, database_name)

        async def committing() -> None:
            async with database.transaction(None) as tx:
                await tx.execute(SLOW_COMMIT)

        with pytest.raises(CommitUnanswered):
            await asyncio.gather(committing(), ending())

    async def test_a_server_lost_before_the_commit_kept_nothing_for_sure(
        self, cluster: Cluster, database_name: str, database: Database
    ) -> None:
        async def last() -> None:
            await end_connections(cluster, database_name)
            await asyncio.sleep(0.05)

        with pytest.raises(Unavailable) as caught:
            async with database.transaction(None) as tx:
                tx.before_commit(last)

        assert not isinstance(caught.value, CommitUnanswered)

    async def test_what_went_wrong_first_is_told(
        self, cluster: Cluster, database_name: str, database: Database
    ) -> None:
        async def act() -> None:
            async with database.transaction(None):
                await end_connections(cluster, database_name)
                raise Conflict

        with pytest.raises(Conflict):
            await act()

    async def test_an_act_that_is_cancelled_gives_its_connection_back(
        self, cluster: Cluster, database_name: str
    ) -> None:
        database = await open_database(cluster, database_name, size=1)

        async def act() -> None:
            async with database.transaction(OrganisationId(UUID(int=1))) as tx:
                await tx.fetchval("select pg_sleep(10)")

        task = asyncio.create_task(act())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        async with database.transaction(None) as tx:
            assert not await tx.fetchval("select current_setting('app.organisation', true)")
        await database.close()
