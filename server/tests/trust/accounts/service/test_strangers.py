"""What strangers' made-up cookies and tokens cost: a question each, and nothing that stays or drives others out."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from healthprotocol.foundation.cache import CacheOptions
from healthprotocol.foundation.config.live import LiveChanges
from healthprotocol.foundation.config.runtime import RuntimeSettings
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.ids import OrganisationId
from healthprotocol.trust.accounts.model import (
    FREE_ATTEMPTS,
    LONGEST_SESSION_HOURS,
    LONGEST_WAIT_SECONDS,
    MOST_SESSIONS,
    PATIENT_IDLE_MINUTES,
    STAFF_IDLE_MINUTES,
)
from healthprotocol.trust.accounts.service import Doorkeeper
from healthprotocol.trust.accounts.service import doorkeeper as module
from healthprotocol.trust.accounts.service.credentials import new_bearer, new_cookie
from tests.support.postgresql import Cluster, open_database
from tests.trust.accounts.conftest import Clinic, MovingClock, found_clinic, quick_hasher, sign_in, who

# Enough to run over the bound many times.
BOUND = 100
COOKIES = 2_000
SETTINGS = (
    FREE_ATTEMPTS,
    LONGEST_SESSION_HOURS,
    LONGEST_WAIT_SECONDS,
    MOST_SESSIONS,
    PATIENT_IDLE_MINUTES,
    STAFF_IDLE_MINUTES,
)


class House:
    """A process with all that could grow: caches with marks, live settings, and a doorkeeper."""

    def __init__(self, database: Database, clock: MovingClock) -> None:
        self.database = database
        self.changes = LiveChanges(database)
        self.settings = RuntimeSettings(database, SETTINGS, changes=self.changes)
        self.doorkeeper = Doorkeeper(
            database, Settings(environment="test"), hasher=quick_hasher(), monotonic=clock.monotonic
        )
        self.borrowed = 0
        acquire = database.pool.acquire

        async def counted(*args: Any, **more: Any) -> Any:
            self.borrowed += 1
            return await acquire(*args, **more)

        database.pool.acquire = counted

    async def knock(self, organisation_id: OrganisationId) -> None:
        cookie = new_cookie(organisation_id).text
        assert await self.doorkeeper.authenticate({}, {self.doorkeeper.cookie_name: cookie}) is None

    @property
    def held(self) -> tuple[int, int, int]:
        cache = self.database.cache
        return len(self.settings._copy), len(cache._marks), len(cache.memory)

    @property
    def believed(self) -> int:
        """How many epochs; without a Redis that is heard it may be none at any time."""
        return len(self.database.cache.book._known)


@pytest.fixture
async def house(
    cluster: Cluster, database_name: str, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    monkeypatch.setattr(module, "_REMEMBERED", BOUND)
    options = CacheOptions(redis_url="redis://127.0.0.1:1/0", listens=True)
    database = await open_database(cluster, database_name, cache=options)
    database.clock = clock
    made = House(database, clock)
    await made.settings.start()
    yield made
    made.doorkeeper.close()
    await made.changes.close()
    await database.close()


class TestMadeUpCookies:
    async def test_of_organisations_that_do_not_exist_leave_and_drive_out_nothing(self, house: House) -> None:
        clinic = await found_clinic(house.database, "Delta Clinic", "admin@delta.example")
        signed_in = await sign_in(house.doorkeeper, "admin@delta.example")
        assert await who(house.doorkeeper, signed_in) is not None
        before, believed, borrowed = house.held, house.believed, house.borrowed

        for _ in range(COOKIES):
            await house.knock(OrganisationId(uuid4()))

        # Live settings look for changes now and then meanwhile, and the cache for epochs.
        assert house.borrowed - borrowed < COOKIES * 1.1
        assert house.held == before
        assert house.believed <= believed
        assert len(house.doorkeeper._unknown) <= BOUND
        assert house.doorkeeper._existing.get(clinic.id)
        assert await who(house.doorkeeper, signed_in) is not None

    async def test_of_one_that_exists_leave_nothing_either(self, house: House, clinic: Clinic) -> None:
        await house.knock(clinic.id)
        before, believed = house.held, house.believed

        for _ in range(3 * BOUND):
            await house.knock(clinic.id)

        assert house.held == before
        assert house.believed <= believed
        assert len(house.doorkeeper._unknown) <= BOUND


class TestWhatIsUnknown:
    async def test_is_asked_for_once_a_minute(self, house: House, clinic: Clinic, clock: MovingClock) -> None:
        cookies = [new_cookie(one).text for one in (clinic.id, OrganisationId(uuid4()))]
        bearer = new_bearer(uuid4(), is_live=False).text
        seen: list[dict[bytes, Any]] = []

        for _ in range(3):
            for cookie in cookies:
                assert await house.doorkeeper.authenticate({}, {house.doorkeeper.cookie_name: cookie}) is None
            assert await house.doorkeeper.authenticate({"authorization": f"Bearer {bearer}"}, {}) is None
            seen.append(dict(house.doorkeeper._unknown._entries))

        assert len(seen[0]) == 3
        assert seen[0] == seen[1] == seen[2]
