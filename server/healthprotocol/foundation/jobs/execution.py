"""Run one job: limits on its time, retries with growing waits, handing over at the end, and errors without values."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import structlog
from pgqueuer.core.executors import AbstractEntrypointExecutor
from pgqueuer.domain import models
from pgqueuer.domain.errors import RetryRequested

from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.errors import Problem
from healthprotocol.foundation.ids import OrganisationId
from healthprotocol.foundation.jobs.queue import ORGANISATION, REQUEST
from healthprotocol.foundation.jobs.registry import HandedOver, Job, JobSpec
from healthprotocol.foundation.telemetry.errors import describe

if TYPE_CHECKING:
    from healthprotocol.foundation.db.transaction import Database

FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=5)
HANDED_OVER = "handed over"
MOST_PICKS = 30

log = structlog.get_logger("jobs")

Observe = Callable[[str, str, float], None]


class JobFailed(Exception):
    """What the queue keeps of a failure: the types of the errors and the places in the code, never a message."""


class JobTimedOut(Exception):
    """The handler ran longer than its spec allows."""


class JobDeadly(Exception):
    """The job was begun more often than any number of failures and restarts explains."""


class JobUnreadable(Exception):
    """The payload is not one that `enqueue` writes."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What the jobs of one connected worker share. `observe` is told (name, outcome, seconds) of every run."""

    database: "Database"
    stopping: asyncio.Event
    drain: timedelta
    silence: timedelta
    observe: Observe


@dataclass
class JobExecutor(AbstractEntrypointExecutor):
    """Runs the jobs of one spec for pgqueuer, which understands RetryRequested, any other error, or neither."""

    spec: JobSpec
    session: Session

    async def execute(self, job: models.Job, context: models.Context) -> None:  # noqa: ARG002 - stopping is the session's
        """Run the handler once."""
        started = asyncio.get_running_loop().time()
        outcome = "failed"
        try:
            await self._attempt(job)
        except RetryRequested as retry:
            outcome = "handed_over" if retry.reason == HANDED_OVER else "retried"
            raise
        else:
            outcome = "succeeded"
        finally:
            seconds = asyncio.get_running_loop().time() - started
            self.session.observe(self.spec.name, outcome, seconds)
            log.info("job.ended", job=self.spec.name, job_id=job.id, outcome=outcome, seconds=round(seconds, 3))

    async def _attempt(self, job: models.Job) -> None:
        try:
            run = _run_of(job, self.spec, self.session)
        except (msgspec.MsgspecError, ValueError):
            raise JobFailed(describe(JobUnreadable())) from None
        try:
            await self._refuse_poison(job)
            await self._within_limits(run)
        except HandedOver:
            log.info("job.handed_over", job=run.name, job_id=run.id)
            raise RetryRequested(timedelta(0), HANDED_OVER) from None
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is an outcome of the job
            what = describe(error)
            log.warning("job.failed", job=run.name, job_id=run.id, attempt=run.attempt, error=what)
            if run.is_last_attempt or isinstance(error, JobDeadly):
                # `from None`, because the queue would store the cause with its message.
                raise JobFailed(what) from None
            raise RetryRequested(wait_before(run.attempt + 1, error), what) from None

    async def _refuse_poison(self, job: models.Job) -> None:
        """
        Give up a job that seems to take its workers down with it: dying costs no attempt, so it would go on for ever.

        A job picked soon after it was due cannot have killed one yet, so only the others cost a query.
        """
        if job.updated - job.execute_after < self.session.silence:
            return
        async with self.session.database.in_background().transaction(None) as tx:
            picks = await tx.fetchval(
                "select count(*) from pgqueuer.pgqueuer_log where job_id = $1 and status = 'picked'", job.id
            )
        if picks > MOST_PICKS:
            raise JobDeadly

    async def _within_limits(self, run: Job) -> None:
        """Await the handler; cancel it when its time is over, or when the worker's time to end is."""
        # Whatever a job does, people's requests pass before it.
        database = self.session.database.in_background()
        handler = asyncio.ensure_future(self.spec.handler(database, run))
        stopping = asyncio.ensure_future(self.session.stopping.wait())
        limit = None if self.spec.timeout is None else self.spec.timeout.total_seconds()
        try:
            await asyncio.wait({handler, stopping}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done() and not handler.done():
                await asyncio.wait({handler}, timeout=self.session.drain.total_seconds())
            if handler.done():
                return handler.result()
            raise HandedOver if stopping.done() else JobTimedOut
        finally:
            stopping.cancel()
            await _cancel(handler)


def wait_before(attempt: int, error: BaseException | None = None) -> timedelta:
    """Return how long attempt number `attempt` (2 or more) waits: what the error asks for, else 1, 2, 4 … seconds."""
    if isinstance(error, Problem) and error.retry_after_seconds is not None:
        return min(timedelta(seconds=error.retry_after_seconds), LONGEST_WAIT)
    return min(FIRST_WAIT * 2 ** min(attempt - 2, 20), LONGEST_WAIT)


def _run_of(job: models.Job, spec: JobSpec, session: Session) -> Job:
    payload: dict[str, str] = msgspec.json.decode(job.payload or b"{}", type=dict[str, str])
    organisation = payload.pop(ORGANISATION, None)
    return Job(
        id=job.id,
        name=spec.name,
        attempt=job.attempts + 1,
        most_attempts=spec.most_attempts,
        payload=payload,
        organisation_id=None if organisation is None else OrganisationId(UUID(organisation)),
        context=RequestContext(request_id=payload.pop(REQUEST, f"job-{job.id}")),
        stopping=session.stopping,
    )


async def _cancel(task: "asyncio.Future[Any]") -> None:
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            # What it raised while it was cancelled changes nothing; asking for it keeps asyncio from complaining.
            task.exception()
