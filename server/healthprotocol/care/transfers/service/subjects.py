"""Whom a sealed file speaks of: gathered as it is written, sealed like it, and recorded each time that it is read."""

from collections.abc import Iterable
from uuid import UUID, uuid5

from healthprotocol.care.transfers.service.keeping import keep_of
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.files import FileId, FileUnknown, sealed
from healthprotocol.foundation.ids import OperationId
from healthprotocol.foundation.jobs.operations import Operation
from healthprotocol.trust.audit import service as audit

SUBJECTS = "subjects"
MOST_IN_EVENT = 1_000
_ID_BYTES = 16


async def add(tx: Transaction, operation: Operation, subject_ids: Iterable[UUID]) -> None:
    """Add to whom the operation's file speaks of; one who is named in several batches may stand there several times."""
    content = b"".join(one.bytes for one in dict.fromkeys(subject_ids))
    if not content:
        return
    file = await sealed.create(
        tx,
        _file_of(operation.id),
        purpose=SUBJECTS,
        media_type="application/octet-stream",
        created_by=operation.created_by,
        keep=keep_of(tx),
    )
    await sealed.append(tx, file, content)


async def record(
    database: Database, actor: Actor, context: RequestContext, operation_id: OperationId, *, action: str
) -> None:
    """
    Record that the actor read the operation's file: events of up to MOST_IN_EVENT subjects.

    They are committed when this returns, some thousands at a time.
    """
    begin = 0
    while True:
        async with database.transaction(actor.organisation_id, actor=actor, context=context) as tx:
            try:
                file = await sealed.get(tx, _file_of(operation_id), purpose=SUBJECTS)
            except FileUnknown:
                return
            part = await sealed.read(tx, file.id, begin=begin, most_bytes=sealed.CHUNK_BYTES)
            ids = list(dict.fromkeys(UUID(bytes=part[at : at + _ID_BYTES]) for at in range(0, len(part), _ID_BYTES)))
            for at in range(0, len(ids), MOST_IN_EVENT):
                shown = ids[at : at + MOST_IN_EVENT]
                await audit.record(tx, actor, action, operation_id, object_type="operation", subject_ids=shown)
        begin += len(part)
        if begin >= file.size_bytes or not part:
            return


def _file_of(operation_id: UUID) -> FileId:
    return FileId(uuid5(operation_id, SUBJECTS))
