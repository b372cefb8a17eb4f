"""Take files in: as a stream, sealed part by part, known again by their content, and looked at before they are used."""

from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec

from healthprotocol.care.transfers.errors import UploadCutOff
from healthprotocol.care.transfers.model import Existing, FirstFault, ImportPlan, Line, Noun, Outcome
from healthprotocol.care.transfers.schemas import PreviewLine, PreviewOut, Received
from healthprotocol.care.transfers.service.keeping import require_space
from healthprotocol.care.transfers.service.lines import RecordSource, dialect_of, line_of
from healthprotocol.care.transfers.service.naming import named_in
from healthprotocol.care.transfers.service.nouns import intake
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.db.trial import trial
from healthprotocol.foundation.files import FileId, Intake, SealedFile, plain_parts, sealed
from healthprotocol.foundation.ids import OperationId, new_id
from healthprotocol.foundation.tabular import Dialect
from healthprotocol.trust.audit import service as audit

UPLOAD = "upload"
PREVIEWED_LINES = 20
# What one transaction adds: short enough for a slow client to hold no connection, since it is opened when all is here.
_PART_BYTES = 2 * 1024 * 1024


class Limits(msgspec.Struct, frozen=True):
    """How large a file may be, unpacked, how long it is kept, and how large all of an organisation may be together."""

    bytes: int
    keep: timedelta
    quota_bytes: int = 2 * 1024 * 1024 * 1024


async def receive(
    database: Database,
    actor: Actor,
    context: RequestContext,
    stream: AsyncIterator[bytes],
    *,
    limits: Limits,
    sha256: str | None = None,
) -> Received:
    """
    Keep a file, sealed, in transactions of its own; return the one kept before when the same content came already.

    `sha256` is what its sender says of it, unpacked. Raises TooLarge, FilesFull, NotGzip, UploadCutOff; then
    nothing of it stays.
    """
    async with database.transaction(actor.organisation_id, actor=actor, context=context) as tx:
        # Who has no space at all need not send anything.
        await require_space(tx, limits.quota_bytes, more_bytes=1)
    counted = Intake(limit_bytes=limits.bytes)
    file: SealedFile | None = None
    try:
        async for part in plain_parts(stream, counted, size=_PART_BYTES):
            async with database.transaction(actor.organisation_id, actor=actor, context=context) as tx:
                more = await sealed.append(tx, file or await _begun(tx, actor, keep=limits.keep), part)
                await require_space(tx, limits.quota_bytes)
            file = more
        _require_whole(counted, sha256)
        async with database.transaction(actor.organisation_id, actor=actor, context=context) as tx:
            file = file or await _begun(tx, actor, keep=limits.keep)
            kept = await sealed.complete(tx, file, sha256=counted.sha256)
            detail = {"bytes": kept.size_bytes}
            await audit.record(tx, actor, "import.upload", kept.id, object_type="file", detail=detail)
    except BaseException:
        # Whoever left in the middle sends it again; what is here of it would only wait for the sweep.
        if file is not None:
            async with database.transaction(actor.organisation_id, actor=actor, context=context) as tx:
                await sealed.delete(tx, [file.id])
        raise
    return Received(kept, counted.sha256, is_known=kept.id != file.id)


async def get(tx: Transaction, actor: Actor, upload_id: FileId) -> Received:
    """Return an upload of the organisation; one that comes in parts to its sender only. Raises FileUnknown."""
    found = await sealed.get(tx, upload_id, purpose=UPLOAD)
    if not found.is_complete and (found.created_by != actor.account_id or found.announced_bytes is None):
        raise sealed.FileUnknown
    return Received(found, await sealed.sha256_of(tx, found))


async def complete(tx: Transaction, upload_id: FileId) -> SealedFile:
    """Return an upload that is whole. Raises FileUnknown."""
    found = await sealed.get(tx, upload_id, purpose=UPLOAD)
    if not found.is_complete:
        raise sealed.FileUnknown
    return found


async def preview(
    tx: Transaction, actor: Actor, upload_id: FileId, noun: Noun, *, existing: Existing = "skip"
) -> PreviewOut:
    """
    Return how a file would be read, its first lines, and what would become of them; nothing is written of it.

    Raises FileUnknown, FileUnreadable.
    """
    file = await complete(tx, upload_id)
    dialect = await dialect_of(tx, upload_id, noun)
    lines: list[Line] = []
    source = RecordSource(tx, upload_id, dialect, None, size_bytes=file.size_bytes)
    while len(lines) < PREVIEWED_LINES:
        record = source.take()
        if record is not None:
            lines.append(line_of(noun, record, dialect))
        elif not await source.fill():
            break
    plan = plan_of(file, dialect, noun, actor=actor, dry_run=True, existing=existing)
    outcomes = await tried(tx, actor, plan, lines)
    failed = [line for line, outcome in zip(lines, outcomes, strict=True) if outcome.became == "failed"]
    known = {outcome.subject_id for outcome in outcomes if outcome.subject_id is not None}
    subjects = tuple(sorted(known | await named_in(tx, noun, failed)))
    await audit.record(tx, actor, "import.preview", upload_id, object_type="file", subject_ids=subjects)
    return PreviewOut(
        format=dialect.format,
        delimiter=dialect.delimiter if dialect.columns else None,
        columns=list(dialect.columns),
        size_bytes=file.size_bytes,
        lines=[_shown(line, outcome) for line, outcome in zip(lines, outcomes, strict=True)],
    )


async def tried(tx: Transaction, actor: Actor, plan: ImportPlan, lines: list[Line]) -> list[Outcome]:
    """Return what would become of lines; all that they would write is undone."""
    async with trial(tx):
        taking = intake(tx, actor, plan, OperationId(tx.new_id()))
        return [*await taking.take(lines), *await taking.end()]


def plan_of(
    file: SealedFile, dialect: Dialect, noun: Noun, *, actor: Actor, dry_run: bool, existing: str = "skip"
) -> ImportPlan:
    """Return what an import of a file does."""
    return ImportPlan(
        noun=noun,
        upload_id=file.id,
        size_bytes=file.size_bytes,
        format=dialect.format,
        delimiter=dialect.delimiter,
        begins_at=dialect.begins_at,
        first_line=dialect.first_line,
        columns=dialect.columns,
        dry_run=dry_run,
        existing="update" if existing == "update" else "skip",
        role=actor.role,
    )


def _require_whole(counted: Intake, sha256: str | None) -> None:
    if sha256 is not None and counted.sha256.hex() != sha256.lower():
        raise UploadCutOff


async def _begun(tx: Transaction, actor: Actor, *, keep: timedelta) -> SealedFile:
    return await sealed.create(
        tx,
        FileId(new_id(tx.now)),
        purpose=UPLOAD,
        media_type="application/octet-stream",
        created_by=actor.account_id,
        keep=keep,
    )


def _shown(line: Line, outcome: Outcome) -> PreviewLine:
    faults = [FirstFault(line.number, one.pointer, one.code, one.detail) for one in outcome.faults]
    return PreviewLine(line.number, line.shown, outcome.became, faults)
