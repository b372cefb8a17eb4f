"""A database whose processes know some flags, looked after by hand."""

from collections.abc import AsyncIterator
from datetime import date, timedelta

import msgspec
import pytest

from healthprotocol.foundation.config.live import LiveChanges
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.flags.declaration import About, Registry, boolean, string
from healthprotocol.foundation.ids import OrganisationId
from healthprotocol.operations.flags.service import Keeper

ABOUT: About = {"owner": "platform", "description": "For tests.", "created_on": date(2026, 11, 22)}
FASTER = msgspec.structs.replace(boolean("lists.faster", **ABOUT), for_client=True)
OLDER = boolean("lists.older", **ABOUT)
COLOUR = string("page.colour", {"red": "#f00", "blue": "#00f", "none": ""}, default="blue", off="none", **ABOUT)
REGISTRY = Registry([FASTER, OLDER, COLOUR])


@pytest.fixture
async def keeper(database: Database) -> AsyncIterator[Keeper]:
    changes = LiveChanges(database)
    keeper = Keeper(database, REGISTRY, changes)
    database.flags = keeper.flags
    await keeper.tables.start()
    yield keeper
    await changes.close()


async def not_looked_at_for(keeper: Keeper, tenant: OrganisationId, by: timedelta) -> None:
    """Have a tenant's rollouts looked at that much longer ago than they were."""
    async with keeper.database.transaction(tenant) as tx:
        await tx.execute(
            "update flag_rollout set looked_at = looked_at - $2::interval where organisation_id = $1", tx.tenant, by
        )
