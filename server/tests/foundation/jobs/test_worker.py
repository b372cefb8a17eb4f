"""A worker runs what is committed, tries again, hands over, and leaves nothing behind that quotes a value."""

import asyncio
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from structlog.testing import capture_logs

from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import Unavailable
from healthprotocol.foundation.ids import OrganisationId
from healthprotocol.foundation.jobs import dead_letters, execution, queue
from healthprotocol.foundation.jobs.execution import wait_before
from healthprotocol.foundation.jobs.queue import enqueue
from healthprotocol.foundation.jobs.registry import HandedOver, Job, JobRegistry
from tests.foundation.jobs.workers import PATIENCE_SECONDS, QUICK, eventually, working
from tests.support.postgresql import Cluster
from tests.support.timing import until

LONG_DRAIN = msgspec.structs.replace(QUICK, drain=timedelta(seconds=30))

HERE = OrganisationId(UUID("01890a5d-ac96-774b-bcce-b302099a8057"))


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "FIRST_WAIT", timedelta(milliseconds=10))


async def enqueued(database: Database, name: str = "count.boats", **payload: str) -> None:
    async with database.transaction(HERE) as tx:
        await enqueue(tx, name, payload)


async def counts(database: Database) -> dict[tuple[str, str], int]:
    async with database.transaction(None) as tx:
        return await queue.counts(tx)


def scheduled() -> Job:
    """A run of something that recurs."""
    return Job(
        id=1,
        name="tick",
        attempt=1,
        most_attempts=1,
        payload={},
        organisation_id=None,
        context=RequestContext(request_id="test"),
        stopping=asyncio.Event(),
    )


class TestRun:
    async def test_gives_the_handler_what_was_enqueued(
        self, cluster: Cluster, database_name: str, database: Database
    ) -> None:
        seen: asyncio.Queue[Job] = asyncio.Queue()
        registry = JobRegistry()
        registry.add("count.boats", lambda _database, job: seen.put(job))
        await enqueued(database, boat_id="7")

        async with working(cluster, database_name, database, registry):
            job = await asyncio.wait_for(seen.get(), PATIENCE_SECONDS)

        assert job.payload == {"boat_id": "7"}
        assert (job.organisation_id, job.attempt, job.context.request_id) == (HERE, 1, "system")

    async def test_a_finished_job_leaves_the_queue(
        self, cluster: Cluster, database_name: str, database: Database
    ) -> None:
        registry = JobRegistry()
        registry.add("count.boats", lambda _database, _job: asyncio.sleep(0))
        await enqueued(database)

        async with working(cluster, database_name, database, registry):
            await eventually(lambda: _is_empty(database))

    async def test_tries_again_after_a_failure(self, cluster: Cluster, database_name: str, database: Database) -> None:
        attempts: list[int] = []
        outcomes: list[str] = []

        async def twice_broken(_database: Database, job: Job) -> None:
            attempts.append(job.attempt)
            if job.attempt < 3:
                raise ValueError("Ebro")

        registry = JobRegistry()
        registry.add("count.boats", twice_broken)
        await enqueued(database)

        async with working(
            cluster,
            database_name,
            database,
            registry,
            observe=lambda _name, outcome, _seconds: outcomes.append(outcome),
        ):
            await eventually(lambda: _is_empty(database))

        assert attempts == [1, 2, 3]
        assert outcomes == ["retried", "retried", "succeeded"]

    async def test_gives_up_into_the_dead_letters(
        self, cluster: Cluster, database_name: str, database: Database
    ) -> None:
        async def broken(_database: Database, _job: Job) -> None:
            await _reading("Ebro")

        registry = JobRegistry()
        registry.add("count.boats", broken, most_attempts=2)
        await enqueued(database)

        async with working(cluster, database_name, database, registry):
            await eventually(lambda: _has(database, ("count.boats", "failed")))
            async with database.transaction(None) as tx:
                [letter] = await dead_letters.list_dead(tx)
                kept = await tx.fetchval("select string_agg(traceback::text, ' ') from pgqueuer.pgqueuer_log")

        assert letter.name == "count.boats"
        assert letter.error is not None
        assert letter.error.startswith("ValueError at tests/foundation/jobs/test_worker.py")
        assert "_reading" in kept
        assert "Ebro" not in kept

    async def test_a_dead_letter_can_run_again(self, cluster: Cluster, database_name: str, database: Database) -> None:
        is_mended = asyncio.Event()

        async def broken_until_mended(_database: Database, _job: Job) -> None:
            if not is_mended.is_set():
                raise ValueError

        registry = JobRegistry()
        registry.add("count.boats", broken_until_mended, most_attempts=1)
        await enqueued(database)

        async with working(cluster, database_name, database, registry):
            await eventually(lambda: _has(database, ("count.boats", "failed")))
            is_mended.set()
            async with database.transaction(None) as tx:
                [letter] = await dead_letters.list_dead(tx)
                assert await dead_letters.revive(tx, letter.id) == "revived"
            await eventually(lambda: _is_empty(database))

    async def test_a_buried_dead_letter_is_gone(self, cluster: Cluster, database_name: str, database: Database) -> None:
        async def broken(_database: Database, _job: Job) -> None:
            raise ValueError

        registry = JobRegistry()
        registry.add("count.boats", broken, most_attempts=1)
        await enqueued(database)
        async with working(cluster, database_name, database, registry):
            await eventually(lambda: _has(database, ("count.boats", "failed")))

        async with database.transaction(None) as tx:
            [letter] = await dead_letters.list_dead(tx)
            assert await dead_letters.bury(tx, letter.id)
            assert not await dead_letters.bury(tx, letter.id)
            assert await dead_letters.revive(tx, letter.id) == "gone"

    async def test_a_handler_over_its_time_is_stopped(
        self, cluster: Cluster, database_name: str, database: Database
    ) -> None:
        was_cancelled = asyncio.Event()

        async def endless(_database: Database, _job: Job) -> None:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                was_cancelled.set()
                raise

        registry = JobRegistry()
        registry.add("count.boats", endless, most_attempts=1, timeout=timedelta(seconds=0.1))
        await enqueued(database)

        async with working(cluster, database_name, database, registry):
            await eventually(lambda: _has(database, ("count.boats", "failed")))

        assert was_cancelled.is_set()

    async def test_gives_up_a_job_that_took_many_workers_down(
        self, cluster: Cluster, database_name: str, database: Database
    ) -> None:
        runs: list[Job] = []

        async def deadly(_database: Database, job: Job) -> None:
            runs.append(job)

        registry = JobRegistry()
        registry.add("count.boats", deadly)
        await enqueued(database)
        async with database.transaction(None) as tx:
            await tx.execute("update pgqueuer.pgqueuer set execute_after = now() - interval '1 hour'")
            await tx.execute(
                """
                insert into pgqueuer.pgqueuer_log (job_id, status, priority, entrypoint)
                select id, 'picked', 0, entrypoint from pgqueuer.pgqueuer, generate_series(1, 30)
                """
            )

        async with working(cluster, database_name, database, registry):
            await eventually(lambda: _has(database, ("count.boats", "failed")))

        assert runs == []

    async def test_a_payload_of_somebody_elses_is_not_tried_again(
        self, cluster: Cluster, database_name: str, database: Database
    ) -> None:
        registry = JobRegistry()
        registry.add("count.boats", lambda _database, _job: asyncio.sleep(0))
        async with database.transaction(None) as tx:
            await tx.execute(
                """
                insert into pgqueuer.pgqueuer (priority, status, entrypoint, payload)
                values (0, 'queued', 'count.boats', '["Ebro"]')
                """
            )

        async with working(cluster, database_name, database, registry):
            await eventually(lambda: _has(database, ("count.boats", "failed")))


class TestStop:
    async def test_hands_a_long_job_over_without_costing_an_attempt(
        self, cluster: Cluster, database_name: str, database: Database
    ) -> None:
        started = asyncio.Event()
        attempts: list[int] = []

        async def until_told(_database: Database, job: Job) -> None:
            attempts.append(job.attempt)
            started.set()
            await job.stopping.wait()
            raise HandedOver

        registry = JobRegistry()
        registry.add("count.boats", until_told)
        await enqueued(database)

        for _ in range(2):
            started.clear()
            async with working(
                cluster,
                database_name,
                database,
                registry,
                times=msgspec.structs.replace(QUICK, drain=timedelta(seconds=30)),
            ) as stop:
                await asyncio.wait_for(started.wait(), PATIENCE_SECONDS)
                stop.set()
            assert await counts(database) == {("count.boats", "queued"): 1}
        assert attempts == [1, 1]

    async def test_takes_a_job_back_that_does_not_listen(
        self, cluster: Cluster, database_name: str, database: Database
    ) -> None:
        started = asyncio.Event()

        async def deaf(_database: Database, _job: Job) -> None:
            started.set()
            await asyncio.sleep(3600)

        registry = JobRegistry()
        registry.add("count.boats", deaf)
        await enqueued(database)

        async with working(cluster, database_name, database, registry) as stop:
            await asyncio.wait_for(started.wait(), PATIENCE_SECONDS)
            stop.set()

        assert await counts(database) == {("count.boats", "queued"): 1}


class TestLostConnection:
    async def test_connects_again_and_goes_on(self, cluster: Cluster, database_name: str, database: Database) -> None:
        seen: asyncio.Queue[Job] = asyncio.Queue()
        registry = JobRegistry()
        registry.add("count.boats", lambda _database, job: seen.put(job))

        async with working(cluster, database_name, database, registry):
            await enqueued(database)
            await asyncio.wait_for(seen.get(), PATIENCE_SECONDS)
            async with database.transaction(None) as tx:
                await tx.fetch(
                    """
                    select pg_terminate_backend(pid) from pg_stat_activity
                    where application_name = 'healthprotocol-worker' and datname = current_database()
                    """
                )
            await enqueued(database)
            await asyncio.wait_for(seen.get(), PATIENCE_SECONDS)


class TestNoSchema:
    async def test_waits_for_it(self, cluster: Cluster, database: Database) -> None:
        registry = JobRegistry()
        registry.add("count.boats", lambda _database, _job: asyncio.sleep(0))

        with capture_logs() as lines:
            async with working(cluster, "postgres", database, registry):
                await until(lambda: len(_failures(lines)) >= 2)

        assert _failures(lines)[:2] == ["error", "error"]


class TestSchedule:
    async def test_a_due_one_is_enqueued_once_for_all_workers(
        self, cluster: Cluster, database_name: str, database: Database
    ) -> None:
        runs: list[Job] = []

        async def tick(_database: Database, job: Job) -> None:
            runs.append(job)
            await asyncio.sleep(0)

        registry = JobRegistry()
        registry.add("tick", tick)
        registry.every("* * * * * *", "tick")

        began = time.monotonic()
        async with (
            working(cluster, database_name, database, registry),
            working(cluster, database_name, database, registry),
        ):
            await asyncio.sleep(3.2)
            await until(lambda: bool(runs))

        # One a second at most, for both together.
        assert len(runs) <= time.monotonic() - began + 1
        assert {run.organisation_id for run in runs} == {None}

    def test_needs_a_handler_and_a_cron_expression(self) -> None:
        registry = JobRegistry()
        registry.add("tick", lambda _database, _job: asyncio.sleep(0))

        with pytest.raises(ValueError, match="registered"):
            registry.every("* * * * *", "tock")
        with pytest.raises(ValueError, match="cron"):
            registry.every("every day", "tick")
        with pytest.raises(ValueError, match="two handlers"):
            registry.add("tick", lambda _database, _job: asyncio.sleep(0))


class TestWaitBefore:
    def test_doubles_up_to_five_minutes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(execution, "FIRST_WAIT", timedelta(seconds=1))

        waits = [wait_before(attempt).total_seconds() for attempt in (2, 3, 4, 10, 50)]

        assert waits == [1, 2, 4, 256, 300]

    def test_is_what_the_error_asks_for(self) -> None:
        assert wait_before(2, Unavailable(retry_after_seconds=7)) == timedelta(seconds=7)


class TestSweep:
    async def test_deletes_what_is_older_than_a_month(self, database: Database) -> None:
        async with database.transaction(None) as tx:
            await tx.execute(
                """
                insert into pgqueuer.pgqueuer_log (created, job_id, status, priority, entrypoint)
                select now() - make_interval(days => n), n, 'successful', 0, 'tick' from generate_series(1, 60) n
                """
            )

        await dead_letters.sweep_logs(database, scheduled())

        async with database.transaction(None) as tx:
            assert 29 <= await tx.fetchval("select count(*) from pgqueuer.pgqueuer_log") <= 30


def _failures(lines: list[Any]) -> list[str]:
    return [line["log_level"] for line in lines if line["event"] == "worker.failed"]


async def _reading(name: str) -> int:
    return int(name)


async def _is_empty(database: Database) -> bool:
    return await counts(database) == {}


async def _has(database: Database, key: tuple[str, str]) -> bool:
    return key in await counts(database)
