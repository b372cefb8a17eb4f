"""A real PostgreSQL for the tests: one embedded server a run, one migrated template, one clone of it a test."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from healthprotocol.foundation.cache import CacheOptions
from healthprotocol.foundation.crypto.keys import KeyRing
from healthprotocol.foundation.crypto.root import LocalRootKey
from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.embedded import EmbeddedServer
from healthprotocol.foundation.db.pool import PoolLimits
from healthprotocol.foundation.db.transaction import Database, open_pool
from healthprotocol.foundation.events import Subscriptions

TEMPLATE = "hp_template"

# What a process refuses when it is hard pressed is tested where a pool is; elsewhere a machine that is busy, or stands
# still for a second, must not turn a request away.
PATIENT = PoolLimits(queue=10_000, shed_after=60.0, open_timeout=60.0)
PATIENCE_SECONDS = 30.0
APP_PASSWORD = "tests-only-password"


class Cluster(msgspec.Struct, frozen=True):
    """The server of this run and the counter that names its databases."""

    server: EmbeddedServer
    root_key: Path
    numbers: Iterator[int]

    def admin_url(self, database: str) -> str:
        return self.server.url_of(database)

    def app_url(self, database: str) -> str:
        # Roles are the cluster's, and the template's own one is a member of hp_app in every clone.
        return migrate.app_url(
            self.admin_url(database), app_password=APP_PASSWORD, role=migrate.app_role(self.admin_url(TEMPLATE))
        )

    async def execute(self, database: str, statement: str) -> None:
        """Run a statement as the administrator of a database."""
        connection = await asyncpg.connect(self.admin_url(database))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def start_cluster(folder: Path) -> Cluster:
    """Start the server and migrate the template."""
    server = EmbeddedServer(folder, durable=False)
    server.start()
    cluster = Cluster(server, folder / "root.key", itertools.count(1))
    LocalRootKey.create(cluster.root_key)
    asyncio.run(_make_template(cluster))
    return cluster


async def _make_template(cluster: Cluster) -> None:
    await _admin(cluster, f"create database {TEMPLATE}")
    await migrate.up(cluster.admin_url(TEMPLATE), app_password=APP_PASSWORD)


@asynccontextmanager
async def cloned_database(cluster: Cluster) -> AsyncIterator[str]:
    """Give the name of a fresh clone of the template; drop it afterwards."""
    name = f"t{next(cluster.numbers)}"
    await _admin(cluster, f"create database {name} template {TEMPLATE}")
    try:
        yield name
    finally:
        await _admin(cluster, f"drop database {name} with (force)")


async def _admin(cluster: Cluster, statement: str) -> None:
    await cluster.execute("postgres", statement)


async def open_database(
    cluster: Cluster,
    name: str,
    *,
    size: int = 4,
    subscriptions: Subscriptions | None = None,
    clock: Any = None,
    cache: CacheOptions | None = None,
) -> Database:
    """Return a Database on a clone, as the application role."""
    pool = await open_pool(cluster.app_url(name), size=size, statement_timeout_seconds=20, limits=PATIENT)
    keys = KeyRing(LocalRootKey.load(cluster.root_key, inside_checkout=True))
    more = {"clock": clock} if clock else {}
    return Database(pool, keys=keys, wait_seconds=PATIENCE_SECONDS, subscriptions=subscriptions, cache=cache, **more)
