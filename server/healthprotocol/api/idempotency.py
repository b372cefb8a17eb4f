"""
Writes that may be sent twice: the answer is stored in the transaction that made it.

The key's row is inserted before the act. A second request with the same key therefore waits for the first to commit or
roll back, and then finds its answer or takes its place: nothing can happen twice, whatever dies in between.
"""

import hashlib
from uuid import UUID

import msgspec

from healthprotocol.foundation.config.runtime import value_of
from healthprotocol.foundation.config.setting import Setting
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.crypto.fields import Padding
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid

SWEPT_AT_ONCE = 10_000

KEPT_HOURS = Setting(
    name="idempotency.kept_hours",
    title="Recognise repeated requests for",
    group="Connected systems",
    default=24,
    unit="hours",
    least=1,
    most=720,
    description="An app that lost the connection sends again, with the same key. For so long that does nothing twice.",
)

_TABLE = "idempotency"


class IdempotencyKeyReused(Invalid):
    """
    The Idempotency-Key came before with another request.

    Remedy: use a fresh key for each new request, and the same key only to repeat one unchanged.
    """

    title = "This Idempotency-Key was used for another request"


class StoredAnswer(msgspec.Struct, frozen=True):
    """The first answer to a key."""

    status: int
    etag: str | None
    body: bytes
    location: str | None = None


async def replay_or_reserve(tx: Transaction, actor: Actor, key: str, request_hash: bytes) -> StoredAnswer | None:
    """
    Return the answer that `key` already has, or reserve the key for this transaction and return None.

    Raises IdempotencyKeyReused when the key belongs to another request.
    """
    # An update that changes nothing, because `do nothing` would return no row, and between a second statement and this
    # one the row could be swept.
    row = await tx.fetchrow(
        """
        insert into idempotency as i (organisation_id, account_id, key, request_hash, created_at)
        values ($1, $2, $3, $4, $5)
        on conflict (organisation_id, account_id, key) do update set created_at = i.created_at
        returning i.request_hash, i.status, i.etag, i.body_ct, i.location
        """,
        tx.tenant,
        actor.account_id,
        key,
        request_hash,
        tx.now,
    )
    assert row is not None
    if row["request_hash"] != request_hash:
        raise IdempotencyKeyReused
    if row["status"] is None:
        # Ours: a row of another transaction is seen only after its commit, and then it has its answer.
        return None
    secret = await tx.keys.purpose(tx, "answers")
    body = secret.decrypt(table=_TABLE, column="body_ct", row_id=_row_id(actor, key), ciphertext=row["body_ct"])
    return StoredAnswer(row["status"], row["etag"], body, row["location"])


async def store_answer(tx: Transaction, actor: Actor, key: str, answer: StoredAnswer) -> None:
    """Keep the answer to `key`, its body encrypted, in the transaction that made it."""
    secret = await tx.keys.purpose(tx, "answers")
    ciphertext = secret.encrypt(
        table=_TABLE, column="body_ct", row_id=_row_id(actor, key), plaintext=answer.body, pad=Padding.TEXT
    )
    await tx.execute(
        """
        update idempotency
        set status = $4, etag = $5, body_ct = $6, location = $7
        where organisation_id = $1 and account_id = $2 and key = $3
        """,
        tx.tenant,
        actor.account_id,
        key,
        answer.status,
        answer.etag,
        ciphertext,
        answer.location,
    )


async def forget_answers(tx: Transaction) -> None:
    """
    Delete the answers kept for all keys of the tenant: one of them may say what must not be known any more.

    A write whose answer was lost on the way, and that is sent again after this, is then done again.
    """
    await tx.execute("delete from idempotency where organisation_id = $1 and status is not null", tx.tenant)


async def sweep(tx: Transaction, *, limit: int = SWEPT_AT_ONCE) -> int:
    """Delete the tenant's keys that were kept long enough, at most `limit` at once; return how many went."""
    tag = await tx.execute(
        """
        delete from idempotency
        where (organisation_id, account_id, key) in (
          select organisation_id, account_id, key
          from idempotency
          where organisation_id = $1 and created_at < $2::timestamptz - make_interval(hours => $3)
          order by created_at
          limit $4
        )
        """,
        tx.tenant,
        tx.now,
        value_of(tx, KEPT_HOURS),
        limit,
    )
    return int(tag.rsplit(" ", 1)[-1])


def _row_id(actor: Actor, key: str) -> UUID:
    """The ciphertext is bound to its row; the row has no id of its own, so one is made of what names it."""
    return UUID(bytes=hashlib.sha256(actor.account_id.bytes + key.encode()).digest()[:16])
