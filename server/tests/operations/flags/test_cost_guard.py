"""The flag that the product itself has: dear lists are refused until an admin says otherwise."""

import pytest

from healthprotocol.api.paging import ListQuery
from healthprotocol.assembly import FLAGS
from healthprotocol.foundation.config.live import LiveChanges
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.listing import QueryTooCostly, reading
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.operations.flags import service
from healthprotocol.operations.flags.model import Change
from healthprotocol.operations.flags.service import Keeper
from healthprotocol.trust.audit import service as audit
from tests.foundation.jobs.workers import eventually
from tests.support.people import Organisation

# A shape that no other test asks for: what was found affordable is remembered.
DEAR = ListQuery(filter='request_id = "a" AND actor_role = "b" AND object_type = "c"', order_by="id")


async def read_dear_list(database: Database, actor: Actor) -> None:
    async with database.transaction(actor.organisation_id, actor=actor) as tx:
        await audit.list_events(tx, actor, DEAR)


class TestTheCostGuard:
    async def test_is_turned_off_by_an_admin_for_her_organisation(
        self,
        database: Database,
        organisation: Organisation,
        other_organisation: Organisation,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(reading, "MOST_COST", -1.0)
        changes = LiveChanges(database)
        keeper = Keeper(database, FLAGS, changes)
        database.flags = keeper.flags
        await keeper.tables.start()
        admin, stranger = organisation.admin, other_organisation.admin
        await keeper.tables.load(organisation.id)
        with pytest.raises(QueryTooCostly):
            await read_dear_list(database, admin)

        async with database.transaction(organisation.id, actor=admin) as tx:
            off = Change(default="off")
            await service.change(tx, admin, reading.COST_GUARD.key, off, reason="It refuses what we need.")

        async def is_let_through() -> bool:
            try:
                await read_dear_list(database, admin)
            except QueryTooCostly:
                return False
            return True

        await eventually(is_let_through)
        with pytest.raises(QueryTooCostly):
            await read_dear_list(database, stranger)
        await changes.close()
