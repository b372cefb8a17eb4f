"""
The queue: jobs are rows in PostgreSQL, written in the caller's transaction, so work and its reason commit together.

A job runs at least once: a worker that dies is noticed by its silence and another picks the job up. Handlers therefore
keep their progress in the same transaction as their work (see `batches`).
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

import msgspec
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.domain.settings import DBSettings
from pgqueuer.queries import Queries

if TYPE_CHECKING:
    from pgqueuer.ports.driver import Driver

    from healthprotocol.foundation.db.transaction import Transaction

SCHEMA = "pgqueuer"
ORGANISATION = "organisation_id"
REQUEST = "request_id"

_NAME = re.compile(r"[a-z][a-z0-9_.]{0,62}")
# What an id, a date, a number or a word looks like; a sentence or a name with a space in it does not fit.
_VALUE = re.compile(r"[A-Za-z0-9_.:+-]{1,200}")


async def enqueue(
    tx: "Transaction",
    name: str,
    payload: Mapping[str, str],
    *,
    after: timedelta | None = None,
    dedupe_key: str | None = None,
) -> int | None:
    """
    Put a job into the queue, to run once this transaction has committed and `after` has passed.

    `payload` holds ids only: it is stored in clear. The organisation and the request of the transaction are added.
    With a `dedupe_key` at most one such job of the organisation waits or runs; then None is returned and nothing added.
    Raises ValueError when the name or the payload is not of the allowed form.
    """
    _require_plain(name, payload)
    body = {**payload, REQUEST: tx.context.request_id}
    if tx.organisation_id is not None:
        body[ORGANISATION] = str(tx.organisation_id)
    key = None if dedupe_key is None else f"{body.get(ORGANISATION, 'system')}:{name}:{dedupe_key}"
    rows = await tx.fetch(
        _builder().build_enqueue_query("skip"),
        [0],
        [name],
        [msgspec.json.encode(body)],
        [after or timedelta(0)],
        [key],
        [None],
    )
    return rows[0]["id"] if rows else None


def queries(driver: "Driver") -> Queries:
    """Return pgqueuer's statements for our schema over a connection of its own."""
    settings = _settings()
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(settings),
        qbq=QueryQueueBuilder(settings),
        qbs=QuerySchedulerBuilder(settings),
    )


def channel() -> str:
    """Return the channel on which workers are woken."""
    return _settings().channel


async def counts(tx: "Transaction") -> dict[tuple[str, str], int]:
    """Return how many jobs there are by (name, status), for the metrics."""
    rows = await tx.fetch(
        """
        select entrypoint, status::text as status, count(*) as jobs
        from pgqueuer.pgqueuer
        group by entrypoint, status
        order by entrypoint, status
        limit 1000
        """
    )
    return {(row["entrypoint"], row["status"]): row["jobs"] for row in rows}


def _require_plain(name: str, payload: Mapping[str, str]) -> None:
    if not _NAME.fullmatch(name):
        message = "the name of a job is lower-case words with dots"
        raise ValueError(message)
    for key, value in payload.items():
        if not _NAME.fullmatch(key) or key in {ORGANISATION, REQUEST} or not _VALUE.fullmatch(value):
            message = f"the payload of job {name} may hold ids only, and no organisation or request of its own"
            raise ValueError(message)


@cache
def _settings() -> DBSettings:
    return DBSettings(db_schema=SCHEMA)


@cache
def _builder() -> QueryQueueBuilder:
    return QueryQueueBuilder(_settings())
