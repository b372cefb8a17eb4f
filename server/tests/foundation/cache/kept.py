"""Something to cache: a counter of loads, and rows that change, in the tests' own table of organisations."""

from typing import Any

import msgspec

from healthprotocol.foundation.cache import CacheSpec
from healthprotocol.foundation.db.transaction import Database, Transaction
from tests.support.people import Organisation


class Name(msgspec.Struct, frozen=True):
    text: str


NAME: CacheSpec[Name] = CacheSpec(name="name", kind=Name)
TAGS = ("name",)


class Loads:
    """Loads the organisation's name, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, tx: Transaction) -> Name:
        self.count += 1
        return Name(await tx.fetchval("select name from organisation where organisation_id = $1", tx.tenant))


async def read(database: Database, organisation: Organisation, load: Any, *, spec: CacheSpec[Any] = NAME) -> str:
    """Read the name in a transaction of its own."""
    async with database.transaction(organisation.id) as tx:
        return (await tx.cache.get(spec, "it", load, tags=TAGS)).text


async def rename(database: Database, organisation: Organisation, name: str) -> None:
    """Change the name, and say so."""
    async with database.transaction(organisation.id) as tx:
        await write(tx, name)
        tx.invalidate(*TAGS)


async def write(tx: Transaction, name: str) -> None:
    """Change the name without a word."""
    await tx.execute("update organisation set name = $2 where organisation_id = $1", tx.tenant, name)
