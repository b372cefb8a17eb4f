"""Readiness says whether requests can be answered, cheaply, also when they cannot."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from healthprotocol.foundation.cache import CacheOptions
from healthprotocol.foundation.crypto.root import LocalRootKey
from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.ids import OrganisationId
from healthprotocol.foundation.jobs.queue import enqueue
from healthprotocol.foundation.telemetry.metrics_folder import FOLDER_VARIABLE
from healthprotocol.operations.health import service
from healthprotocol.operations.health.routes.operators import pages
from healthprotocol.operations.health.service import Readiness, readiness
from tests.support.postgresql import Cluster
from tests.support.redis import RedisServer, redis_server
from tests.support.timing import best_of


def patient(database: Database, root_key: LocalRootKey) -> Readiness:
    """A look that no part is unwell to because this machine stands still for seconds."""
    look = readiness(database, root_key)
    look._timeout = 60.0
    return look


@pytest.fixture
def look(root_key: LocalRootKey, database: Database) -> Readiness:
    return patient(database, root_key)


@pytest.fixture
def root_key(cluster: Cluster) -> LocalRootKey:
    return LocalRootKey.load(cluster.root_key, inside_checkout=True)


class TestReadiness:
    async def test_a_whole_installation_is_ready(self, look: Readiness) -> None:
        health = await look.look()

        assert health.is_ready
        assert [finding.component for finding in health.findings] == ["database", "migrations", "keys"]

    async def test_without_a_database_it_is_not(self, look: Readiness, database: Database) -> None:
        await database.close()

        health = await look.look()

        assert [finding.is_well for finding in health.findings] == [False, False, True]

    async def test_before_the_newest_migration_it_is_not(
        self, look: Readiness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        newer = [*migrate.revisions(), msgspec.structs.replace(migrate.revisions()[-1], number="9999")]
        monkeypatch.setattr(migrate, "revisions", lambda: newer)

        health = await look.look()

        assert [finding.is_well for finding in health.findings] == [True, False, True]
        assert "SchemaBehind" in str(health.findings[1].error)

    async def test_after_a_newer_migration_it_still_is(self, look: Readiness, monkeypatch: pytest.MonkeyPatch) -> None:
        older = migrate.revisions()[:-1]
        monkeypatch.setattr(migrate, "revisions", lambda: older)

        assert (await look.look()).is_ready

    async def test_one_look_serves_all_who_ask_within_a_second(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "FRESH_SECONDS", 60 * service.FRESH_SECONDS)
        looks: list[None] = []

        async def check() -> None:
            looks.append(None)
            await asyncio.sleep(0.01)

        look = Readiness({"part": check})
        await asyncio.gather(*(look.look() for _ in range(50)))
        await look.look()

        assert len(looks) == 1

    async def test_a_part_that_hangs_is_not_well(self) -> None:
        look = Readiness({"part": lambda: asyncio.sleep(3600)}, timeout_seconds=0.01)

        assert not (await look.look()).is_ready

    async def test_recovers_by_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "FRESH_SECONDS", 0.0)
        is_broken = asyncio.Event()
        is_broken.set()

        async def check() -> None:
            if is_broken.is_set():
                raise ValueError("Ebro")

        look = Readiness({"part": check})
        before = (await look.look()).is_ready
        is_broken.clear()
        await asyncio.sleep(0.001)

        assert (before, (await look.look()).is_ready) == (False, True)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as server:
        yield server


@pytest.fixture
async def cached(cluster: Cluster, database: Database, redis: RedisServer) -> AsyncIterator[Database]:
    """A node of the same database that shares its cache over Redis."""
    options = CacheOptions(memory_bytes=1024 * 1024, redis_url=redis.url, redis_seconds=60.0)
    node = Database(database.pool, keys=database.keys, cache=options)
    yield node
    await node.cache.close()


class TestRedis:
    async def test_is_a_part_that_is_well(self, cached: Database, root_key: LocalRootKey) -> None:
        shown = await shown_health(cached, patient(cached, root_key))

        redis = shown["components"][-1]
        assert (redis["component"], redis["status"], redis["is_needed"]) == ("redis", "ok", False)
        assert redis["last_seen_at"] is not None
        assert shown["status"] == "ok"

    async def test_that_is_killed_leaves_the_node_ready(
        self, cached: Database, root_key: LocalRootKey, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service, "FRESH_SECONDS", 0.0)
        look = patient(cached, root_key)
        before = (await shown_health(cached, look))["components"][-1]
        redis.kill()

        health = await look.look()
        shown = await shown_health(cached, look)

        assert health.is_ready
        assert (shown["status"], shown["components"][-1]["status"]) == ("degraded", "unavailable")
        assert "Refused" in shown["components"][-1]["error"]
        assert shown["components"][-1]["last_seen_at"] == before["last_seen_at"]

    async def test_that_answers_nothing_costs_a_look_a_tenth_of_a_second(
        self, database: Database, root_key: LocalRootKey, redis: RedisServer
    ) -> None:
        cached = Database(database.pool, keys=database.keys, cache=CacheOptions(redis_url=redis.url))

        async def cost(_attempt: int) -> float:
            health = await patient(cached, root_key).look()
            assert health.is_ready
            assert health.findings[-1].seen_at is None
            return health.findings[-1].seconds

        with redis.frozen():
            assert await best_of(20, cost, enough=1.0) < 1.0
        await cached.cache.close()

    async def test_that_comes_back_is_found_well_again(
        self, cached: Database, root_key: LocalRootKey, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service, "FRESH_SECONDS", 0.0)
        look = patient(cached, root_key)
        redis.kill()
        away = (await look.look()).findings[-1].is_well
        redis.start()

        assert (away, (await look.look()).findings[-1].is_well) == (False, True)


async def shown_health(database: Database, look: Readiness) -> dict[str, Any]:
    page = await pages(database, look)["/healthz"]()
    assert page.status == 200
    return msgspec.json.decode(page.body)


class TestOperatorsPages:
    async def test_health_names_every_part(self, database: Database, look: Readiness) -> None:
        page = await pages(database, look)["/healthz"]()

        shown = msgspec.json.decode(page.body)
        assert (page.status, shown["status"]) == (200, "ok")
        assert [part["component"] for part in shown["components"]] == ["database", "migrations", "keys"]

    async def test_health_shows_the_connections_of_every_process(
        self, database: Database, look: Readiness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
        service.tell_pool(database.pool.figures())
        (tmp_path / "pool-999999999.json").write_bytes(b"{}")

        page = await pages(database, look)["/healthz"]()

        shown = msgspec.json.decode(page.body)
        assert [pool["pid"] for pool in shown["pools"]] == [os.getpid()]
        assert shown["pools"][0]["suspected_leaks"] == []
        assert shown["pools"][0]["bound"] >= 1
        assert shown["replicas"] == []
        assert not (tmp_path / "pool-999999999.json").exists()

    async def test_metrics_count_the_jobs_that_wait(self, database: Database, look: Readiness) -> None:
        async with database.transaction(OrganisationId(UUID(int=7))) as tx:
            await enqueue(tx, "count.boats", {})

        page = await pages(database, look)["/metrics"]()

        assert b'hp_jobs{job="count.boats",status="queued"} 1.0' in page.body
        assert b'hp_pool_connections{state="open"}' in page.body

    async def test_metrics_are_shown_without_a_database_too(self, database: Database, look: Readiness) -> None:
        await database.close()

        assert b"hp_request_seconds" in (await pages(database, look)["/metrics"]()).body
