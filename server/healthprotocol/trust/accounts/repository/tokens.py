"""Bearer tokens in SQL."""

from datetime import datetime
from uuid import UUID

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db import listing
from healthprotocol.foundation.db.listing import Listing, ListingSpec, Page, SqlText, fetch_page
from healthprotocol.foundation.db.transaction import Record, Transaction
from healthprotocol.foundation.ids import AccountId, OrganisationId
from healthprotocol.trust.accounts.model import BearerCredential, Token

TOKENS = ListingSpec(
    name="tokens",
    fields={
        "id": listing.uuid("t.id", sortable=True),
        "account_id": listing.uuid("t.account_id"),
        "name": listing.text("t.name", prefix=True),
        "created_at": listing.timestamp("t.created_at", sortable=True),
        "expires_at": listing.timestamp("t.expires_at"),
        "revoked_at": listing.timestamp("t.revoked_at", nullable=True),
    },
    default_order="created_at desc",
)

_COLUMNS: SqlText = """
t.id, t.account_id, t.name, t.scopes, t.created_by, t.created_at, t.expires_at, t.last_used_at, t.revoked_at, t.revision
"""

_CREDENTIAL: SqlText = """
select t.id, t.account_id, t.token_hash, t.scopes, t.expires_at, t.revoked_at, t.last_used_at, a.role, a.status
from api_token t
join account a on a.organisation_id = t.organisation_id and a.id = t.account_id
where t.organisation_id = $1
"""


async def insert(tx: Transaction, token: Token, token_hash: bytes) -> None:
    await tx.execute(
        """
        insert into api_token (
          organisation_id, id, account_id, token_hash, name, scopes, created_by, created_at, expires_at
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        tx.tenant,
        token.id,
        token.account_id,
        token_hash,
        token.name,
        list(token.scopes),
        token.created_by,
        token.created_at,
        token.expires_at,
    )


async def organisation_of(tx: Transaction, token_hash: bytes) -> OrganisationId | None:
    """Return whose token this is; the transaction must have been opened for this hash."""
    found = await tx.fetchval(
        """
        select organisation_id
        from api_token
        where token_hash = $1
        """,
        token_hash,
    )
    return OrganisationId(found) if found else None


async def get_credential(tx: Transaction, token_hash: bytes) -> BearerCredential | None:
    """Return a token with the present role and status of its account."""
    row = await tx.fetchrow(f"{_CREDENTIAL} and t.token_hash = $2", tx.tenant, token_hash)
    return None if row is None else _credential(tx, row)


async def credential_of_id(tx: Transaction, token_id: UUID) -> BearerCredential | None:
    """Return a token with the present role and status of its account, by its id."""
    row = await tx.fetchrow(f"{_CREDENTIAL} and t.id = $2", tx.tenant, token_id)
    return None if row is None else _credential(tx, row)


def _credential(tx: Transaction, row: Record) -> BearerCredential:
    actor = Actor(
        account_id=AccountId(row["account_id"]),
        organisation_id=OrganisationId(tx.tenant),
        role=row["role"],
        scopes=frozenset(row["scopes"]),
        session_hash=row["token_hash"],
    )
    return BearerCredential(
        id=row["id"],
        actor=actor,
        status=row["status"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
    )


async def used(tx: Transaction, token_id: UUID) -> None:
    """Write that the token was used now."""
    await tx.execute(
        """
        update api_token
        set last_used_at = greatest(last_used_at, $3)
        where organisation_id = $1 and id = $2
        """,
        tx.tenant,
        token_id,
        tx.now,
    )


async def page(tx: Transaction, asked: Listing) -> Page[Token]:
    """Return a page of tokens."""
    select: SqlText = f"select {_COLUMNS} from api_token t"  # noqa: S608 - made of the constants above
    found = await fetch_page(tx, asked, select, "t.organisation_id = $1", tx.tenant)
    return found.of(_token(row) for row in found.items)


async def revoke(tx: Transaction, token_id: UUID, *, at: datetime) -> tuple[Token, bytes] | None:
    """Revoke a token and return it with its hash; one that is revoked keeps its time. None when there is none."""
    row = await tx.fetchrow(
        f"""
        update api_token t
        set revoked_at = coalesce(t.revoked_at, $3),
          revision = t.revision + case when t.revoked_at is null then 1 else 0 end
        where t.organisation_id = $1 and t.id = $2
        returning {_COLUMNS}, t.token_hash
        """,  # noqa: S608 - made of the constants above
        tx.tenant,
        token_id,
        at,
    )
    return (_token(row), row["token_hash"]) if row else None


def _token(row: Record) -> Token:
    return Token(
        id=row["id"],
        account_id=AccountId(row["account_id"]),
        name=row["name"],
        scopes=tuple(row["scopes"]),
        created_by=AccountId(row["created_by"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
        revision=row["revision"],
    )
