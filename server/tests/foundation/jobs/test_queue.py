"""Jobs commit with what caused them, once a key, with ids only."""

import contextlib
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver

from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.ids import OrganisationId
from healthprotocol.foundation.jobs import queue
from healthprotocol.foundation.jobs.queue import enqueue
from tests.support.postgresql import Cluster

HERE = OrganisationId(UUID("01890a5d-ac96-774b-bcce-b302099a8057"))
ELSEWHERE = OrganisationId(UUID("01890a5d-ac96-774b-bcce-b302099a8058"))


async def queued(database: Database) -> dict[tuple[str, str], int]:
    async with database.transaction(None) as tx:
        return await queue.counts(tx)


class TestEnqueue:
    async def test_commits_with_the_transaction(self, database: Database) -> None:
        async with database.transaction(HERE) as tx:
            assert await enqueue(tx, "count.boats", {"boat_id": "7"}) is not None

        assert await queued(database) == {("count.boats", "queued"): 1}

    async def test_is_gone_with_a_rollback(self, database: Database) -> None:
        with contextlib.suppress(ZeroDivisionError):
            async with database.transaction(HERE) as tx:
                await enqueue(tx, "count.boats", {})
                raise ZeroDivisionError

        assert await queued(database) == {}

    async def test_the_same_key_is_one_job(self, database: Database) -> None:
        async with database.transaction(HERE) as tx:
            first = await enqueue(tx, "count.boats", {}, dedupe_key="harbour")
            second = await enqueue(tx, "count.boats", {}, dedupe_key="harbour")

        assert first is not None
        assert second is None

    async def test_keys_of_two_organisations_do_not_meet(self, database: Database) -> None:
        for organisation_id in (HERE, ELSEWHERE):
            async with database.transaction(organisation_id) as tx:
                assert await enqueue(tx, "count.boats", {}, dedupe_key="harbour") is not None

    async def test_waits_as_long_as_asked(self, database: Database) -> None:
        async with database.transaction(HERE) as tx:
            await enqueue(tx, "count.boats", {}, after=timedelta(hours=1))
            waits = await tx.fetchval("select execute_after - now() from pgqueuer.pgqueuer")

        assert timedelta(minutes=59) < waits <= timedelta(hours=1)

    @pytest.mark.parametrize(
        ("name", "payload"),
        [
            ("Count Boats", {}),
            ("count.boats", {"note": "a sentence with words"}),
            ("count.boats", {"name": "Müller"}),
            ("count.boats", {"organisation_id": str(ELSEWHERE)}),
            ("count.boats", {"long": "a" * 201}),
        ],
    )
    async def test_takes_ids_only(self, database: Database, name: str, payload: dict[str, str]) -> None:
        async with database.transaction(HERE) as tx:
            with pytest.raises(ValueError, match=r"job"):
                await enqueue(tx, name, payload)


class TestSchema:
    async def test_is_the_one_the_library_wants(self, cluster: Cluster, database_name: str) -> None:
        connection = await asyncpg.connect(cluster.admin_url(database_name))
        plan = await queue.queries(AsyncpgDriver(connection)).plan_upgrade()
        await connection.close()

        # Its plan always replaces the function that wakes workers; anything else is a migration that is missing.
        others = [each for each in plan.statements if "FUNCTION pgqueuer.fn_pgqueuer_changed" not in each]
        assert others == []
