"""Reading through the cache of one process: what is kept, what is not, and what a change ends."""

import asyncio
from time import monotonic
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from healthprotocol.foundation.cache import CacheOptions, CacheSpec, tag
from healthprotocol.foundation.cache import epochs as epochs_module
from healthprotocol.foundation.cache import node as node_module
from healthprotocol.foundation.cache.epochs import Seen
from healthprotocol.foundation.cache.node import CacheNode
from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.telemetry import metrics
from tests.foundation.cache.kept import NAME, TAGS, Loads, Name, read, rename, write
from tests.foundation.jobs.workers import eventually
from tests.support.people import Organisation
from tests.support.postgresql import Cluster, open_database
from tests.support.timing import best_of


class TestRead:
    async def test_loads_once(self, database: Database, organisation: Organisation) -> None:
        load = Loads()

        found = [await read(database, organisation, load) for _ in range(3)]

        assert (found, load.count) == (["Delta Clinic"] * 3, 1)

    async def test_another_organisation_has_its_own(
        self, database: Database, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        load = Loads()

        found = [await read(database, one, load) for one in (organisation, other_organisation, organisation)]

        assert found == ["Delta Clinic", "Estuary Clinic", "Delta Clinic"]

    async def test_outside_a_transaction_opens_one(self, database: Database, organisation: Organisation) -> None:
        load, cache = Loads(), database.cache.of(organisation.id)

        found = [await cache.get(NAME, "it", load, tags=TAGS) for _ in range(2)]

        assert (found, load.count) == ([Name("Delta Clinic")] * 2, 1)

    async def test_a_request_can_ask_to_be_answered_past_it(
        self, database: Database, organisation: Organisation
    ) -> None:
        load = Loads()
        await read(database, organisation, load)

        async with database.transaction(
            organisation.id, context=RequestContext(request_id="r", is_past_caches=True)
        ) as tx:
            await tx.cache.get(NAME, "it", load, tags=TAGS)

        assert load.count == 2

    async def test_a_tag_holds_a_noun_and_an_id_and_nothing_more(
        self, database: Database, organisation: Organisation
    ) -> None:
        async with database.transaction(organisation.id) as tx:
            with pytest.raises(ValueError, match="noun"):
                tx.invalidate("Rhine, 1974")
            with pytest.raises(ValueError, match="noun"):
                await tx.cache.get(NAME, "it", Loads(), tags=["Rhine, 1974"])


class TestChange:
    async def test_is_seen_by_the_next_read(self, database: Database, organisation: Organisation) -> None:
        load = Loads()
        await read(database, organisation, load)

        await rename(database, organisation, "Delta Hospital")

        assert await read(database, organisation, load) == "Delta Hospital"

    async def test_is_seen_at_once_by_its_own_transaction(self, database: Database, organisation: Organisation) -> None:
        load = Loads()
        await read(database, organisation, load)

        async with database.transaction(organisation.id) as tx:
            await write(tx, "Delta Hospital")
            tx.invalidate(*TAGS)
            found = await tx.cache.get(NAME, "it", load, tags=TAGS)

        assert found == Name("Delta Hospital")

    async def test_that_is_rolled_back_was_never_kept(self, database: Database, organisation: Organisation) -> None:
        load = Loads()

        async def write_and_fail() -> None:
            async with database.transaction(organisation.id) as tx:
                await write(tx, "Delta Hospital")
                # Its author forgot to say so: what it reads is still nobody else's.
                assert (await tx.cache.get(NAME, "it", load, tags=TAGS)).text == "Delta Hospital"
                raise InterruptedError

        with pytest.raises(InterruptedError):
            await write_and_fail()

        assert await read(database, organisation, load) == "Delta Clinic"

    async def test_between_the_epochs_and_the_end_of_a_load_is_not_lost(
        self, database: Database, organisation: Organisation
    ) -> None:
        async def slow(tx: Transaction) -> Name:
            found = await Loads()(tx)
            await rename(database, organisation, "Delta Hospital")
            return found

        before = await read(database, organisation, slow)
        after = await read(database, organisation, Loads())

        assert (before, after) == ("Delta Clinic", "Delta Hospital")

    async def test_of_what_a_load_itself_got_from_the_cache_reaches_the_value(
        self, database: Database, organisation: Organisation
    ) -> None:
        greeting: CacheSpec[str] = CacheSpec(name="greeting", kind=str)

        async def greet(tx: Transaction) -> str:
            return "Welcome to " + (await tx.cache.get(NAME, "it", Loads(), tags=TAGS)).text

        async def greeted() -> str:
            async with database.transaction(organisation.id) as tx:
                return await tx.cache.get(greeting, None, greet)

        before = await greeted()
        await rename(database, organisation, "Delta Hospital")

        assert (before, await greeted()) == ("Welcome to Delta Clinic", "Welcome to Delta Hospital")


class TestInvalidating:
    async def test_nothing_leaves_what_follows_to_be_told_once(
        self, database: Database, organisation: Organisation
    ) -> None:
        load = Loads()
        await read(database, organisation, load)

        with capture_logs() as logs:
            async with database.transaction(organisation.id) as tx:
                tx.invalidate()
                tx.invalidate(*TAGS)
            await read(database, organisation, load)

        assert load.count == 2
        assert [one for one in logs if one["event"] == "callback.failed"] == []


class TestBound:
    async def test_of_what_is_remembered_holds_whatever_is_asked_for(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in (node_module, epochs_module):
            monkeypatch.setattr(module, "CAPACITY", 100)
        options = CacheOptions(redis_url="redis://127.0.0.1:1/0", listens=True, bound_seconds=3600.0)
        node = CacheNode(database, ear=database.listener, sealer=lambda: database.keys.sealer("cache"), options=options)

        names: dict[tuple[UUID, str], int] = {}
        for _ in range(30):
            names = {(uuid4(), tag("noun", uuid4())): 0 for _ in range(20)}
            node.learn(Seen(names, has_written=False, asked_at=monotonic()))
            node.book.agrees(names)
        believed = node.book.agrees(names)
        node.book.heard((uuid4(), "noun") for _ in range(101))

        assert believed
        assert (len(node._marks), len(node.book._used), len(node.book._changed_at)) == (100, 100, 0)
        assert node.book.agrees(names) is None
        await node.close()

    async def test_holds_nothing_of_what_was_not_kept(self, database: Database, organisation: Organisation) -> None:
        async def none(tx: Transaction) -> None:
            return None

        for number in range(5):
            async with database.transaction(organisation.id) as tx:
                await tx.cache.get(NAME, number, none, tags=[tag("noun", UUID(int=number))])

        assert (len(database.cache.book._known), len(database.cache.book._used)) == (0, 0)

    async def test_is_kept_by_one_question_a_second_for_all_that_is_of_use(
        self, cluster: Cluster, database_name: str, organisation: Organisation
    ) -> None:
        node = await open_database(cluster, database_name, cache=CacheOptions(bound_seconds=0.2))
        cache, load = node.cache.of(organisation.id), Loads()
        tags = [[tag("noun", UUID(int=number))] for number in range(30)]
        for number, one in enumerate(tags):
            await cache.get(NAME, number, load, tags=one)
            await cache.get(NAME, number, load, tags=one)
        await asyncio.sleep(0.5)

        async def questions_of_half_a_second(_attempt: int) -> float:
            before = _questions()
            for _ in range(10):
                for number, one in enumerate(tags):
                    await cache.get(NAME, number, load, tags=one)
                await asyncio.sleep(0.05)
            return _questions() - before

        # Where the machine stands still belief ends: then each asks for itself, once.
        assert await best_of(20, questions_of_half_a_second, enough=9) <= 8
        assert load.count == 30
        await node.close()

    async def test_holds_for_a_process_that_hears_nothing(
        self, cluster: Cluster, database_name: str, database: Database, organisation: Organisation
    ) -> None:
        node = await open_database(cluster, database_name, cache=CacheOptions(bound_seconds=0.3))
        await read(node, organisation, Loads())

        await rename(database, organisation, "Delta Hospital")
        await asyncio.sleep(0.3)

        assert await read(node, organisation, Loads()) == "Delta Hospital"
        await node.close()


class TestExact:
    async def test_is_what_another_process_has_just_changed(
        self, cluster: Cluster, database_name: str, database: Database, organisation: Organisation
    ) -> None:
        exact: CacheSpec[Name] = CacheSpec(name="exact", kind=Name, exact=True)
        node = await open_database(cluster, database_name, cache=CacheOptions(bound_seconds=3600.0))
        load = Loads()
        before = [await read(node, organisation, load, spec=exact) for _ in range(3)]

        await rename(database, organisation, "Delta Hospital")

        assert [*before, await read(node, organisation, load, spec=exact)] == ["Delta Clinic"] * 3 + ["Delta Hospital"]
        assert load.count == 2
        await node.close()


class TestDead:
    async def test_leaves_the_memory_though_nobody_asks(
        self, cluster: Cluster, database_name: str, organisation: Organisation
    ) -> None:
        short: CacheSpec[Name] = CacheSpec(name="short", kind=Name, fresh_seconds=0.2)
        node = await open_database(cluster, database_name, cache=CacheOptions(sweep_seconds=0.05))

        for _ in range(2):
            await read(node, organisation, Loads(), spec=short)
            await eventually(lambda: _is_empty(node))

        assert node.cache.memory.size_bytes == 0
        await node.close()


async def _is_empty(node: Database) -> bool:
    return len(node.cache.memory) == 0


def _questions() -> float:
    return metrics.REGISTRY.get_sample_value("hp_cache_epochs_checked_total", {"of": "questions"}) or 0.0


class TestReplica:
    async def test_is_not_asked_for_what_is_kept(self, database: Database, organisation: Organisation) -> None:
        used: list[Transaction] = []

        async def load(tx: Transaction) -> Name:
            used.append(tx)
            return Name("it")

        async with database.transaction(organisation.id) as tx:
            tx.may_lag = True
            await tx.cache.get(NAME, "it", load, tags=TAGS)
            database.cache.book.lost()
            await tx.cache.get(NAME, "it", load, tags=TAGS)
            tx.may_lag = False

        assert len(used) == 1
        assert used[0] is not tx


class TestNothing:
    async def test_is_believed_for_its_time_where_the_spec_says_so(
        self, database: Database, organisation: Organisation
    ) -> None:
        calls = 0

        async def none(tx: Transaction) -> None:
            nonlocal calls
            calls += 1

        for spec in (
            CacheSpec[None](name="absent", kind=str, negative_seconds=60),
            CacheSpec[None](name="unsure", kind=str),
        ):
            for _ in range(3):
                async with database.transaction(organisation.id) as tx:
                    assert await tx.cache.get(spec, uuid4().hex[:0], none) is None

        assert calls == 1 + 3


class TestManyAtOnce:
    async def test_load_once(self, database: Database, organisation: Organisation) -> None:
        calls = 0

        async def slow(tx: Transaction) -> Name:
            nonlocal calls
            calls += 1
            await asyncio.sleep(0.1)
            return Name("slow")

        cache = database.cache.of(organisation.id)
        found = await asyncio.gather(*(cache.get(NAME, "it", slow, tags=TAGS) for _ in range(50)))

        assert (set(found), calls) == ({Name("slow")}, 1)

    async def test_go_on_when_the_one_who_loads_fails(self, database: Database, organisation: Organisation) -> None:
        calls = 0

        async def fails_first(tx: Transaction) -> Name:
            nonlocal calls
            calls += 1
            await asyncio.sleep(0.05)
            if calls == 1:
                raise InterruptedError
            return Name("second")

        cache = database.cache.of(organisation.id)
        found = await asyncio.gather(
            *(cache.get(NAME, "it", fails_first, tags=TAGS) for _ in range(10)), return_exceptions=True
        )

        assert [type(one) for one in found].count(InterruptedError) == 1
        assert found.count(Name("second")) == 9
        assert calls == 2

    async def test_go_on_when_the_one_who_loads_is_cancelled(
        self, database: Database, organisation: Organisation
    ) -> None:
        begun = asyncio.Event()

        async def endless(tx: Transaction) -> Name:
            begun.set()
            await asyncio.sleep(60)
            return Name("never")

        cache = database.cache.of(organisation.id)
        leader = asyncio.create_task(cache.get(NAME, "it", endless, tags=TAGS))
        await begun.wait()
        follower = asyncio.create_task(cache.get(NAME, "it", Loads(), tags=TAGS))
        await asyncio.sleep(0.02)
        leader.cancel()

        assert await follower == Name("Delta Clinic")
