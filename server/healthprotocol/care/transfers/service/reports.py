"""What was wrong with a file, line by line: sealed beside the upload, and written out as a file to repair and send."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import msgspec

from healthprotocol.care.transfers.errors import NoReport
from healthprotocol.care.transfers.model import Counts, FileFormat, ImportPlan, Line, Noun, Outcome
from healthprotocol.care.transfers.rules.columns import REPORT_COLUMNS, names_of
from healthprotocol.care.transfers.rules.counting import MOST_REPORTED
from healthprotocol.care.transfers.service import subjects
from healthprotocol.care.transfers.service.keeping import keep_of, require_over, require_space
from healthprotocol.care.transfers.service.naming import named_in
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.files import FileId, FileUnknown, sealed
from healthprotocol.foundation.ids import OperationId
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.operations import Operation
from healthprotocol.foundation.tabular import csv_line
from healthprotocol.foundation.tabular.writing import unescaped
from healthprotocol.trust.audit import service as audit
from healthprotocol.trust.permissions.model import Role

REPORT = "report"
IMPORT = "import."
_WRITTEN_AT_ONCE = 500


class Faulty(msgspec.Struct, frozen=True):
    """One faulty line as a report keeps it."""

    line: int
    shown: dict[str, Any]
    field: str
    error: str


class Report(msgspec.Struct, frozen=True):
    """A report that may be read: of which plan, written how."""

    operation_id: OperationId
    plan: ImportPlan
    format: FileFormat


async def add(
    tx: Transaction,
    operation: Operation,
    counts: Counts,
    noun: Noun,
    lines: Sequence[Line],
    outcomes: Sequence[Outcome],
) -> None:
    """
    Add the faulty lines of a batch to the report of its import, up to MOST_REPORTED in all, and whom they name.

    Raises FilesFull.
    """
    failed = [(line, outcome) for line, outcome in zip(lines, outcomes, strict=True) if outcome.became == "failed"][
        : MOST_REPORTED - counts.reported
    ]
    if not failed:
        return
    faulty = [
        Faulty(
            line.number,
            line.shown,
            "; ".join(dict.fromkeys(one.pointer for one in outcome.faults if one.pointer)),
            "; ".join(one.detail for one in outcome.faults),
        )
        for line, outcome in failed
    ]
    file_id = FileId(operation.id)
    file = await sealed.create(
        tx,
        file_id,
        purpose=REPORT,
        media_type="application/x-ndjson",
        created_by=operation.created_by,
        keep=keep_of(tx),
    )
    await sealed.append(tx, file, b"".join(msgspec.json.encode(one) + b"\n" for one in faulty))
    known = {outcome.subject_id for _, outcome in failed if outcome.subject_id is not None}
    named = await named_in(tx, noun, [line for line, outcome in failed if outcome.subject_id is None])
    await subjects.add(tx, operation, sorted(known | named))
    await require_space(tx)


async def open_report(
    tx: Transaction, actor: Actor, operation_id: OperationId, *, to_format: FileFormat | None
) -> Report:
    """Return the report of an import that the actor began, or any as an admin. Raises NoReport, NotReady."""
    try:
        operation = await operations.get(tx, operation_id)
    except operations.OperationUnknown:
        raise NoReport from None
    is_theirs = operation.created_by == actor.account_id or actor.role == Role.ADMIN
    if not is_theirs or not operation.kind.startswith(IMPORT):
        raise NoReport
    require_over(operation)
    plan = msgspec.convert(operation.input, ImportPlan)
    await audit.record(
        tx,
        actor,
        "import.read_report",
        operation_id,
        object_type="operation",
        detail={"noun": plan.noun, "lines": (operation.result or {}).get("reported", 0)},
    )
    return Report(operation_id, plan, to_format or plan.format)


async def written(
    database: Database, actor: Actor, context: RequestContext, report: Report
) -> AsyncGenerator[bytes, None]:
    """Yield a report as a file, a bounded part at a time, each read in a transaction of its own."""
    await subjects.record(database, actor, context, report.operation_id, action="import.read_report")
    columns = [name for name in report.plan.columns or names_of(report.plan.noun) if name not in REPORT_COLUMNS]
    if report.format == "csv":
        yield ("\ufeff" + csv_line([*columns, *REPORT_COLUMNS])).encode()
    begin, rest = 0, b""
    while True:
        async with database.transaction(actor.organisation_id, actor=actor, context=context) as tx:
            part = await _part(tx, report, begin)
        begin += len(part)
        if not part:
            return
        *whole, rest = (rest + part).split(b"\n")
        for at in range(0, len(whole), _WRITTEN_AT_ONCE):
            faulty = [msgspec.json.decode(one, type=Faulty) for one in whole[at : at + _WRITTEN_AT_ONCE]]
            yield "".join(_line(one, columns, report) for one in faulty).encode()


async def _part(tx: Transaction, report: Report, begin: int) -> bytes:
    file_id = FileId(report.operation_id)
    try:
        await sealed.get(tx, file_id, purpose=REPORT)
    except FileUnknown:
        # Nothing was wrong, or it was long ago: a report of no lines.
        return b""
    return await sealed.read(tx, file_id, begin=begin, most_bytes=sealed.CHUNK_BYTES)


def _line(one: Faulty, columns: Sequence[str], report: Report) -> str:
    if report.format == "ndjson":
        more = {"line": one.line, "field": one.field, "error": one.error}
        return msgspec.json.encode({**one.shown, **more}).decode() + "\n"
    cells = [_cell(one.shown.get(name), is_csv=report.plan.format == "csv") for name in columns]
    return csv_line([*cells, one.line, one.field, one.error])


def _cell(value: Any, *, is_csv: bool) -> str | int | float | bool | None:
    if value is None or isinstance(value, int | float | bool):
        return value
    if isinstance(value, str):
        # A cell is shown as it stood there, with its apostrophe: written anew it must not get a second one.
        return unescaped(value) if is_csv else value
    return msgspec.json.encode(value).decode()
