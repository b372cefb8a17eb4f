"""Fixtures of all tests: a real database, two organisations, their people."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from healthprotocol.assembly import SUBSCRIPTIONS
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.events import Subscriptions
from tests.support.people import Organisation, make_organisation
from tests.support.postgresql import Cluster, cloned_database, open_database, start_cluster

# The same examples in every run, and no clock: a red run is red again. HP_HYPOTHESIS=exploring looks for new ones.
hypothesis.settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile(
    "exploring", hypothesis.settings.get_profile("steady"), derandomize=False, print_blob=True
)
hypothesis.settings.load_profile(os.environ.get("HP_HYPOTHESIS", "steady"))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder: Path = tmp_path_factory.mktemp("cluster")
    started = start_cluster(folder)
    yield started
    started.server.stop()


@pytest.fixture
async def database_name(cluster: Cluster) -> AsyncIterator[str]:
    async with cloned_database(cluster) as name:
        yield name


@pytest.fixture
async def database(cluster: Cluster, database_name: str) -> AsyncIterator[Database]:
    opened = await open_database(cluster, database_name, subscriptions=Subscriptions(SUBSCRIPTIONS))
    yield opened
    await opened.close()


@pytest.fixture
async def organisation(database: Database) -> Organisation:
    return await make_organisation(database, "Delta Clinic")


@pytest.fixture
async def other_organisation(database: Database) -> Organisation:
    return await make_organisation(database, "Estuary Clinic")
