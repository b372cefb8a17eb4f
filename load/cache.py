"""
What is cached, and what it is worth: each candidate asked for past the cache and from it, in one run, and its hit rate.

It starts a PostgreSQL of its own, and a Redis where `redis-server` is installed. Run with:
PYTHONPATH=server .venv/bin/python load/cache.py
"""

import asyncio
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from itertools import accumulate
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from uuid import UUID

import msgspec

from healthprotocol.api.paging import ListQuery
from healthprotocol.care.adherence import service as adherence
from healthprotocol.care.patients import service as patients
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import ProtocolId
from healthprotocol.foundation.cache import CacheOptions, CacheSpec, tag
from healthprotocol.foundation.clock import system_clock
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.crypto.keys import KeyRing
from healthprotocol.foundation.crypto.root import LocalRootKey
from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.embedded import EmbeddedServer
from healthprotocol.foundation.db.transaction import Database, Transaction, open_pool
from healthprotocol.foundation.ids import OrganisationId, new_id
from healthprotocol.foundation.telemetry import metrics
from healthprotocol.trust.accounts.repository import sessions as session_repository
from healthprotocol.trust.accounts.service import Doorkeeper
from healthprotocol.trust.accounts.service.credentials import Secret, new_cookie
from measuring.clinic import ACTOR, ORGANISATION, PROTOCOLS, open_organisation, prepare, somebody

PASSWORD = "of-a-database-that-lives-for-a-minute"  # noqa: S105 - and of no other
# Where patients have names: among so many they are searched.
NAMED = OrganisationId(new_id(system_clock()))
PEOPLE, AT_ONCE, VISITS, OLD_FRIENDS = 5_000, 250, 100, 9
TIMES = 60
SESSIONS, SECONDS, THINK_SECONDS = 100, 15.0, (2.0, 6.0)
REQUESTS, WRITES = 2_000, 40
CHANCE = random.Random(7)  # noqa: S311 - a workload, no secret
TEXT: CacheSpec[str] = CacheSpec(name="text", kind=str, shared=True)

Act = Callable[[], Awaitable[object]]


async def timed(act: Act, times: int = TIMES) -> float:
    """Return the median milliseconds of an act."""
    taken: list[float] = []
    for _ in range(times):
        began = perf_counter()
        await act()
        taken.append((perf_counter() - began) * 1000)
    return median(taken)


async def rate(caches: list[str], workload: Act) -> float:
    """Return the share of a workload's reads that came from these caches."""

    def counted(events: tuple[str, ...]) -> float:
        labels = [{"cache": cache, "event": event} for cache in caches for event in events]
        return sum(metrics.REGISTRY.get_sample_value("hp_cache_events_total", one) or 0.0 for one in labels)

    hits, loads = ("hit_memory", "hit_shared", "hit_negative", "hit_stale"), ("load",)
    before = counted(hits), counted(loads)
    await workload()
    hit, loaded = counted(hits) - before[0], counted(loads) - before[1]
    return hit / (hit + loaded)


class Bench:
    """One organisation, asked by one process."""

    def __init__(self, database: Database, made: list[UUID]) -> None:
        self.database = database
        self.made = made
        self.figures: dict[str, float] = {}

    def transaction(self, *, past: bool = False) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction as a request would."""
        context = RequestContext(request_id="load", is_past_caches=past)
        return self.database.transaction(ORGANISATION, actor=ACTOR, context=context)

    def say(self, name: str, past_ms: float, kept_ms: float, hits: float | None = None) -> None:
        """Print a candidate's figures, and keep how many times faster it is."""
        self.figures[f"{name}_times_faster"] = past_ms / kept_ms
        rate = "" if hits is None else f"hit rate {hits:.2f}"
        print(f"{name:20} past the cache {past_ms:8.3f} ms   from it {kept_ms:8.3f} ms   {rate}")

    async def versions(self) -> None:
        """Published versions: what nearly every read of a day needs."""

        async def read(number: int = 0, *, past: bool = False) -> None:
            async with self.transaction(past=past) as tx:
                await protocols.contents(tx, [(self.made[number], 1)])

        async def workload() -> None:
            weights = list(accumulate(1 / (rank + 1) for rank in range(PROTOCOLS)))
            for number in CHANCE.choices(range(PROTOCOLS), cum_weights=weights, k=REQUESTS):
                await read(number)

        hits = await rate(["protocol_version"], workload)
        self.say("versions", await timed(lambda: read(past=True)), await timed(read), hits)

    async def sessions(self) -> None:
        """Sessions: 100 people who ask for something every two to six seconds."""
        doorkeeper = Doorkeeper(self.database, Settings(environment="test"))
        cookies = await self._sign_in(doorkeeper)
        gaps: list[float] = []

        async def ask(number: int = 0) -> None:
            assert await doorkeeper.authenticate({}, {doorkeeper.cookie_name: cookies[number].text})

        async def ask_anew() -> None:
            self.database.cache.memory.clear()
            await ask()

        async def person(number: int) -> None:
            ends = perf_counter() + SECONDS
            while perf_counter() < ends:
                await ask(number)
                gaps.append(CHANCE.uniform(*THINK_SECONDS))
                await asyncio.sleep(gaps[-1])

        async def workload() -> None:
            await asyncio.gather(*(person(number) for number in range(SESSIONS)))

        before = metrics.REGISTRY.get_sample_value("hp_cache_epochs_checked_total", {"of": "questions"}) or 0.0
        hits = await rate(["session"], workload)
        asked = (
            metrics.REGISTRY.get_sample_value("hp_cache_epochs_checked_total", {"of": "questions"}) or 0.0
        ) - before
        self.say("sessions", await timed(ask_anew), await timed(ask), hits)
        short = sum(gap < THINK_SECONDS[0] for gap in gaps) / len(gaps)
        print(
            f"{'':20} {asked / SECONDS:.1f} questions for epochs a second; kept two seconds without tags: {short:.2f}"
        )
        doorkeeper.close()

    async def _sign_in(self, doorkeeper: Doorkeeper) -> list[Secret]:
        cookies = [new_cookie(ORGANISATION) for _ in range(SESSIONS)]
        async with self.transaction() as tx:
            await tx.execute(
                """
                insert into account (organisation_id, id, role, status, email_ct, email_index, created_at, updated_at)
                values ($1, $2, 'clinician', 'active', 'x', 'x', $3, $3)
                """,
                tx.tenant, ACTOR.account_id, tx.now,
            )  # fmt: skip
            for cookie in cookies:
                actor = msgspec.structs.replace(ACTOR, session_hash=cookie.hash)
                await session_repository.insert(tx, actor, doorkeeper.policy, agent=None)
        return cookies

    async def dashboards(self) -> None:
        """The dashboard of 10,000 patients, while the job makes new counts every five seconds."""

        async def sums(which: UUID | None = None, *, past: bool = False) -> None:
            async with self.transaction(past=past) as tx:
                await adherence.of_protocol(tx, ACTOR, ProtocolId(which) if which else None, from_on=None, to_on=None)

        async def ranks(*, past: bool = False) -> None:
            async with self.transaction(past=past) as tx:
                await adherence.ranking(tx, ACTOR, "patient", from_on=None, to_on=None, order_by="ratio", limit=10)

        async def workload() -> None:
            began = perf_counter()
            while perf_counter() - began < SECONDS:
                await sums(CHANCE.choice((None, None, *self.made[:2])))
                await ranks()
                await asyncio.sleep(0.25)
                if CHANCE.random() < 0.25 / 5:
                    async with self.transaction() as tx:
                        tx.invalidate(adherence.COUNTS)

        hits = await rate(["adherence_sums", "adherence_ranks"], workload)
        self.say("sums", await timed(lambda: sums(past=True)), await timed(sums), hits)
        self.say("ranking", await timed(lambda: ranks(past=True)), await timed(ranks), hits)

    async def names(self) -> None:
        """A front desk: each visitor is looked for letter by letter, and one in ten is enrolled then."""
        desk = msgspec.structs.replace(ACTOR, organisation_id=NAMED)

        def transaction(*, past: bool = False) -> AbstractAsyncContextManager[Transaction]:
            context = RequestContext(request_id="load", is_past_caches=past)
            return self.database.transaction(NAMED, actor=desk, context=context)

        async def enrol(first: int, last: int) -> None:
            async with transaction() as tx:
                await patients.create_many(tx, desk, [somebody(number) for number in range(first, last)])

        async def search(text: str = "ri", *, past: bool = False) -> None:
            async with transaction(past=past) as tx:
                await patients.page(tx, desk, ListQuery(page_size=20), q=text)

        async def workload() -> None:
            for number in range(PEOPLE, PEOPLE + VISITS):
                name = somebody(CHANCE.randrange(PEOPLE)).family_name
                for letters in range(2, 6):
                    await search(name[:letters])
                if number % (OLD_FRIENDS + 1) == OLD_FRIENDS:
                    await enrol(number, number + 1)

        await open_organisation(self.database, NAMED)
        for first in range(0, PEOPLE, AT_ONCE):
            await enrol(first, first + AT_ONCE)
        hits = await rate(["patient_names"], workload)
        self.say("names", await timed(lambda: search(past=True), 20), await timed(search), hits)

    async def keys(self) -> None:
        """Data keys, which the key ring remembers by itself, where charts are opened by Zipf's law."""
        subjects = [new_id(system_clock()) for _ in range(PEOPLE)]
        for first in range(0, PEOPLE, AT_ONCE):
            async with self.transaction() as tx:
                await tx.keys.create_subjects(tx, subjects[first : first + AT_ONCE])

        async def use(subject: UUID = subjects[0]) -> None:
            async with self.transaction() as tx:
                await tx.keys.subject(tx, subject)

        async def use_anew() -> None:
            self.database.keys.forget()
            await use()

        async def workload() -> None:
            self.database.keys.forget()
            weights = list(accumulate(1 / (rank + 1) for rank in range(PEOPLE)))
            for subject in CHANCE.choices(subjects, cum_weights=weights, k=REQUESTS):
                await use(subject)

        hits = await rate(["subject_keys"], workload)
        self.say("keys", await timed(use_anew), await timed(use), hits)

    async def levels(self) -> None:
        """A value from each level, beside a row of the database."""

        async def load(tx: Transaction) -> str:
            return await tx.fetchval("select name from organisation where organisation_id = $1", tx.tenant)

        async with self.transaction() as tx:

            async def from_redis() -> None:
                self.database.cache.memory.clear()
                await tx.cache.get(TEXT, "it", load, tags=[tag("text")])

            async def from_memory() -> None:
                await tx.cache.get(TEXT, "it", load, tags=[tag("text")])

            one_row = await timed(lambda: load(tx), 500)
            if self.database.cache.shared is not None:
                print(f"{'':20} a row {one_row:.3f} ms, from Redis {await timed(from_redis, 500):.3f} ms")
            self.say("memory", one_row, await timed(from_memory, 500))

    async def writers(self) -> None:
        """Eight who write different things at once: telling of it must not make them wait for each other."""

        async def write(how: Callable[[Transaction], Awaitable[object]]) -> float:
            async def many(number: int) -> None:
                for _ in range(WRITES):
                    async with self.transaction() as tx:
                        await tx.execute(
                            "update protocol set revision = revision + 1 where organisation_id = $1 and id = $2",
                            tx.tenant, self.made[number],
                        )  # fmt: skip
                        await how(tx)

            began = perf_counter()
            await asyncio.gather(*(many(number) for number in range(8)))
            return 8 * WRITES / (perf_counter() - began)

        async def silent(_tx: Transaction) -> None:
            """Tell nobody."""

        async def invalidating(tx: Transaction) -> None:
            tx.invalidate(tag("text"))

        async def notifying(tx: Transaction) -> None:
            await tx.execute("select pg_notify('hp_load', 'x')")

        rates = {how.__name__: await write(how) for how in (silent, notifying, invalidating)}
        print("writes a second: " + ", ".join(f"{name} {value:.0f}" for name, value in rates.items()))
        self.figures["invalidating_share_of_silent"] = rates["invalidating"] / rates["silent"]


async def measured(admin_url: str, folder: Path, redis_url: str | None) -> dict[str, float]:
    """Return how many times faster each candidate is from the cache."""
    await migrate.up(admin_url, app_password=PASSWORD)
    root_key = folder / "root.key"
    LocalRootKey.create(root_key)
    pool = await open_pool(migrate.app_url(admin_url, app_password=PASSWORD), size=12, statement_timeout_seconds=60)
    options = CacheOptions(redis_url=redis_url, listens=True)
    database = Database(pool, keys=KeyRing(LocalRootKey.load(root_key)), cache=options)
    bench = Bench(database, await prepare(database, admin_url))
    parts = (bench.levels, bench.versions, bench.keys, bench.names, bench.sessions, bench.dashboards, bench.writers)
    for part in parts:
        await part()
    await database.close()
    return bench.figures


@contextmanager
def redis_server(folder: Path) -> Iterator[str | None]:
    """Run a Redis that keeps nothing, where there is one."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    socket = folder / "redis.sock"
    server = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    while not socket.exists() and server.poll() is None:
        sleep(0.05)
    try:
        yield f"unix://{socket}"
    finally:
        server.terminate()
        server.wait(10)


def main() -> int:
    budgets = json.loads((Path(__file__).parent / "budgets.json").read_text())["cache"]
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as redis_url:
        folder = Path(name)
        with EmbeddedServer(folder) as server:
            figures = asyncio.run(measured(server.ensure_database("load"), folder, redis_url))
    for figure, value in figures.items():
        print(f"{figure:32} {value:8.2f}   budget at least {budgets[figure]}")
    return 1 if any(value < budgets[figure] for figure, value in figures.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
