"""
Drive an operation in batches: each batch, its progress and its place to go on are one transaction.

Killed at any point, at most one uncommitted batch is lost; picked up by another worker it goes on behind the last
committed one. Memory holds one batch.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from healthprotocol.foundation.config.runtime import value_everywhere
from healthprotocol.foundation.config.setting import Setting
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.pool import Priority
from healthprotocol.foundation.errors import Problem
from healthprotocol.foundation.ids import OperationId
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.operations import Operation, OperationUnknown
from healthprotocol.foundation.jobs.registry import HandedOver, Job

if TYPE_CHECKING:
    from healthprotocol.foundation.db.transaction import Database, Transaction

BATCH_TIMEOUT_SECONDS = Setting(
    name="operation.batch_timeout_seconds",
    title="Longest step of long work",
    group="Imports, exports and reports",
    default=60.0,
    unit="seconds",
    least=5.0,
    most=600.0,
    scope="installation",
    description="How long one step of an import, an export or a report may take before it is given up.",
)

log = structlog.get_logger("operations")


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one step did: `count` units, and where the next step begins. `cursor` None ends the operation.

    `total` and `result` replace what the row has, None keeps it.
    """

    count: int
    cursor: str | None
    total: int | None = None
    result: Mapping[str, Any] | None = None


Step = Callable[["Transaction", Operation], Awaitable[Batch]]


async def run_in_batches(
    database: "Database",
    job: Job,
    step: Step,
    *,
    actor: Actor | None = None,
    statement_timeout_seconds: float | None = None,
) -> None:
    """
    Call `step` with a fresh transaction and the operation of `job` until it is over, cancelled, or fails.

    `step` must take its place from `operation.cursor` and nothing else, and hold nothing between calls. Its Problem
    fails the operation at once, unless it is retryable; any other error is the job's, which tries again, and fails the
    operation with its last attempt. Raises HandedOver when the worker ends.
    """
    timeout = statement_timeout_seconds or value_everywhere(database, BATCH_TIMEOUT_SECONDS)
    drive = _Drive(database, job, actor=actor, statement_timeout_seconds=timeout)
    try:
        operation = await _until_over(drive, job, step)
    except HandedOver:
        raise
    except OperationUnknown:
        # Its organisation is gone: there is nothing to drive.
        log.warning("operation.absent", operation_id=drive.operation_id, kind=job.name)
        return
    except Problem as problem:
        if problem.retryable and not job.is_last_attempt:
            raise
        operation = await drive.fail(_told(problem))
    except Exception:
        if job.is_last_attempt:
            await drive.fail(_told(Problem()))
        raise
    log.info("operation.over", operation_id=operation.id, kind=job.name, outcome=operation.status)


async def _until_over(drive: "_Drive", job: Job, step: Step) -> Operation:
    while not (operation := await drive.batch(step)).is_over:
        if job.stopping.is_set():
            raise HandedOver
    return operation


class _Drive:
    """One job at one operation: opens its transactions, each with the row held."""

    def __init__(
        self, database: "Database", job: Job, *, actor: Actor | None, statement_timeout_seconds: float
    ) -> None:
        self.operation_id = OperationId(job.id_of(operations.OPERATION))
        self._database = database
        self._job = job
        self._actor = actor
        self._timeout = statement_timeout_seconds

    async def batch(self, step: Step) -> Operation:
        """Do the next batch, in one transaction with its progress."""
        async with self._transaction() as tx:
            return await _one_batch(tx, await operations.get_for_update(tx, self.operation_id), step)

    async def fail(self, problem: Mapping[str, Any]) -> Operation:
        """End the operation, in a transaction of its own: the batch that failed was rolled back."""
        async with self._transaction() as tx:
            return await operations.fail(tx, await operations.get_for_update(tx, self.operation_id), problem)

    def _transaction(self) -> "AbstractAsyncContextManager[Transaction]":
        return self._database.transaction(
            self._job.tenant,
            actor=self._actor,
            context=self._job.context,
            statement_timeout_seconds=self._timeout,
            priority=Priority.BACKGROUND,
        )


async def _one_batch(tx: "Transaction", operation: Operation, step: Step) -> Operation:
    if operation.is_over:
        return operation
    if operation.cancel_requested:
        return await operations.cancel(tx, operation)
    batch = await step(tx, operation)
    moved = await operations.advance(
        tx,
        operation,
        done=operation.done + batch.count,
        cursor=batch.cursor,
        total=batch.total,
        result=batch.result,
    )
    if batch.cursor is None:
        return await operations.finish(tx, moved)
    return moved


def _told(problem: Problem) -> dict[str, Any]:
    """The part of a problem that the row keeps: what the HTTP answer would say, with the type without its base."""
    return {
        **{key: value for key, value in problem.public.items() if isinstance(value, str | int | bool)},
        "type": problem.named(),
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail or problem.title,
        "errors": [msgspec.to_builtins(violation) for violation in problem.violations],
    }
