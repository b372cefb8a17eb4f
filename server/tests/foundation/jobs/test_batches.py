"""Long work goes on where it was, does nothing twice, and ends as it says."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import Conflict, NotFound, Unavailable
from healthprotocol.foundation.ids import AccountId, OperationId, OrganisationId
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.batches import Batch, Step, run_in_batches
from healthprotocol.foundation.jobs.operations import Operation, OperationUnknown
from healthprotocol.foundation.jobs.registry import HandedOver, Job
from tests.foundation.jobs.filling import filling, registry
from tests.foundation.jobs.workers import eventually, process, working
from tests.support.postgresql import Cluster

HERE = OrganisationId(UUID("01890a5d-ac96-774b-bcce-b302099a8057"))
ELSEWHERE = OrganisationId(UUID("01890a5d-ac96-774b-bcce-b302099a8058"))
SOMEONE = AccountId(UUID("01890a5d-ac96-774b-bcce-b302099a8059"))


@pytest.fixture
async def filled(cluster: Cluster, database_name: str, database: Database) -> None:
    """A table of this test that the step writes to; a number twice is an error."""
    connection = await asyncpg.connect(cluster.admin_url(database_name))
    await connection.execute("create table filled (number int primary key)")
    await connection.execute("grant select, insert on filled to hp_app")
    await connection.close()


async def submitted(database: Database, *, until: int) -> Operation:
    async with database.transaction(HERE) as tx:
        return await operations.submit(tx, "fill", created_by=SOMEONE, input={"until": until}, total=until)


async def present(database: Database, operation_id: OperationId) -> Operation:
    async with database.transaction(HERE) as tx:
        return await operations.get(tx, operation_id)


async def numbers(database: Database) -> list[int]:
    async with database.transaction(None) as tx:
        return [row["number"] for row in await tx.fetch("select number from filled order by number")]


def job_of(operation: Operation, *, attempt: int = 1, stopping: asyncio.Event | None = None) -> Job:
    return Job(
        id=1,
        name="fill",
        attempt=attempt,
        most_attempts=3,
        payload={"operation_id": str(operation.id)},
        organisation_id=HERE,
        context=RequestContext(request_id="test"),
        stopping=stopping or asyncio.Event(),
    )


def failing(error: Exception) -> Step:
    async def step(tx: Transaction, operation: Operation) -> Batch:
        await tx.execute("insert into filled (number) values (1)")
        raise error

    return step


@pytest.mark.usefixtures("filled")
class TestRunInBatches:
    async def test_does_all_and_succeeds(self, database: Database) -> None:
        operation = await submitted(database, until=25)

        await run_in_batches(database, job_of(operation), filling(0))

        after = await present(database, operation.id)
        assert (after.status, after.done, after.total, after.result) == ("succeeded", 25, 25, {"last": 25})
        assert await numbers(database) == list(range(1, 26))

    async def test_a_second_run_does_nothing(self, database: Database) -> None:
        operation = await submitted(database, until=25)
        await run_in_batches(database, job_of(operation), filling(0))
        before = await present(database, operation.id)

        await run_in_batches(database, job_of(operation), filling(0))

        assert await present(database, operation.id) == before

    async def test_two_workers_at_one_operation_share_it(self, database: Database) -> None:
        operation = await submitted(database, until=100)

        await asyncio.gather(
            run_in_batches(database, job_of(operation), filling(0.001)),
            run_in_batches(database, job_of(operation), filling(0.001)),
        )

        assert await numbers(database) == list(range(1, 101))
        assert (await present(database, operation.id)).done == 100

    async def test_a_fact_of_the_work_fails_the_operation(self, database: Database) -> None:
        operation = await submitted(database, until=25)

        await run_in_batches(database, job_of(operation), failing(Conflict("It was retired.")))

        after = await present(database, operation.id)
        assert after.status == "failed"
        assert after.problem == {
            "type": "conflict",
            "title": Conflict.title,
            "status": 409,
            "detail": "It was retired.",
            "errors": [],
        }
        assert await numbers(database) == []

    async def test_not_found_inside_the_work_is_a_fact_too(self, database: Database) -> None:
        operation = await submitted(database, until=25)

        await run_in_batches(database, job_of(operation), failing(NotFound()))

        assert (await present(database, operation.id)).status == "failed"

    @pytest.mark.parametrize("error", [Unavailable(), ValueError("Ebro")])
    async def test_a_fault_is_the_jobs_to_try_again(self, database: Database, error: Exception) -> None:
        operation = await submitted(database, until=25)

        with pytest.raises(type(error)):
            await run_in_batches(database, job_of(operation), failing(error))

        assert (await present(database, operation.id)).status == "queued"

    async def test_the_last_attempts_fault_fails_the_operation(self, database: Database) -> None:
        operation = await submitted(database, until=25)

        with pytest.raises(ValueError, match="Ebro"):
            await run_in_batches(database, job_of(operation, attempt=3), failing(ValueError("Ebro")))

        after = await present(database, operation.id)
        assert after.status == "failed"
        assert "Ebro" not in str(after.problem)

    async def test_hands_over_between_batches(self, database: Database) -> None:
        operation = await submitted(database, until=25)
        stopping = asyncio.Event()
        stopping.set()

        with pytest.raises(HandedOver):
            await run_in_batches(database, job_of(operation, stopping=stopping), filling(0))

        after = await present(database, operation.id)
        assert (after.status, after.done, after.cursor) == ("running", 10, "10")

    async def test_of_another_organisation_does_nothing(self, database: Database) -> None:
        async with database.transaction(ELSEWHERE) as tx:
            operation = await operations.submit(tx, "fill", created_by=SOMEONE, input={"until": 5})

        await run_in_batches(database, job_of(operation), filling(0))

        assert await numbers(database) == []


@pytest.mark.usefixtures("filled")
class TestRequestCancel:
    async def test_one_that_waits_ends_at_once(self, database: Database) -> None:
        operation = await submitted(database, until=25)

        async with database.transaction(HERE) as tx:
            cancelled = await operations.request_cancel(tx, operation.id)
        await run_in_batches(database, job_of(operation), filling(0))

        assert cancelled.status == "cancelled"
        assert await numbers(database) == []

    async def test_one_that_runs_ends_before_its_next_batch(self, database: Database) -> None:
        operation = await submitted(database, until=25)

        async def asking(tx: Transaction, present: Operation) -> Batch:
            batch = await filling(0)(tx, present)
            await operations.request_cancel(tx, present.id)
            return batch

        async with database.transaction(HERE) as tx:
            await operations.start(tx, operation)
        await run_in_batches(database, job_of(operation), asking)

        after = await present(database, operation.id)
        assert (after.status, after.done) == ("cancelled", 10)

    async def test_one_that_is_over_stays_as_it_is(self, database: Database) -> None:
        operation = await submitted(database, until=5)
        await run_in_batches(database, job_of(operation), filling(0))

        async with database.transaction(HERE) as tx:
            after = await operations.request_cancel(tx, operation.id)

        assert (after.status, after.cancel_requested) == ("succeeded", False)

    async def test_of_another_organisation_is_unknown(self, database: Database) -> None:
        operation = await submitted(database, until=25)

        async with database.transaction(ELSEWHERE) as tx:
            with pytest.raises(OperationUnknown):
                await operations.request_cancel(tx, operation.id)


@pytest.mark.usefixtures("filled")
class TestInput:
    async def test_ciphertext_is_kept_until_the_end_only(self, database: Database) -> None:
        async with database.transaction(HERE) as tx:
            operation = await operations.create(
                tx, "fill", created_by=SOMEONE, input={"until": 5}, input_ct=b"\x00sealed"
            )
            assert await operations.read_input_ct(tx, operation.id) == b"\x00sealed"
            await operations.finish(tx, operation, result={"rows": 1})

        async with database.transaction(HERE) as tx:
            assert await operations.read_input_ct(tx, operation.id) is None


@pytest.mark.usefixtures("filled")
class TestKilled:
    async def test_another_worker_goes_on_and_nothing_happens_twice(
        self, cluster: Cluster, database_name: str, database: Database
    ) -> None:
        # Work for twenty seconds: however late this process strikes, it is in the middle of it.
        operation = await submitted(database, until=2_000)
        arguments = (cluster.app_url(database_name), str(cluster.root_key), "0.1")

        for _ in range(2):
            async with process("tests.foundation.jobs.filling", *arguments) as worker:
                done = (await present(database, operation.id)).done
                await eventually(lambda done=done: _is_past(database, operation.id, done + 20))
                worker.kill()
        interrupted = await present(database, operation.id)
        async with working(cluster, database_name, database, registry(0)):
            await eventually(lambda: _is_over(database, operation.id))

        after = await present(database, operation.id)
        assert 40 <= interrupted.done < 2_000
        assert (after.status, after.done) == ("succeeded", 2_000)
        assert await numbers(database) == list(range(1, 2_001))


async def _is_past(database: Database, operation_id: OperationId, done: int) -> bool:
    return (await present(database, operation_id)).done >= done


async def _is_over(database: Database, operation_id: OperationId) -> bool:
    return (await present(database, operation_id)).is_over
