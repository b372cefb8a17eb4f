"""A clinic with a plan, and files for it: uploaded, brought in and exported as the routes and the worker do it."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec

from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import Assignment, NewAssignment
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols.model import Activity, Measurement, ProtocolId, Schedule, ValueRange
from healthprotocol.care.transfers import service
from healthprotocol.care.transfers.model import Noun
from healthprotocol.care.transfers.schemas import Received, StartImport
from healthprotocol.foundation.clock import system_clock
from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.ids import OperationId
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.batches import Batch
from healthprotocol.foundation.jobs.operations import Operation
from healthprotocol.foundation.tabular import csv_line
from tests.care.assignments.plans import content_of, enrolled, published
from tests.support.people import Organisation, employ

LIMITS = service.Limits(64 * 1024 * 1024, timedelta(days=7))
TEMPERATURE = "8310-5"
FEVER = Activity(
    key="fever",
    kind="measurement",
    title="Temperature",
    schedule=Schedule(time_of_day=(time(8), time(20))),
    measurement=Measurement(
        code=TEMPERATURE,
        unit="Cel",
        plausible_range=ValueRange(low=30, high=45),
        alert_thresholds=ValueRange(high=37.9),
    ),
)
ENTRY_COLUMNS = (
    "client_id",
    "assignment_id",
    "activity_key",
    "planned_local",
    "outcome",
    "effective_at",
    "recorded_at",
    "code",
    "value",
    "unit",
    "note",
)
_NAMES = UUID(int=42)


class Ward(msgspec.Struct, frozen=True):
    """An organisation with one protocol and its patients, whose plans began ten days ago."""

    database: Database
    organisation: Organisation
    protocol_id: ProtocolId
    patient_ids: Sequence[PatientId]
    plans: Sequence[Assignment]

    async def upload(self, body: bytes | AsyncIterator[bytes], **more: Any) -> Received:
        stream = _parts(body) if isinstance(body, bytes) else body
        actor = self.organisation.coordinator
        return await service.receive(
            self.database, actor, RequestContext(request_id="upload"), stream, limits=LIMITS, **more
        )

    async def begin(self, noun: Noun, body: bytes, **more: Any) -> Operation:
        received = await self.upload(body)
        return await self.begin_with(noun, received.file.id, **more)

    async def begin_with(self, noun: Noun, upload_id: UUID, **more: Any) -> Operation:
        actor = self.organisation.coordinator
        async with self.database.transaction(self.organisation.id, actor=actor) as tx:
            return await service.submit(tx, actor, noun, StartImport(upload_id=upload_id, **more))

    async def bring(self, noun: Noun, body: bytes, **more: Any) -> dict[str, Any]:
        """Bring a file in as its job does, here and now; return the result of the operation."""
        return await self.driven(await self.begin(noun, body, **more))

    async def of(self, operation_id: str) -> Operation:
        async with self.database.transaction(self.organisation.id) as tx:
            return await operations.get(tx, OperationId(UUID(operation_id)))

    async def driven(self, operation: Operation) -> dict[str, Any]:
        while not operation.is_over:
            operation = await self.batch(operation)
        assert operation.result is not None
        return operation.result

    async def batch(self, operation: Operation) -> Operation:
        async with self.database.transaction(self.organisation.id, statement_timeout_seconds=60) as tx:
            held = await operations.get_for_update(tx, operation.id)
            batch: Batch = await service.import_batch(tx, held)
            moved = await operations.advance(
                tx, held, done=held.done + batch.count, cursor=batch.cursor, total=batch.total, result=batch.result
            )
            return moved if batch.cursor is not None else await operations.finish(tx, moved)

    async def report(self, operation: Operation, to_format: Any = None) -> str:
        actor = self.organisation.coordinator
        async with self.database.transaction(self.organisation.id, actor=actor) as tx:
            report = await service.open_report(tx, actor, operation.id, to_format=to_format)
        parts = service.written(self.database, actor, RequestContext(request_id="report"), report)
        return b"".join([part async for part in parts]).decode()

    async def rows(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        async with self.database.transaction(self.organisation.id) as tx:
            return [dict(row) for row in await tx.fetch(sql, *args)]

    async def count(self, table: str) -> int:
        [row] = await self.rows(f"select count(*) as count from {table}")
        return row["count"]

    def entries(self, count: int, *, plans: int | None = None, more: int = 0) -> Iterator[dict[str, Any]]:
        """Yield what entries say, one an occurrence in turn over the plans, recorded when they were planned."""
        of = self.plans[: plans or len(self.plans)]
        for number in range(more, count + more):
            plan, turn = of[number % len(of)], number // len(of)
            day = plan.starts_on + timedelta(days=turn // 2 % 9)
            local = datetime.combine(day, FEVER.schedule.time_of_day[turn % 2])
            yield {
                "client_id": str(uuid5(_NAMES, str(number))),
                "assignment_id": str(plan.id),
                "activity_key": "fever",
                "planned_local": local.isoformat(timespec="minutes"),
                "outcome": "completed",
                "effective_at": f"{local.isoformat()}Z",
                "recorded_at": f"{local.isoformat()}Z",
                "code": TEMPERATURE,
                "value": 36.5 + number % 10 / 10,
                "unit": "Cel",
                "note": None,
            }


def csv_of(columns: Sequence[str], lines: Iterator[dict[str, Any]] | Sequence[dict[str, Any]]) -> bytes:
    """Write lines as a file of CSV."""
    rows = [csv_line(columns), *(csv_line([line.get(name) for name in columns]) for line in lines)]
    return "".join(rows).encode()


async def make_ward(database: Database, organisation: Organisation, *, patients: int = 3) -> Ward:
    """Publish a protocol of four weeks and give it to some patients, ten days ago."""
    await employ(database, organisation.coordinator)
    protocol_id = await published(database, organisation, content_of(FEVER))
    ids = await enrolled(database, organisation, [f"Weser {_letters(number)}" for number in range(patients)])
    actor = organisation.clinician
    starts_on = (system_clock() - timedelta(days=10)).date()
    async with database.transaction(organisation.id, actor=actor) as tx:
        plans = [
            await assignments.assign(
                tx,
                actor,
                NewAssignment(protocol_id=protocol_id, patient_id=one, starts_on=starts_on, time_zone="UTC"),
            )
            for one in ids
        ]
    return Ward(database, organisation, protocol_id, ids, plans)


def _letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


async def _parts(body: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]
