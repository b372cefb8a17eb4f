"""Scheduled work walks all tenants, one transaction each."""

from collections.abc import AsyncIterator

from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.ids import OrganisationId


async def organisations(database: Database) -> AsyncIterator[OrganisationId]:
    """Yield the id of every organisation; each is then worked on in a transaction of its own."""
    async with database.transaction(None) as tx:
        rows = await tx.fetch("select hp_organisations() as id")
    for row in rows:
        yield OrganisationId(row["id"])
