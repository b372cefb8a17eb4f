"""One connection hears every channel, says when something may be missing, and finds a new connection by itself."""

import asyncio
import contextlib

import asyncpg
import pytest

from healthprotocol.foundation.db.transaction import Database
from tests.support.postgresql import Cluster
from tests.support.timing import PATIENCE_SECONDS


class Ear:
    def __init__(self) -> None:
        self.heard: list[str] = []
        self.losses = 0
        self.something = asyncio.Event()

    def hear(self, payload: str) -> None:
        self.heard.append(payload)
        self.something.set()

    def lose(self) -> None:
        self.losses += 1
        self.something.set()

    async def wait(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.something.wait()
        self.something.clear()


async def notify(database: Database, channel: str, payload: str) -> None:
    async with database.transaction(None) as tx:
        await tx.execute("select pg_notify($1, $2)", channel, payload)


class TestSubscribe:
    async def test_each_channel_hears_its_own(self, database: Database) -> None:
        rivers, lakes = Ear(), Ear()
        await asyncio.gather(
            database.listener.subscribe("rivers", heard=rivers.hear, lost=rivers.lose),
            database.listener.subscribe("lakes", heard=lakes.hear, lost=lakes.lose),
        )
        await database.listener.subscribe("rivers", heard=lakes.hear, lost=lakes.lose)
        rivers.something.clear()
        lakes.something.clear()

        await notify(database, "rivers", "1")
        await notify(database, "lakes", "2")
        await asyncio.gather(rivers.wait(), lakes.wait())

        assert (rivers.heard, rivers.losses) == (["1"], 1)
        assert (lakes.heard, lakes.losses) == (["2"], 1)

    async def test_a_channel_that_comes_later_is_heard_on_the_same_connection(self, database: Database) -> None:
        first, second = Ear(), Ear()
        await database.listener.subscribe("rivers", heard=first.hear, lost=first.lose)
        await database.listener.subscribe("lakes", heard=second.hear, lost=second.lose)
        second.something.clear()

        await notify(database, "lakes", "later")
        await second.wait()

        assert second.heard == ["later"]
        assert first.losses == 1

    async def test_a_channel_is_heard_though_whoever_came_first_was_cancelled(self, database: Database) -> None:
        first, second = Ear(), Ear()
        await database.listener.subscribe("lakes", heard=first.hear, lost=first.lose)
        asking = asyncio.create_task(database.listener.subscribe("rivers", heard=second.hear, lost=second.lose))
        await asyncio.sleep(0)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking

        await database.listener.subscribe("rivers", heard=second.hear, lost=second.lose)
        second.something.clear()
        await notify(database, "rivers", "1")
        await second.wait()

        assert second.heard == ["1"]

    async def test_a_name_that_is_no_plain_word_is_refused(self, database: Database) -> None:
        with pytest.raises(ValueError, match="lower-case"):
            await database.listener.subscribe('a"; select 1', heard=Ear().hear, lost=Ear().lose)


class TestALostConnection:
    async def test_says_that_something_may_be_missing_and_listens_on(
        self, database: Database, cluster: Cluster, database_name: str
    ) -> None:
        ear = Ear()
        await database.listener.subscribe("rivers", heard=ear.hear, lost=ear.lose)
        await ear.wait()

        admin = await asyncpg.connect(cluster.admin_url(database_name))
        await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%'")
        await admin.close()
        await ear.wait()
        await notify(database, "rivers", "again")
        await ear.wait()

        assert ear.losses == 2
        assert ear.heard == ["again"]
