"""Values that age: served past their time while they are made anew, early by chance, never past their end."""

import asyncio
from collections.abc import Awaitable, Callable
from statistics import fmean

import msgspec
import pytest

from healthprotocol.foundation.cache import CacheSpec, early
from healthprotocol.foundation.cache.entry import Place
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import Unavailable
from tests.foundation.cache.kept import TAGS, Loads, Name, read, rename, write
from tests.foundation.jobs.workers import eventually
from tests.support.people import Organisation
from tests.support.timing import until

AGING: CacheSpec[Name] = CacheSpec(name="aging", kind=Name, fresh_seconds=600.0, stale_seconds=3600.0)


async def get(database: Database, organisation: Organisation, load: Callable[[Transaction], Awaitable[Name]]) -> str:
    return await read(database, organisation, load, spec=AGING)


def age(database: Database, organisation: Organisation, seconds: float) -> None:
    """Make what is kept that much older."""
    place, memory = Place(organisation.id, AGING.name, AGING.version, "it"), database.cache.memory
    entry = memory.get(place)
    assert entry is not None
    memory.put(AGING, place, msgspec.structs.replace(entry, made_at=entry.made_at - seconds))


class TestAgedValue:
    async def test_is_served_while_it_is_made_anew(self, database: Database, organisation: Organisation) -> None:
        await get(database, organisation, Loads())
        async with database.transaction(organisation.id) as tx:
            # As time would change it: nobody says so.
            await write(tx, "Delta Hospital")
        age(database, organisation, 700)

        at_first = await get(database, organisation, Loads())

        async def is_new() -> bool:
            return await get(database, organisation, Loads()) == "Delta Hospital"

        await eventually(is_new)
        assert at_first == "Delta Clinic"

    async def test_is_made_anew_in_a_transaction_of_its_own(
        self, database: Database, organisation: Organisation
    ) -> None:
        used: list[Transaction] = []

        async def load(tx: Transaction) -> Name:
            used.append(tx)
            return Name("it")

        await get(database, organisation, load)
        age(database, organisation, 700)
        async with database.transaction(organisation.id) as tx:
            await tx.cache.get(AGING, "it", load, tags=TAGS)

            async def is_made() -> bool:
                return len(used) == 2

            await eventually(is_made)
            assert used[1] is not tx

        assert used[1].organisation_id == organisation.id

    async def test_is_made_anew_once_whoever_asks(self, database: Database, organisation: Organisation) -> None:
        load = Loads()
        await get(database, organisation, load)
        age(database, organisation, 700)

        await asyncio.gather(*(get(database, organisation, load) for _ in range(20)))
        await until(lambda: not database.cache._refreshing)

        assert load.count == 2

    async def test_is_served_until_its_end_when_it_cannot_be_made_anew(
        self, database: Database, organisation: Organisation
    ) -> None:
        async def fail(tx: Transaction) -> Name:
            raise Unavailable(retry_after_seconds=1)

        await get(database, organisation, Loads())
        age(database, organisation, 700)
        served = await get(database, organisation, fail)
        await until(lambda: not database.cache._refreshing)
        age(database, organisation, 2901)

        assert served == "Delta Clinic"
        with pytest.raises(Unavailable):
            await get(database, organisation, fail)

    async def test_that_has_changed_is_not_served(self, database: Database, organisation: Organisation) -> None:
        await get(database, organisation, Loads())
        age(database, organisation, 700)

        await rename(database, organisation, "Delta Hospital")

        assert await get(database, organisation, Loads()) == "Delta Hospital"


class TestChance:
    def test_grows_towards_the_end_and_with_the_cost(self) -> None:
        def share(age_seconds: float, cost_seconds: float) -> float:
            draws = [(number + 1) / 1_000 for number in range(1_000)]
            return fmean(
                early.is_due(age_seconds=age_seconds, cost_seconds=cost_seconds, fresh_seconds=10, chance=draw)
                for draw in draws
            )

        assert share(1, 0.1) == 0
        # exp(-(10 - 9.9) / 0.1): the paper's own probability, with beta 1.
        assert share(9.9, 0.1) == pytest.approx(0.368, abs=0.01)
        assert share(9.9, 0.2) == pytest.approx(0.607, abs=0.01)
        assert share(10, 0.1) == 1
