"""The large database that the tests of lists share, and the tenant that asks in it."""

import asyncio
from collections.abc import Iterator

import asyncpg
import msgspec
import pytest

from tests.support.crowded import crowd
from tests.support.people import Organisation, make_organisation
from tests.support.postgresql import TEMPLATE, Cluster, open_database

_NAME = "crowded"


class Crowded(msgspec.Struct, frozen=True):
    """The large database, and the tenant that asks: 200 rows of each table are its own."""

    name: str
    organisation: Organisation


@pytest.fixture(scope="package")
def crowded(cluster: Cluster) -> Iterator[Crowded]:
    organisation = asyncio.run(_make(cluster))
    yield Crowded(_NAME, organisation)
    asyncio.run(cluster.execute("postgres", f"drop database {_NAME} with (force)"))


async def _make(cluster: Cluster) -> Organisation:
    await cluster.execute("postgres", f"create database {_NAME} template {TEMPLATE}")
    database = await open_database(cluster, _NAME)
    organisation = await make_organisation(database, "Delta Clinic")
    await database.close()
    connection = await asyncpg.connect(cluster.admin_url(_NAME))
    await crowd(connection, organisation.id)
    await connection.close()
    return organisation
