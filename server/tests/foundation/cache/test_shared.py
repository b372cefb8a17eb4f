"""The level between processes, with a real Redis: away, slow, emptied, full of garbage, it costs time and no more."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from healthprotocol.foundation.cache import CacheOptions, CacheSpec, tenant
from healthprotocol.foundation.cache.shared import SharedLevel
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.telemetry import metrics
from tests.foundation.cache.kept import TAGS, Loads, Name, read, rename
from tests.foundation.jobs.workers import eventually
from tests.support.people import Organisation
from tests.support.postgresql import Cluster, open_database
from tests.support.redis import RedisServer, redis_server
from tests.support.timing import best_of, until

SHARED: CacheSpec[Name] = CacheSpec(name="shared_name", kind=Name, shared=True)
PATIENCE_SECONDS = 60.0


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as server:
        yield server


@pytest.fixture
async def nodes(cluster: Cluster, database_name: str, redis: RedisServer) -> AsyncIterator[list[Database]]:
    """Two processes, as far as the cache can tell, which give Redis all the time that a busy machine may take."""
    options = CacheOptions(
        redis_url=redis.url, listens=True, redis_seconds=PATIENCE_SECONDS, redis_held_seconds=PATIENCE_SECONDS
    )
    opened = [await open_database(cluster, database_name, cache=options) for _ in range(2)]
    yield opened
    for one in opened:
        await one.close()


async def get(node: Database, organisation: Organisation, load: Any) -> str:
    return await read(node, organisation, load, spec=SHARED)


async def get_apart(node: Database, organisation: Organisation, load: Any) -> str:
    """Read the name without a transaction at hand."""
    return (await node.cache.of(organisation.id).get(SHARED, "it", load, tags=TAGS)).text


class TestTwoProcesses:
    async def test_load_once_together(self, nodes: list[Database], organisation: Organisation) -> None:
        load = Loads()

        found = [await get(node, organisation, load) for node in nodes]

        assert (found, load.count) == (["Delta Clinic"] * 2, 1)

    async def test_load_once_at_the_same_moment(self, nodes: list[Database], organisation: Organisation) -> None:
        calls = 0

        async def slow(tx: Transaction) -> Name:
            nonlocal calls
            calls += 1
            await asyncio.sleep(0.2)
            return Name("slow")

        found = await asyncio.gather(*(get_apart(node, organisation, slow) for node in nodes))

        assert (found, calls) == (["slow"] * 2, 1)

    async def test_do_not_wait_for_each_other_while_they_hold_a_connection(
        self, nodes: list[Database], organisation: Organisation
    ) -> None:
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def slow(tx: Transaction) -> Name:
            begun.set()
            await may_end.wait()
            return Name("slow")

        loading = asyncio.create_task(get_apart(nodes[0], organisation, slow))
        await begun.wait()
        async with asyncio.timeout(PATIENCE_SECONDS):
            found = await get(nodes[1], organisation, Loads())
        may_end.set()

        assert found == "Delta Clinic"
        assert await loading == "slow"

    async def test_do_not_wait_for_one_that_died_while_loading(
        self,
        nodes: list[Database],
        organisation: Organisation,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Its right to load stands for an hour here: what ends the wait is that nobody waits longer than a moment."""
        monkeypatch.setattr(tenant, "_OTHERS_SECONDS", 0.2)
        begun, forever = asyncio.Event(), asyncio.Event()

        async def hangs(tx: Transaction) -> Name:
            begun.set()
            await forever.wait()
            return Name("late")

        hanging = asyncio.create_task(get_apart(nodes[0], organisation, hangs))
        await begun.wait()
        async with asyncio.timeout(PATIENCE_SECONDS):
            found = await get_apart(nodes[1], organisation, Loads())
        forever.set()
        await hanging

        assert found == "Delta Clinic"

    async def test_hear_of_a_change_at_once(self, nodes: list[Database], organisation: Organisation) -> None:
        first, second = nodes
        # Who does not hear of it believes what it knew for an hour.
        second.cache.book.bound_seconds = 3600.0
        await get(second, organisation, Loads())
        await second.listener._listening.wait()
        await rename(first, organisation, "Delta Hospital")

        async def has_heard() -> bool:
            return await get(second, organisation, Loads()) == "Delta Hospital"

        await eventually(has_heard)


class TestRedis:
    async def test_holds_nothing_readable(
        self, nodes: list[Database], organisation: Organisation, redis: RedisServer
    ) -> None:
        with redis.client as client, client.pubsub() as words:
            words.subscribe("hp:cache")
            await get(nodes[0], organisation, Loads())
            await rename(nodes[0], organisation, "Delta Hospital")
            said: list[str] = []

            def has_been_said() -> bool:
                said.extend(str(word) for word in iter(lambda: words.get_message(timeout=0.05), None))
                return len(said) >= 2

            await until(has_been_said)
            held = [*client.keys("*"), *(client.get(key) or b"" for key in client.keys("*"))]

        assert len(held) == 2
        assert len(said) == 2
        for text in (*map(str, held), *said):
            for secret in ("Delta", "name", str(organisation.id), organisation.id.hex):
                assert secret not in text

    async def test_that_holds_garbage_is_not_believed(
        self, nodes: list[Database], organisation: Organisation, redis: RedisServer
    ) -> None:
        await get(nodes[0], organisation, Loads())
        load = Loads()

        with redis.client as client:
            (key,) = client.keys("*")
            sealed = bytes(client.get(key) or b"")  # pyright: ignore[reportArgumentType]
            another = bytes([sealed[50] ^ 1])
            for garbage in (b"", b"\0", b"HPS1" + b"\0" * 400, sealed[:-1], sealed[:50] + another + sealed[51:]):
                client.set(key, garbage)
                nodes[1].cache.memory.clear()
                assert await get(nodes[1], organisation, load) == "Delta Clinic"
            client.delete(key)
            client.lpush(key, "another type")
            nodes[1].cache.memory.clear()
            assert await get(nodes[1], organisation, load) == "Delta Clinic"

        assert load.count == 6

    async def test_that_gives_another_place_s_value_is_not_believed(
        self, nodes: list[Database], organisation: Organisation, other_organisation: Organisation, redis: RedisServer
    ) -> None:
        await get(nodes[0], organisation, Loads())

        with redis.client as client:
            (ours,) = client.keys("*")
            await get(nodes[0], other_organisation, Loads())
            (theirs,) = set(client.keys("*")) - {ours}
            client.set(theirs, client.get(ours) or b"")

        assert await get(nodes[1], other_organisation, Loads()) == "Estuary Clinic"

    async def test_that_gives_an_old_value_back_is_not_believed(
        self, nodes: list[Database], organisation: Organisation, redis: RedisServer
    ) -> None:
        await get(nodes[0], organisation, Loads())

        with redis.client as client:
            (key,) = client.keys("*")
            old = client.get(key) or b""
            await rename(nodes[0], organisation, "Delta Hospital")
            client.set(key, old)

        assert await get(nodes[1], organisation, Loads()) == "Delta Hospital"

    async def test_that_is_emptied_costs_a_load(
        self, nodes: list[Database], organisation: Organisation, redis: RedisServer
    ) -> None:
        load = Loads()
        await get(nodes[0], organisation, load)

        with redis.client as client:
            client.flushall()

        assert (await get(nodes[1], organisation, load), load.count) == ("Delta Clinic", 2)

    async def test_that_is_away_is_soon_left_alone_and_comes_back(
        self, nodes: list[Database], organisation: Organisation, redis: RedisServer
    ) -> None:
        node = nodes[0]
        await get(node, organisation, Loads())
        redis.kill()

        for _ in range(5):
            node.cache.memory.clear()
            assert await get(node, organisation, Loads()) == "Delta Clinic"
        assert isinstance(node.cache.shared, SharedLevel)
        was_left_alone = node.cache.shared._breaker.is_open
        redis.start()

        async def has_come_back() -> bool:
            node.cache.memory.clear()
            await get(node, organisation, Loads())
            assert isinstance(node.cache.shared, SharedLevel)
            return not node.cache.shared._breaker.is_open

        await eventually(has_come_back)
        assert was_left_alone
        with redis.client as client:
            assert len(client.keys("*")) == 1

    async def test_that_does_not_answer_costs_a_tenth_of_a_second_and_then_nothing(
        self, cluster: Cluster, database_name: str, organisation: Organisation, redis: RedisServer
    ) -> None:
        node = await open_database(cluster, database_name, cache=CacheOptions(redis_url=redis.url, listens=True))
        shared = node.cache.shared
        assert isinstance(shared, SharedLevel)

        async def missed() -> float:
            node.cache.memory.clear()
            started = monotonic()
            assert await get(node, organisation, Loads()) == "Delta Clinic"
            return monotonic() - started

        async def excess(_attempt: int) -> float:
            await missed()
            shared._breaker.succeeded()
            with redis.frozen():
                seconds = [await missed() for _ in range(6)]
            # Reading and keeping wait 20 ms each while a connection is held, and after five of them nobody asks.
            return max(sum(seconds[:-2]) / 0.4, seconds[-1] / 0.1)

        assert await best_of(20, excess, enough=1.0) < 1.0
        await node.close()

    async def test_s_troubles_are_counted(
        self, nodes: list[Database], organisation: Organisation, redis: RedisServer
    ) -> None:
        await get(nodes[0], organisation, Loads())
        before = _troubles()
        redis.kill()
        nodes[0].cache.memory.clear()

        await get(nodes[0], organisation, Loads())

        assert _troubles() > before


def _troubles() -> float:
    return metrics.REGISTRY.get_sample_value("hp_cache_trouble_total", {"kind": "redis_failed"}) or 0.0
