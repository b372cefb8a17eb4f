"""
Take files in part by part, each at its place: what broke off goes on where it stopped.

What has arrived is kept while the rest comes, also of a part whose connection breaks. The same account finds an upload
again by what she announced it with.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress

from healthprotocol.care.transfers import repository
from healthprotocol.care.transfers.errors import MoreThanAnnounced, OffsetMismatch, PackedInParts, UploadCutOff
from healthprotocol.care.transfers.schemas import BeginUpload, Received
from healthprotocol.care.transfers.service.keeping import require_space
from healthprotocol.care.transfers.service.uploads import UPLOAD, Limits
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import Problem
from healthprotocol.foundation.files import FileId, FileUnknown, SealedFile, TooLarge, sealed
from healthprotocol.foundation.ids import new_id
from healthprotocol.trust.audit import service as audit

_PART_BYTES = 2 * 1024 * 1024
_GZIP = b"\x1f\x8b"
# What a mark is made of: a hash is also held to at the end, a name is only found by.
_BY_HASH, _BY_NAME = b"s", b"n"


async def begin(tx: Transaction, actor: Actor, wanted: BeginUpload, *, limits: Limits) -> Received:
    """
    Begin an upload in parts, or return the one that goes on: the same account announced the same file before.

    Content that is here already is returned complete. When MOST_OPEN wait for their content, the oldest gives way.
    Raises TooLarge, FilesFull.
    """
    if wanted.size_bytes > limits.bytes:
        detail = f"A file has at most {limits.bytes:,} bytes, unpacked."
        raise TooLarge(detail, public={"limit_bytes": limits.bytes})
    if wanted.sha256 is not None:
        known = await sealed.known(tx, bytes.fromhex(wanted.sha256), purpose=UPLOAD, keep=limits.keep)
        if known is not None:
            # It was told that such a file is here, and is kept for longer: as if it had been sent.
            detail = {"bytes": known.size_bytes, "is_known": True}
            await audit.record(tx, actor, "import.upload", known.id, object_type="file", detail=detail)
            return Received(known, bytes.fromhex(wanted.sha256), is_known=True)
    mark = _mark(tx, wanted)
    await repository.hold_uploads(tx, actor.account_id)
    waiting = await sealed.unfinished(tx, purpose=UPLOAD, created_by=actor.account_id)
    for file in waiting:
        if mark is not None and file.mark == mark and file.announced_bytes == wanted.size_bytes:
            return Received(file, is_known=True)
    await sealed.delete(tx, [file.id for file in waiting[: max(len(waiting) - sealed.MOST_OPEN + 1, 0)]])
    await require_space(tx, limits.quota_bytes, more_bytes=wanted.size_bytes)
    file = await sealed.create(
        tx,
        FileId(new_id(tx.now)),
        purpose=UPLOAD,
        media_type="application/octet-stream",
        created_by=actor.account_id,
        keep=limits.keep,
        announced=sealed.Announced(wanted.size_bytes, mark),
    )
    await audit.record(
        tx, actor, "import.begin_upload", file.id, object_type="file", detail={"bytes": wanted.size_bytes}
    )
    return Received(file)


async def go_on(
    database: Database,
    actor: Actor,
    context: RequestContext,
    upload_id: FileId,
    stream: AsyncIterator[bytes],
    *,
    offset: int,
    limits: Limits,
) -> Received:
    """
    Add to an upload from its byte `offset` on, in transactions of its own; complete it with its last byte.

    Whatever breaks off the stream, what came of it stays. Raises FileUnknown, OffsetMismatch, MoreThanAnnounced,
    FilesFull, PackedInParts; UploadCutOff when all is here and is not what was announced: then it is gone.
    """
    adding = _Adding(database, actor, context, upload_id, limits)
    waiting = bytearray()
    file = await adding.add(b"", at=offset)
    if file.is_complete:
        return Received(file, await adding.sha256_of(file))
    try:
        async for piece in stream:
            waiting += piece
            while len(waiting) >= _PART_BYTES:
                file = await adding.add(bytes(waiting[:_PART_BYTES]), at=file.size_bytes)
                # Only now: of what could not be written nothing may be missing before what follows it.
                del waiting[:_PART_BYTES]
    except BaseException:
        # A slow line that breaks every minute gets there, too. What stands against it now is no news.
        with suppress(Problem):
            await adding.add(bytes(waiting), at=file.size_bytes)
        raise
    file = await adding.add(bytes(waiting), at=file.size_bytes)
    if file.size_bytes < (file.announced_bytes or 0):
        return Received(file)
    return await adding.finish(file)


class _Adding:
    """One request that adds to an upload."""

    def __init__(
        self, database: Database, actor: Actor, context: RequestContext, upload_id: FileId, limits: Limits
    ) -> None:
        self._database = database
        self._actor = actor
        self._context = context
        self._upload_id = upload_id
        self._limits = limits

    def _transaction(self):  # noqa: ANN202 - what Database.transaction returns
        return self._database.transaction(self._actor.organisation_id, actor=self._actor, context=self._context)

    async def add(self, content: bytes, *, at: int) -> SealedFile:
        """Add content whose first byte is that of the file at `at`, and commit it; return the file as it now is."""
        async with self._transaction() as tx:
            file = await sealed.get(tx, self._upload_id, purpose=UPLOAD, for_update=True)
            if file.created_by != self._actor.account_id or file.announced_bytes is None:
                raise FileUnknown
            if at != file.size_bytes:
                raise OffsetMismatch(public={"offset_bytes": file.size_bytes})
            if file.is_complete or not content:
                return file
            if at < len(_GZIP) and (await _beginning(tx, file) + content).startswith(_GZIP):
                raise PackedInParts
            fitting = content[: file.announced_bytes - at]
            file = await sealed.append(tx, file, fitting)
            await require_space(tx, self._limits.quota_bytes)
        if len(fitting) < len(content):
            raise MoreThanAnnounced(public={"offset_bytes": file.size_bytes})
        return file

    async def finish(self, file: SealedFile) -> Received:
        """Complete a file of which every byte is here."""
        sha256 = await self._hashed(file)
        async with self._transaction() as tx:
            is_as_announced = _is_held_to(tx, file, sha256)
            if is_as_announced:
                kept = await sealed.complete(tx, file, sha256=sha256)
                detail = {"bytes": kept.size_bytes}
                await audit.record(tx, self._actor, "import.upload", kept.id, object_type="file", detail=detail)
            else:
                kept = file
                await sealed.delete(tx, [file.id])
        if not is_as_announced:
            raise UploadCutOff
        return Received(kept, sha256, is_known=kept.id != file.id)

    async def sha256_of(self, file: SealedFile) -> bytes | None:
        """Return the hash of a complete file."""
        async with self._transaction() as tx:
            return await sealed.sha256_of(tx, file)

    async def _hashed(self, file: SealedFile) -> bytes:
        # Its parts came to any process: only here is all of it seen.
        hashed, begin = hashlib.sha256(), 0
        while begin < file.size_bytes:
            async with self._transaction() as tx:
                part = await sealed.read(tx, file.id, begin=begin, most_bytes=4 * sealed.CHUNK_BYTES)
            if not part:
                raise FileUnknown
            hashed.update(part)
            begin += len(part)
        return hashed.digest()


async def _beginning(tx: Transaction, file: SealedFile) -> bytes:
    return await sealed.read(tx, file.id, begin=0, most_bytes=len(_GZIP)) if file.size_bytes else b""


def _mark(tx: Transaction, wanted: BeginUpload) -> bytes | None:
    if wanted.sha256 is not None:
        return _hash_mark(tx, wanted.sha256.lower())
    return None if wanted.name is None else _BY_NAME + sealed.mark_of(tx, wanted.name)


def _is_held_to(tx: Transaction, file: SealedFile, sha256: bytes) -> bool:
    """Whether the content is what was announced; where only a size or a name was, any is."""
    if file.mark is None or not file.mark.startswith(_BY_HASH):
        return True
    return file.mark == _hash_mark(tx, sha256.hex())


def _hash_mark(tx: Transaction, sha256: str) -> bytes:
    return _BY_HASH + sealed.mark_of(tx, sha256)
