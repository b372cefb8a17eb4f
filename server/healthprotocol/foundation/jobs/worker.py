"""The worker: one connection that listens and picks jobs, until it is told to stop; it outlives the database."""

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.core.executors import EntrypointExecutorParameters
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.domain import models
from pgqueuer.domain.errors import FailingListenerError
from pgqueuer.domain.types import Channel, JobId
from pgqueuer.queries import Queries

from healthprotocol.foundation.jobs import queue
from healthprotocol.foundation.jobs.execution import HANDED_OVER, JobExecutor, Observe, Session
from healthprotocol.foundation.jobs.registry import JobRegistry, JobSpec
from healthprotocol.foundation.telemetry import metrics
from healthprotocol.foundation.telemetry.errors import describe

if TYPE_CHECKING:
    from healthprotocol.foundation.db.transaction import Database

log = structlog.get_logger("worker")

# What a lost or refused connection looks like. The last is asyncpg's word for a server that died in the middle of an
# answer.
LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    FailingListenerError,
    asyncpg.InternalClientError,
)
SHORTEST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
COMMAND_TIMEOUT_SECONDS = 20


class WorkerTimes(msgspec.Struct, frozen=True, kw_only=True):
    """
    How quick a worker is. A job whose worker fell silent is picked up again after at most `silence` + `poll`.

    `drain` is how long running jobs may go on when the worker is told to stop, before they are handed over.
    """

    silence: timedelta = timedelta(seconds=10)
    poll: timedelta = timedelta(seconds=5)
    drain: timedelta = timedelta(seconds=20)
    at_once: int = 8


def _observe_nothing(_name: str, _outcome: str, _seconds: float) -> None:
    """For workers that are not measured."""


async def run_worker(
    database_url: str,
    database: "Database",
    registry: JobRegistry,
    stop: asyncio.Event,
    *,
    times: WorkerTimes | None = None,
    observe: Observe = _observe_nothing,
) -> None:
    """
    Run jobs and schedules of `registry` until `stop` is set; running jobs then finish or are handed over.

    `database_url` is the application's, reached directly: a worker listens, which a pooler in transaction mode cannot.
    When the connection is lost, or anything else goes wrong, it begins again, for as long as it takes.
    """
    pause = SHORTEST_PAUSE_SECONDS
    while not stop.is_set():
        started = asyncio.get_running_loop().time()
        try:
            await _serve(database_url, database, registry, stop, times=times or WorkerTimes(), observe=observe)
        except LOST as error:
            log.warning("worker.disconnected", error=describe(error))
        except Exception:
            # A schema that is not there yet, or a fault of ours: told loudly, but nobody else would run the jobs.
            metrics.unhandled_error("worker")
            log.exception("worker.failed")
        if asyncio.get_running_loop().time() - started > LONGEST_PAUSE_SECONDS:
            pause = SHORTEST_PAUSE_SECONDS
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


async def _serve(
    database_url: str,
    database: "Database",
    registry: JobRegistry,
    stop: asyncio.Event,
    *,
    times: WorkerTimes,
    observe: Observe,
) -> None:
    """Work over one connection until `stop` or until it is lost, which raises."""
    connection = await asyncpg.connect(
        database_url,
        timeout=5,
        command_timeout=COMMAND_TIMEOUT_SECONDS,
        server_settings={"application_name": "healthprotocol-worker"},
    )
    try:
        stopping = asyncio.Event()
        session = Session(
            database=database, stopping=stopping, drain=times.drain, silence=times.silence, observe=observe
        )
        queries = _HandingOver(**vars(queue.queries(AsyncpgDriver(connection))))
        manager = _manager(queries, registry, session)
        scheduler = _scheduler(queries, registry)
        log.info("worker.started", jobs=len(registry.specs), schedules=len(registry.schedules))
        await _until_stopped(manager, scheduler, stop, session, times)
    finally:
        connection.terminate()


async def _until_stopped(
    manager: QueueManager, scheduler: SchedulerManager, stop: asyncio.Event, session: Session, times: WorkerTimes
) -> None:
    batch_size = max(1, times.at_once // 2)
    work = asyncio.ensure_future(
        manager.run(
            dequeue_timeout=times.poll,
            batch_size=batch_size,
            max_concurrent_tasks=2 * batch_size,
            heartbeat_timeout=times.silence,
            shutdown_on_listener_failure=True,
        )
    )
    tasks: set[asyncio.Future[Any]] = {work}
    if scheduler.registry:
        tasks.add(asyncio.ensure_future(scheduler.run()))
    told = asyncio.ensure_future(stop.wait())
    await asyncio.wait({*tasks, told}, return_when=asyncio.FIRST_COMPLETED)
    # Told to stop, or the connection is gone: either way every part ends now, and the jobs that run are handed over.
    told.cancel()
    session.stopping.set()
    manager.shutdown.set()
    scheduler.shutdown.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


def _manager(queries: Queries, registry: JobRegistry, session: Session) -> QueueManager:
    manager = QueueManager(queries, channel=Channel(queue.channel()))
    for spec in registry.specs:
        manager.register_executor(spec.name, JobExecutor(_parameters(spec), spec, session))
    return manager


def _parameters(spec: JobSpec) -> EntrypointExecutorParameters:
    async def never(_job: models.Job) -> None:
        """JobExecutor runs the spec's handler itself; pgqueuer only wants a function to be there."""

    return EntrypointExecutorParameters(concurrency_limit=spec.at_once, func=never, on_failure="hold")


def _scheduler(queries: Queries, registry: JobRegistry) -> SchedulerManager:
    """A schedule only enqueues its job, so that retries, limits and dead letters hold for scheduled work too."""
    scheduler = SchedulerManager(queries)
    for each in registry.schedules:

        async def due(schedule: models.Schedule) -> None:
            name = str(schedule.entrypoint)
            await queries.enqueue(name, b"{}", dedupe_key=f"schedule:{name}", on_conflict="skip")

        scheduler.schedule(each.name, each.cron)(due)
    return scheduler


class _HandingOver(Queries):
    """Queries whose retry does not count a handing over as a failed attempt."""

    async def retry_job(
        self, job: models.Job, delay: timedelta, traceback_record: models.TracebackRecord | None
    ) -> None:
        await super().retry_job(job, delay, traceback_record)
        if traceback_record is not None and traceback_record.exception_message == HANDED_OVER:
            await self.driver.execute(
                "update pgqueuer.pgqueuer set attempts = greatest(attempts - 1, 0) where id = $1", JobId(job.id)
            )
