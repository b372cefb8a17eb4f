"""Sessions in SQL."""

from datetime import timedelta
from uuid import UUID

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.crypto.fields import Padding
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.ids import AccountId, OrganisationId
from healthprotocol.trust.accounts.model import Session, SessionPolicy
from healthprotocol.trust.accounts.rules.credentials import idle_of

_TABLE = "session"
_SWEPT_AT_ONCE = 10_000


async def insert(tx: Transaction, actor: Actor, policy: SessionPolicy, *, agent: str | None) -> None:
    """Insert the session whose hash the actor carries."""
    key = await tx.keys.purpose(tx, "auth")
    row_id = tx.new_id()
    await tx.execute(
        """
        insert into session (
          organisation_id, token_hash, id, account_id, created_at, last_seen_at, idle_seconds, expires_at, address_ct,
          agent_ct
        )
        values ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9)
        """,
        tx.tenant,
        actor.session_hash,
        row_id,
        actor.account_id,
        tx.now,
        int(idle_of(actor.role, policy).total_seconds()),
        tx.now + policy.absolute,
        key.encrypt_text(tx.context.address, table=_TABLE, column="address", row_id=row_id, pad=Padding.CODE),
        key.encrypt_text(agent, table=_TABLE, column="agent", row_id=row_id, pad=Padding.TEXT),
    )


async def get(tx: Transaction, token_hash: bytes) -> Session | None:
    """Return a session with the present role and status of its account."""
    row = await tx.fetchrow(
        """
        select s.id, s.account_id, s.last_seen_at, s.idle_seconds, s.expires_at, a.role, a.status, a.patient_id
        from session s
        join account a on a.organisation_id = s.organisation_id and a.id = s.account_id
        where s.organisation_id = $1 and s.token_hash = $2
        """,
        tx.tenant,
        token_hash,
    )
    if row is None:
        return None
    actor = Actor(
        account_id=AccountId(row["account_id"]),
        organisation_id=OrganisationId(tx.tenant),
        role=row["role"],
        subject_id=row["patient_id"],
        session_hash=token_hash,
    )
    return Session(
        id=row["id"],
        actor=actor,
        status=row["status"],
        last_seen_at=row["last_seen_at"],
        idle=timedelta(seconds=row["idle_seconds"]),
        expires_at=row["expires_at"],
    )


async def seen(tx: Transaction, token_hash: bytes) -> None:
    """Write that the session was used now."""
    await tx.execute(
        """
        update session
        set last_seen_at = greatest(last_seen_at, $3)
        where organisation_id = $1 and token_hash = $2
        """,
        tx.tenant,
        token_hash,
        tx.now,
    )


async def delete(tx: Transaction, token_hash: bytes) -> bool:
    """End one session; False when there was none."""
    tag = await tx.execute(
        """
        delete from session
        where organisation_id = $1 and token_hash = $2
        """,
        tx.tenant,
        token_hash,
    )
    return tag != "DELETE 0"


async def delete_of_account(
    tx: Transaction, account_id: UUID, *, keep: int = 0, but: bytes | None = None
) -> list[bytes]:
    """
    End the sessions of an account, oldest first, until the newest `keep` are left; `but` stays in any case.

    Returns the hashes of those that ended.
    """
    rows = await tx.fetch(
        """
        delete from session
        where organisation_id = $1 and token_hash in (
          select token_hash
          from session
          where organisation_id = $1 and account_id = $2 and token_hash is distinct from $4
          order by created_at desc, id desc
          offset $3
        )
        returning token_hash
        """,
        tx.tenant,
        account_id,
        keep,
        but,
    )
    return [row["token_hash"] for row in rows]


async def sweep(tx: Transaction) -> int:
    """Delete the tenant's sessions that ended of themselves, at most 10,000 at once; return how many."""
    tag = await tx.execute(
        """
        delete from session
        where organisation_id = $1 and token_hash in (
          select token_hash
          from session
          where organisation_id = $1
            and least(expires_at, last_seen_at + make_interval(secs => idle_seconds)) < $2
          limit $3
        )
        """,
        tx.tenant,
        tx.now,
        _SWEPT_AT_ONCE,
    )
    return int(tag.rsplit(" ", 1)[-1])
