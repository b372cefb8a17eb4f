"""Which handler runs a job, and what recurs. Filled once, in assembly; the worker runs exactly this."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from croniter import croniter

from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.ids import OrganisationId

if TYPE_CHECKING:
    from healthprotocol.foundation.db.transaction import Database

# With waits of 1, 2, 4 … 256, 300, 300 seconds that is a quarter of an hour: longer than a database takes to come back.
MOST_ATTEMPTS = 12
USUAL_TIMEOUT = timedelta(minutes=10)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """
    One run of a job. `organisation_id` is None for scheduled work, which belongs to no tenant.

    `attempt` counts from 1. `stopping` is set when the worker is asked to end: a long handler then leaves at its next
    resting place by raising HandedOver, and another worker goes on.
    """

    id: int
    name: str
    attempt: int
    most_attempts: int
    payload: Mapping[str, str]
    organisation_id: OrganisationId | None
    context: RequestContext
    stopping: asyncio.Event

    @property
    def is_last_attempt(self) -> bool:
        """Whether a failure now sends the job to the dead letters."""
        return self.attempt >= self.most_attempts

    @property
    def tenant(self) -> OrganisationId:
        """The organisation of the job. Raises RuntimeError for scheduled work: a fault of the handler."""
        if self.organisation_id is None:
            message = f"job {self.name} has no organisation"
            raise RuntimeError(message)
        return self.organisation_id

    def id_of(self, key: str) -> UUID:
        """Return a UUID of the payload. Raises KeyError or ValueError: a fault of whoever enqueued it."""
        return UUID(self.payload[key])


class HandedOver(Exception):
    """Raised by a handler that stops early because its worker ends. The job waits for another; no attempt is lost."""


# Is given the database `in_background`: what it opens there waits behind people's requests.
Handler = Callable[["Database", Job], Awaitable[None]]


class JobSpec(msgspec.Struct, frozen=True, kw_only=True):
    """
    How a job is run.

    A failed attempt waits 1, 2, 4 … seconds, at most 5 minutes; after `most_attempts` it is a dead letter. `timeout`
    None is for work in batches, which bounds each of them. `at_once` limits how many run at a time over all workers,
    0 is no limit.
    """

    name: str
    handler: Handler
    most_attempts: int = MOST_ATTEMPTS
    timeout: timedelta | None = USUAL_TIMEOUT
    at_once: int = 0


class Schedule(msgspec.Struct, frozen=True):
    """A job that recurs: five cron fields, in UTC. A run due while the last one still waits or runs is skipped."""

    name: str
    cron: str


class JobRegistry:
    """The handlers and schedules of one process."""

    def __init__(self) -> None:
        self._specs: dict[str, JobSpec] = {}
        self._schedules: list[Schedule] = []

    def add(
        self,
        name: str,
        handler: Handler,
        *,
        most_attempts: int = MOST_ATTEMPTS,
        timeout: timedelta | None = USUAL_TIMEOUT,
        at_once: int = 0,
    ) -> None:
        """Have `handler` run the jobs of this name. Raises ValueError when the name is taken."""
        if name in self._specs:
            message = f"two handlers for job {name}"
            raise ValueError(message)
        self._specs[name] = JobSpec(
            name=name, handler=handler, most_attempts=most_attempts, timeout=timeout, at_once=at_once
        )

    def every(self, cron: str, name: str) -> None:
        """Enqueue job `name` by a cron expression, once for all workers. Raises ValueError when either is unknown."""
        if name not in self._specs or not croniter.is_valid(cron):
            message = f"schedule {cron!r} needs five cron fields and a registered job, not {name}"
            raise ValueError(message)
        self._schedules.append(Schedule(name, cron))

    @property
    def specs(self) -> tuple[JobSpec, ...]:
        """Every handler, in the order added."""
        return tuple(self._specs.values())

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """Everything that recurs."""
        return tuple(self._schedules)
