"""A storm over a cache: nodes as processes that are killed, and a Redis and listeners that come and go."""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from time import monotonic
from uuid import UUID

import asyncpg
import msgspec

from tests.faults.caching import Event
from tests.foundation.jobs.workers import process
from tests.support.postgresql import Cluster
from tests.support.redis import RedisServer

NODE = "tests.faults.caching"
STARTS_IN_SECONDS = 120.0
# A busy machine is given time until every blow has fallen, and there is something to judge.
LONGEST_SECONDS = 120.0
ENOUGH_READS, ENOUGH_WRITES = 200, 20


class Storm:
    """Nodes as processes, and what is done to them."""

    def __init__(self, cluster: Cluster, name: str, redis: RedisServer, organisations: list[UUID]) -> None:
        self._cluster = cluster
        self._name = name
        self._redis = redis
        self._organisations = [str(one) for one in organisations]
        self._chance = random.Random(7)
        self._ends = float("inf")
        self._ends_at_last = float("inf")
        self.events: list[Event] = []
        self._seen = Counter[str]()
        blows = ("node killed", "redis killed", "redis emptied", "redis frozen", "listeners cut off")
        self.done = dict.fromkeys(blows, 0)

    async def rage(self, *, nodes: int, seconds: float) -> None:
        """Run so many nodes, and once all of them work do something to them, for so long and until it is enough."""
        spoken = [asyncio.Event() for _ in range(nodes)]
        running = [asyncio.create_task(self._node(f"node-{number}", one)) for number, one in enumerate(spoken)]
        async with asyncio.timeout(STARTS_IN_SECONDS):
            await asyncio.gather(*(one.wait() for one in spoken))
        self._ends, self._ends_at_last = monotonic() + seconds, monotonic() + LONGEST_SECONDS
        await asyncio.gather(*running, self._strike())

    def _is_over(self) -> bool:
        now = monotonic()
        return now >= self._ends_at_last or (now >= self._ends and self._is_enough())

    def _is_enough(self) -> bool:
        return all(self.done.values()) and self._seen["read"] > ENOUGH_READS and self._seen["write"] > ENOUGH_WRITES

    async def _node(self, name: str, has_spoken: asyncio.Event) -> None:
        """Be one node, in one process after another: each of them is killed."""
        life = 0
        while not self._is_over():
            life += 1
            # A node that dies forgets what it acknowledged itself, so its next life goes by another name.
            arguments = (
                self._cluster.app_url(self._name), str(self._cluster.root_key), self._redis.url, f"{name}.{life}",
                "600", *self._organisations,
            )  # fmt: skip
            async with process(NODE, *arguments, stdout=asyncio.subprocess.PIPE) as child:
                assert child.stdout is not None
                await self._listen_to(child.stdout, has_spoken)
                child.kill()
                self.done["node killed"] += 1

    async def _listen_to(self, lines: asyncio.StreamReader, has_spoken: asyncio.Event) -> None:
        """Take what a node says for two to five seconds from its first word on."""
        dies = float("inf")
        while (now := monotonic()) < dies and not self._is_over():
            with suppress(TimeoutError):
                async with asyncio.timeout(min(dies - now, 0.5)):
                    line = await lines.readline()
                # Logs stand there too; what was cut off by a kill does not end.
                if line.startswith(b"[") and line.endswith(b"\n"):
                    self.events.append(event := _decoder.decode(line))
                    self._seen[event.kind] += 1
                    dies = min(dies, monotonic() + self._chance.uniform(2, 5))
                    has_spoken.set()
                elif not line:
                    raise EOFError("a node ended by itself")

    async def _strike(self) -> None:
        while not self._is_over():
            for blow in (self._restart, self._empty, self._freeze, self._deafen):
                await blow()
                await asyncio.sleep(0.3)

    async def _restart(self) -> None:
        self._redis.kill()
        await asyncio.sleep(0.3)
        await asyncio.to_thread(self._redis.start)
        self.done["redis killed"] += 1

    async def _empty(self) -> None:
        with self._redis.client as client:
            client.flushall()
        self.done["redis emptied"] += 1

    async def _freeze(self) -> None:
        with self._redis.frozen():
            await asyncio.sleep(0.4)
        self.done["redis frozen"] += 1

    async def _deafen(self) -> None:
        connection = await asyncpg.connect(self._cluster.admin_url(self._name))
        self.done["listeners cut off"] += await connection.fetchval(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = $1 and query ~* '^listen'",
            self._name,
        )
        await connection.close()


_decoder = msgspec.json.Decoder(Event)
