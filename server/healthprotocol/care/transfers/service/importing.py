"""
Bring a file in, batch by batch: what was written, its report, its counts and the place to go on are one transaction.

So whatever dies, no line is brought in twice and none is left out. A dry run is the same, but for the writing; what its
lines would have made, the lines of later batches find as `claims`.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from healthprotocol.care.transfers import repository
from healthprotocol.care.transfers.model import Counts, ImportPlan, Line, Noun, Outcome
from healthprotocol.care.transfers.rules.counting import added_up
from healthprotocol.care.transfers.schemas import StartImport
from healthprotocol.care.transfers.service import reports
from healthprotocol.care.transfers.service.claims import Claims, judged_entries
from healthprotocol.care.transfers.service.lines import RecordSource, dialect_in, dialect_of, line_of
from healthprotocol.care.transfers.service.nouns import SIZES, intake
from healthprotocol.care.transfers.service.uploads import complete, plan_of
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.db.trial import trial
from healthprotocol.foundation.files import FileId
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.batches import Batch
from healthprotocol.foundation.jobs.operations import Operation
from healthprotocol.foundation.tabular import Place
from healthprotocol.trust.accounts import service as accounts
from healthprotocol.trust.audit import service as audit
from healthprotocol.trust.permissions import rules as permissions
from healthprotocol.trust.permissions.model import Permission

WRITES: dict[Noun, Permission] = {
    "patients": Permission.PATIENT_WRITE,
    "assignments": Permission.ASSIGNMENT_WRITE,
    "entries": Permission.ENTRY_WRITE,
}
"""What one must be allowed to bring a noun in."""

# How many lines are read before whoever waits for the database is let go on.
_AT_ONCE = 50


def kind_of(noun: Noun) -> str:
    """Return the name of the operation, and of the job, that brings a noun's files in."""
    return reports.IMPORT + noun


async def submit(tx: Transaction, actor: Actor, noun: Noun, wanted: StartImport) -> Operation:
    """Begin to bring a file in. Raises FileUnknown, FileUnreadable with every fault of its header."""
    # A patient account may record her own entries; files are for those who may follow long work.
    permissions.require(actor, Permission.OPERATION_WRITE)
    await repository.begin_work(tx)
    upload_id = FileId(wanted.upload_id)
    file = await complete(tx, upload_id)
    dialect = await dialect_of(tx, upload_id, noun)
    plan = plan_of(file, dialect, noun, actor=actor, dry_run=wanted.dry_run, existing=wanted.existing)
    plan = msgspec.structs.replace(plan, token_id=await accounts.asking_token(tx, actor))

    operation = await operations.submit(
        tx,
        kind_of(noun),
        created_by=actor.account_id,
        input=msgspec.to_builtins(plan),
        total=max(file.size_bytes, 1),
    )
    detail = {"upload_id": plan.upload_id, "dry_run": plan.dry_run, "existing": plan.existing}
    await audit.record(tx, actor, kind_of(noun), operation.id, object_type="operation", detail=detail)
    return operation


async def import_batch(tx: Transaction, operation: Operation) -> Batch:
    """Bring in the next lines of a file, as `run_in_batches` asks for it."""
    plan = msgspec.convert(operation.input, ImportPlan)
    needs = (Permission.OPERATION_WRITE, WRITES[plan.noun])
    actor = await accounts.asker(tx, operation, role=plan.role, token_id=plan.token_id, needs=needs)
    counts = Counts(dry_run=plan.dry_run)
    if operation.result is not None:
        counts = msgspec.convert(operation.result, Counts)
    begin = _place_in(operation, plan)
    # A file that was deleted in the meantime would look like one that ends here.
    await complete(tx, FileId(plan.upload_id))
    reading = _Reading(tx, plan, begin)
    claims = Claims(tx, operation.id) if plan.dry_run else None

    async with _written(tx, plan):
        lines, outcomes = await _brought(tx, actor, operation, reading, claims)
    if claims is not None:
        outcomes = await judged_entries(claims, lines, outcomes) if plan.noun == "entries" else outcomes
        if not (operation.cursor is None and reading.is_over):
            await claims.keep()
    await reports.add(tx, operation, counts, plan.noun, lines, outcomes)
    counts = added_up(counts, lines, outcomes)
    end = reading.place.offset
    done = max(plan.size_bytes, 1) if reading.is_over else end
    return Batch(
        count=done - operation.done,
        cursor=None if reading.is_over else f"{end}:{reading.place.line}",
        result=msgspec.to_builtins(counts),
    )


@asynccontextmanager
async def _written(tx: Transaction, plan: ImportPlan) -> AsyncIterator[None]:
    """Undo what the block writes when the plan is only tried."""
    if not plan.dry_run:
        yield
        return
    async with trial(tx):
        yield


async def _brought(
    tx: Transaction, actor: Actor, operation: Operation, reading: "_Reading", claims: Claims | None
) -> tuple[list[Line], list[Outcome]]:
    taking = intake(tx, actor, reading.plan, operation.id, claims=claims)
    lines: list[Line] = []
    outcomes: list[Outcome] = []
    try:
        async for part in reading.parts():
            lines += part
            outcomes += await taking.take(part)
        outcomes += await taking.end()
    except BaseException:
        await taking.cancel()
        raise
    return lines, outcomes


class _Reading:
    """The lines of one batch, in parts; afterwards `place` is behind the last of them."""

    def __init__(self, tx: Transaction, plan: ImportPlan, place: Place) -> None:
        self.plan = plan
        self.place = place
        self._tx = tx
        self._begin = place

    @property
    def is_over(self) -> bool:
        """Whether the file ends at `place`."""
        return self.place.offset >= self.plan.size_bytes

    async def parts(self) -> AsyncIterator[Sequence[Line]]:
        """Yield the lines, so many at a time as their noun is taken in."""
        plan, dialect = self.plan, dialect_in(self.plan)
        sizes = SIZES[plan.noun]
        source = RecordSource(
            self._tx,
            FileId(plan.upload_id),
            dialect,
            self._begin,
            size_bytes=plan.size_bytes,
            read_bytes=sizes.read_bytes,
        )
        part: list[Line] = []
        count = 0
        while True:
            record = source.take()
            if record is None:
                # While a part is under way the connection is not free to read: the batch ends with what was read.
                if count:
                    break
                if not await source.fill():
                    self.place = Place(plan.size_bytes, self.place.line)
                    return
                continue
            part.append(line_of(plan.noun, record, dialect))
            count += 1
            if count % _AT_ONCE == 0:
                await asyncio.sleep(0)
            self.place = record.behind
            if len(part) >= sizes.part:
                yield part
                part = []
            if count >= sizes.batch:
                break
        if part:
            yield part


def _place_in(operation: Operation, plan: ImportPlan) -> Place:
    if operation.cursor is None:
        return Place(plan.begins_at, plan.first_line)
    offset, _, line = operation.cursor.partition(":")
    return Place(int(offset), int(line))
