"""
A file as rows of ciphertext, each bound to its file and to the offset at which its content begins.

Content is only ever added at the end, in the caller's transaction; so what is committed is a beginning of the file, and
who was interrupted goes on behind it. Any part can be read without what is before it. Each file says until when it is
kept; `sweep` deletes the others.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NewType
from uuid import UUID

import msgspec

from healthprotocol.foundation.crypto.data_keys import PurposeKey
from healthprotocol.foundation.crypto.fields import Padding
from healthprotocol.foundation.errors import NotFound
from healthprotocol.foundation.ids import AccountId

if TYPE_CHECKING:
    from healthprotocol.foundation.db.transaction import Transaction

FileId = NewType("FileId", UUID)

CHUNK_BYTES = 256 * 1024
KEY = "files"
SWEPT_AT_ONCE = 20
MOST_OPEN = 20
"""How many announced files of one account may wait for their content."""

_TABLE = "sealed_file_chunk"
_COLUMNS = (
    "id, purpose, is_complete, media_type, size_bytes, announced_bytes, digest, mark, sha256_ct, created_by, "
    "created_at, expires_at"
)
_READ_AT_ONCE = 4


class FileUnknown(NotFound):
    """
    There is no such file here, or its time is over.

    Remedy: send it again; files are kept for some days only.
    """


class SealedFile(msgspec.Struct, frozen=True, kw_only=True):
    """
    A file as its row says. `digest` is a keyed hash of the whole content, None before it is complete.

    `announced_bytes` is how large it will be, `mark` by what its sender finds it while it is not complete; both None
    where nobody said. `sha256_ct` is for `sha256_of`.
    """

    id: FileId
    purpose: str
    is_complete: bool
    media_type: str
    size_bytes: int
    digest: bytes | None
    created_by: AccountId
    created_at: datetime
    expires_at: datetime
    announced_bytes: int | None = None
    mark: bytes | None = None
    sha256_ct: bytes | None = None


class Announced(msgspec.Struct, frozen=True):
    """What is said of a file before it comes: how large it is as it is sent, and what its sender calls it."""

    size_bytes: int
    mark: bytes | None


async def create(
    tx: "Transaction",
    file_id: FileId,
    *,
    purpose: str,
    media_type: str,
    created_by: AccountId,
    keep: timedelta,
    announced: Announced | None = None,
) -> SealedFile:
    """Begin an empty file; one that exists under this id is returned as it is."""
    await tx.execute(
        """
        insert into sealed_file (
          organisation_id, id, purpose, media_type, created_by, created_at, expires_at, announced_bytes, mark
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        on conflict (organisation_id, id) do nothing
        """,
        tx.tenant,
        file_id,
        purpose,
        media_type,
        created_by,
        tx.now,
        tx.now + keep,
        None if announced is None else announced.size_bytes,
        None if announced is None else announced.mark,
    )
    return await get(tx, file_id, purpose=purpose)


async def get(tx: "Transaction", file_id: FileId, *, purpose: str, for_update: bool = False) -> SealedFile:
    """Return a file whose time is not over. Raises FileUnknown."""
    found = await _select(tx, "id = $2 and purpose = $3", file_id, purpose, for_update=for_update)
    if found is None or found.expires_at <= tx.now:
        raise FileUnknown
    return found


async def of_content(tx: "Transaction", digest: bytes, *, purpose: str) -> SealedFile | None:
    """Return the complete file of this content (`digest_of`), None when there is none."""
    found = await _select(tx, "digest = $2 and purpose = $3", digest, purpose)
    return None if found is None or found.expires_at <= tx.now else found


async def known(tx: "Transaction", sha256: bytes, *, purpose: str, keep: timedelta) -> SealedFile | None:
    """Return the complete file of this content, kept from now on as long as a new one; None when there is none."""
    found = await of_content(tx, digest_of(tx, sha256), purpose=purpose)
    return None if found is None else await _kept_as_long(tx, found, tx.now + keep)


async def unfinished(tx: "Transaction", *, purpose: str, created_by: AccountId) -> list[SealedFile]:
    """Return the files that an account announced and that are not complete, the oldest first, at most MOST_OPEN."""
    rows = await tx.fetch(
        f"""
        select {_COLUMNS}
        from sealed_file
        where organisation_id = $1 and purpose = $2 and created_by = $3 and not is_complete
          and announced_bytes is not null and expires_at > $4
        order by created_at, id
        limit $5
        """,  # noqa: S608 - a constant of this module
        tx.tenant,
        purpose,
        created_by,
        tx.now,
        MOST_OPEN,
    )
    return [msgspec.convert(dict(row), SealedFile) for row in rows]


def mark_of(tx: "Transaction", name: str) -> bytes:
    """Return the keyed hash of what a sender calls a file: a name may say whom it is about."""
    return tx.keys.signer("files").sign(tx.tenant.bytes + b"mark" + name.encode())


def digest_of(tx: "Transaction", sha256: bytes) -> bytes:
    """Return the keyed hash by which content is known again; an unkeyed one would let a small file be guessed."""
    return tx.keys.signer("files").sign(tx.tenant.bytes + sha256)


async def append(tx: "Transaction", file: SealedFile, content: bytes) -> SealedFile:
    """
    Add content at the end of a file, which nobody else adds to in the meantime; return the file as it now is.

    Raises FileUnknown when it was deleted in the meantime.
    """
    if not content:
        return file
    size = file.size_bytes + len(content)
    tag = await tx.execute(
        "update sealed_file set size_bytes = $3 where organisation_id = $1 and id = $2", tx.tenant, file.id, size
    )
    if tag == "UPDATE 0":
        raise FileUnknown
    key = await tx.keys.purpose(tx, KEY)
    begins = range(file.size_bytes, file.size_bytes + len(content), CHUNK_BYTES)
    parts = [content[at : at + CHUNK_BYTES] for at in range(0, len(content), CHUNK_BYTES)]
    await tx.execute(
        """
        insert into sealed_file_chunk (organisation_id, file_id, begins_at, content_ct)
        select $1, $2, new.begins_at, new.content_ct
        from unnest($3::bigint[], $4::bytea[]) as new (begins_at, content_ct)
        """,
        tx.tenant,
        file.id,
        list(begins),
        [_seal(key, file.id, at, part) for at, part in zip(begins, parts, strict=True)],
    )
    return msgspec.structs.replace(file, size_bytes=size)


async def sha256_of(tx: "Transaction", file: SealedFile) -> bytes | None:
    """Return the hash of a file's whole content; None when it is not complete, or of those nobody asks for."""
    if file.sha256_ct is None:
        return None
    key = await tx.keys.purpose(tx, KEY)
    return key.decrypt(table=_TABLE, column="sha256", row_id=file.id, ciphertext=file.sha256_ct)


async def complete(tx: "Transaction", file: SealedFile, *, sha256: bytes | None = None) -> SealedFile:
    """
    Say that a file is whole. Where one of the same content and purpose is kept already, return that one instead.

    `sha256` None is for files that nobody looks for by their content.
    """
    digest = sha256_ct = None
    if sha256 is not None:
        digest, key = digest_of(tx, sha256), await tx.keys.purpose(tx, KEY)
        sha256_ct = key.encrypt(table=_TABLE, column="sha256", row_id=file.id, plaintext=sha256, pad=Padding.EXACT)
    kept = await tx.fetchval(
        """
        update sealed_file f
        set is_complete = true, digest = $3, sha256_ct = $5
        where f.organisation_id = $1 and f.id = $2
          and not exists (
            select from sealed_file o
            where o.organisation_id = $1 and o.purpose = f.purpose and o.digest = $3 and o.expires_at > $4
          )
        returning true
        """,
        tx.tenant,
        file.id,
        digest,
        tx.now,
        sha256_ct,
    )
    if kept:
        return msgspec.structs.replace(file, is_complete=True, digest=digest, sha256_ct=sha256_ct)
    earlier = None if digest is None else await of_content(tx, digest, purpose=file.purpose)
    if earlier is None or earlier.id == file.id:
        return await get(tx, file.id, purpose=file.purpose)
    await delete(tx, [file.id])
    return await _kept_as_long(tx, earlier, file.expires_at)


async def read(tx: "Transaction", file_id: FileId, *, begin: int, most_bytes: int) -> bytes:
    """Return at least one chunk's rest of the content from `begin` on, and at most `most_bytes`; empty at the end."""
    parts: list[bytes] = []
    size = 0
    async for part in chunks(tx, file_id, begin=begin):
        parts.append(part[: most_bytes - size])
        size += len(parts[-1])
        if size >= most_bytes:
            break
    return b"".join(parts)


async def chunks(tx: "Transaction", file_id: FileId, *, begin: int = 0) -> AsyncIterator[bytes]:
    """Yield the content from the byte `begin` on, up to four chunks read at a time."""
    key = await tx.keys.purpose(tx, KEY)
    while True:
        rows = await tx.fetch(
            """
            select c.begins_at, c.content_ct
            from sealed_file_chunk c
            where c.organisation_id = $1 and c.file_id = $2 and c.begins_at >= (
              select max(b.begins_at)
              from sealed_file_chunk b
              where b.organisation_id = $1 and b.file_id = $2 and b.begins_at <= $3
            )
            order by c.begins_at
            limit $4
            """,
            tx.tenant,
            file_id,
            begin,
            _READ_AT_ONCE,
        )
        for row in rows:
            content = _open(key, file_id, row["begins_at"], row["content_ct"])
            part = content[max(begin - row["begins_at"], 0) :]
            if not part:
                return
            begin += len(part)
            yield part
        if len(rows) < _READ_AT_ONCE:
            return


async def delete(tx: "Transaction", file_ids: Sequence[UUID]) -> None:
    """Delete files with their content."""
    await tx.execute(
        "delete from sealed_file where organisation_id = $1 and id = any($2::uuid[])", tx.tenant, list(file_ids)
    )


async def sweep(tx: "Transaction", *, limit: int = SWEPT_AT_ONCE) -> int:
    """Delete the tenant's files whose time is over, at most `limit` at once; return how many went."""
    tag = await tx.execute(
        """
        delete from sealed_file
        where (organisation_id, id) in (
          select organisation_id, id
          from sealed_file
          where organisation_id = $1 and expires_at <= $2
          order by expires_at
          limit $3
        )
        """,
        tx.tenant,
        tx.now,
        limit,
    )
    return int(tag.rsplit(" ", 1)[-1])


async def kept_bytes(tx: "Transaction") -> int:
    """
    Return how much all files of the tenant hold together, those on their way in included: one row, kept by triggers.

    Whoever asks behind her own `append` is told of everybody's: others that add wait until she commits. So a limit is
    held to by adding first and asking then.
    """
    return await tx.fetchval(
        """
        select coalesce(
          (select t.size_bytes from sealed_file_tally t where t.organisation_id = $1),
          (select sum(f.size_bytes)::bigint from sealed_file f where f.organisation_id = $1),
          0
        )
        """,
        tx.tenant,
    )


async def count_anew(tx: "Transaction") -> None:
    """Mend what is kept of how much the files hold: while an older schema stood, nobody kept it."""
    await tx.execute("select from sealed_file_tally where organisation_id = $1 for update", tx.tenant)
    # Only now: a statement sees what was committed when it began, and from here on nobody else changes the sum.
    await tx.execute(
        """
        update sealed_file_tally t
        set size_bytes = counted.size_bytes
        from (
          select coalesce(sum(f.size_bytes), 0)::bigint as size_bytes from sealed_file f where f.organisation_id = $1
        ) counted
        where t.organisation_id = $1 and t.size_bytes <> counted.size_bytes
        """,
        tx.tenant,
    )


async def forget_all(tx: "Transaction") -> None:
    """Delete every file of the tenant: one of them may say what must not be known any more."""
    await tx.execute("delete from sealed_file where organisation_id = $1", tx.tenant)


async def _kept_as_long(tx: "Transaction", file: SealedFile, expires_at: datetime) -> SealedFile:
    """Keep a file until `expires_at` at least: who sent it again counts on it as long as if it were new."""
    until = await tx.fetchval(
        """
        update sealed_file
        set expires_at = greatest(expires_at, $3)
        where organisation_id = $1 and id = $2
        returning expires_at
        """,
        tx.tenant,
        file.id,
        expires_at,
    )
    if until is None:
        raise FileUnknown
    return msgspec.structs.replace(file, expires_at=until)


async def _select(tx: "Transaction", condition: str, *args: object, for_update: bool = False) -> SealedFile | None:
    row = await tx.fetchrow(
        f"select {_COLUMNS} from sealed_file where organisation_id = $1 and {condition} "  # noqa: S608 - constants of this module
        f"order by created_at limit 1 {'for update' if for_update else ''}",
        tx.tenant,
        *args,
    )
    return None if row is None else msgspec.convert(dict(row), SealedFile)


def _seal(key: PurposeKey, file_id: UUID, begins_at: int, content: bytes) -> bytes:
    return key.encrypt(
        table=_TABLE, column=f"content/{begins_at}", row_id=file_id, plaintext=content, pad=Padding.EXACT
    )


def _open(key: PurposeKey, file_id: UUID, begins_at: int, sealed: bytes) -> bytes:
    return key.decrypt(table=_TABLE, column=f"content/{begins_at}", row_id=file_id, ciphertext=sealed)
