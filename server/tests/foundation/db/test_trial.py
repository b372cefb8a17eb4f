"""A trial writes nothing, whatever happens inside it."""

from contextlib import suppress

from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.db.trial import trial
from healthprotocol.foundation.errors import Conflict
from tests.support.people import Organisation

RENAME = "update organisation set name = $1"
NAME = "select name from organisation"


class TestTrial:
    async def test_writes_nothing_also_when_a_part_of_it_fails(
        self, database: Database, organisation: Organisation
    ) -> None:
        async def fail(tx: Transaction) -> None:
            async with tx.attempt():
                raise Conflict

        async with database.transaction(organisation.id) as tx:
            async with trial(tx):
                async with tx.attempt():
                    await tx.execute(RENAME, "Tagus Clinic")
                with suppress(Conflict):
                    await fail(tx)
                async with tx.attempt():
                    await tx.execute(RENAME, "Douro Clinic")
            inside = await tx.fetchval(NAME)

        async with database.transaction(organisation.id) as tx:
            assert (inside, await tx.fetchval(NAME)) == ("Delta Clinic", "Delta Clinic")
