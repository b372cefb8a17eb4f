"""What a person is shown of jobs that failed for good and may do with them; how they get there is in test_worker."""

from uuid import UUID

import pytest

from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.ids import OrganisationId
from healthprotocol.foundation.jobs import dead_letters, queue
from healthprotocol.foundation.jobs.dead_letters import DeadLetter
from healthprotocol.foundation.jobs.queue import enqueue

HERE = OrganisationId(UUID("01890a5d-ac96-774b-bcce-b302099a8057"))
FAIL = "update pgqueuer.pgqueuer set status = 'failed', attempts = 5 where id = $1"
LOG = """
insert into pgqueuer.pgqueuer_log (job_id, status, priority, entrypoint, traceback)
values ($1, 'failed', 0, 'count.boats', jsonb_build_object('exception_message', $2::text))
"""


async def died(tx: Transaction, name: str = "count.boats", *, key: str | None = None) -> int:
    job_id = await enqueue(tx, name, {}, dedupe_key=key)
    assert job_id is not None
    await tx.execute(FAIL, job_id)
    return job_id


async def only_letter(database: Database, job_id: int) -> DeadLetter:
    async with database.transaction(None) as tx:
        [letter] = await dead_letters.list_dead(tx, job_id=job_id)
    return letter


class TestListDead:
    async def test_says_whose_it_was(self, database: Database) -> None:
        async with database.transaction(HERE) as tx:
            of_here = await died(tx)
        async with database.transaction(None) as tx:
            of_nobody = await died(tx)

        assert (await only_letter(database, of_here)).organisation_id == HERE
        assert (await only_letter(database, of_nobody)).organisation_id is None

    @pytest.mark.parametrize("payload", [b"[1]", b"\xff", b'{"organisation_id":"of the harbour"}', b"{}", None])
    async def test_shows_one_that_was_not_written_by_us(self, database: Database, payload: bytes | None) -> None:
        async with database.transaction(HERE) as tx:
            job_id = await died(tx)
            await tx.execute("update pgqueuer.pgqueuer set payload = $2 where id = $1", job_id, payload)

        assert (await only_letter(database, job_id)).organisation_id is None

    async def test_gives_those_of_a_name_alone(self, database: Database) -> None:
        async with database.transaction(None) as tx:
            await died(tx)
            ships = await died(tx, "count.ships")
            await enqueue(tx, "count.ships", {})

            found = await dead_letters.list_dead(tx, name="count.ships")

        assert [one.id for one in found] == [ships]

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            ("ValueError at healthprotocol/worker.py:7 main", "ValueError"),
            ("healthprotocol.foundation.errors.Unavailable [full] at healthprotocol/worker.py:7", "Unavailable"),
            ("asyncpg.exceptions.DeadlockDetectedError", "DeadlockDetectedError"),
            ("Ebro, 1960-01-01, is somebody else", None),
            ("the payload of Ebro", None),
            (None, None),
        ],
    )
    async def test_names_the_type_of_the_last_error_and_no_other_word(
        self, database: Database, error: str | None, kind: str | None
    ) -> None:
        async with database.transaction(HERE) as tx:
            job_id = await died(tx)
            await tx.execute(LOG, job_id, error)

        assert (await only_letter(database, job_id)).error_type == kind


class TestRevive:
    async def test_leaves_one_whose_like_waits_already_and_the_transaction_goes_on(self, database: Database) -> None:
        async with database.transaction(HERE) as tx:
            older, newer = await died(tx, key="harbour"), await died(tx, key="harbour")
            became = [await dead_letters.revive(tx, one) for one in (older, newer)]
            counts = await queue.counts(tx)

        assert became == ["revived", "doubled"]
        assert counts == {("count.boats", "queued"): 1, ("count.boats", "failed"): 1}
