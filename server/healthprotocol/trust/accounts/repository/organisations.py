"""Organisations in SQL."""

from typing import Any

from healthprotocol.foundation.db.transaction import Record, Transaction
from healthprotocol.foundation.ids import OrganisationId
from healthprotocol.trust.accounts.model import Organisation


async def insert(tx: Transaction, name: str) -> None:
    await tx.execute(
        """
        insert into organisation (organisation_id, name, settings, revision, created_at, updated_at)
        values ($1, $2, '{}', 1, $3, $3)
        """,
        tx.tenant,
        name,
        tx.now,
    )


async def exists(tx: Transaction) -> bool:
    """Tell whether the transaction is one of an organisation at all."""
    return await tx.fetchval("select exists (select from organisation where organisation_id = $1)", tx.tenant)


async def get(tx: Transaction) -> Organisation | None:
    """Return the organisation of the transaction."""
    row = await tx.fetchrow(
        """
        select organisation_id, name, settings, created_at, updated_at, revision
        from organisation
        where organisation_id = $1
        """,
        tx.tenant,
    )
    return _organisation(row) if row else None


async def update(
    tx: Transaction, *, name: str, settings: dict[str, Any], expected_revision: int | None
) -> Organisation | None:
    """Change it; None when its revision is another."""
    row = await tx.fetchrow(
        """
        update organisation
        set name = $2, settings = $3, updated_at = $4, revision = revision + 1
        where organisation_id = $1 and ($5::int is null or revision = $5)
        returning organisation_id, name, settings, created_at, updated_at, revision
        """,
        tx.tenant,
        name,
        settings,
        tx.now,
        expected_revision,
    )
    return _organisation(row) if row else None


def _organisation(row: Record) -> Organisation:
    return Organisation(
        id=OrganisationId(row["organisation_id"]),
        name=row["name"],
        settings=row["settings"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        revision=row["revision"],
    )
