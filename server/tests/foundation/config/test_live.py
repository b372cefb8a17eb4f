"""Copies in memory follow the database within a second: when told, when not told, and whatever the order of commits."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import pytest

from healthprotocol.foundation.config import live
from healthprotocol.foundation.config.live import LiveChanges, LiveCopy, NotLoaded
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import Unavailable
from healthprotocol.foundation.ids import INSTALLATION, OrganisationId
from tests.support.people import Organisation
from tests.support.postgresql import Cluster, open_database
from tests.support.timing import best_of, until

Colours = dict[str, str]


async def load_colours(tx: Transaction) -> Colours:
    rows = await tx.fetch("select name, colour from colour where organisation_id = $1", tx.tenant)
    return {row["name"]: row["colour"] for row in rows}


def over(everyone: Colours, own: Colours | None) -> Colours:
    return {**everyone, **(own or {})}


async def paint(tx: Transaction, name: str, colour: str) -> None:
    await tx.execute(
        """
        insert into colour (organisation_id, name, colour) values ($1, $2, $3)
        on conflict (organisation_id, name) do update set colour = excluded.colour
        """,
        tx.tenant,
        name,
        colour,
    )
    await live.changed(tx, tx.tenant)


async def painted(database: Database, organisation_id: OrganisationId, name: str, colour: str) -> None:
    async with database.transaction(organisation_id) as tx:
        await paint(tx, name, colour)


async def looked(changes: LiveChanges) -> None:
    """Wait until a look that began after now has ended."""
    now = time.monotonic()
    await until(lambda: changes._fresh_at > now)


async def seconds_until(is_so: Callable[[], bool]) -> float:
    """Wait until it is so; return after how many seconds it was."""
    began = time.monotonic()
    await until(is_so)
    return time.monotonic() - began


@pytest.fixture
async def coloured(database: Database, cluster: Cluster, database_name: str) -> Database:
    await cluster.execute(
        database_name,
        """
        create table colour (organisation_id uuid, name text, colour text, primary key (organisation_id, name));
        select hp_protect('colour');
        select hp_show_installation('colour');
        """,
    )
    return database


@pytest.fixture
async def changes(coloured: Database) -> AsyncIterator[LiveChanges]:
    followed = LiveChanges(coloured)
    yield followed
    await followed.close()


@pytest.fixture
async def deaf(coloured: Database) -> AsyncIterator[LiveChanges]:
    """Hears no notification: each of them is lost."""
    followed = LiveChanges(coloured, listens=False)
    yield followed
    await followed.close()


async def copy_of(changes: LiveChanges, *, most: int = 100) -> LiveCopy[Colours, Colours]:
    copy = LiveCopy(changes, load=load_colours, merge=over, most=most)
    await copy.start()
    return copy


class TestReading:
    async def test_lays_the_organisations_rows_over_the_installations(
        self, changes: LiveChanges, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        await painted(changes.database, INSTALLATION, "sky", "blue")
        await painted(changes.database, INSTALLATION, "grass", "green")
        await painted(changes.database, organisation.id, "sky", "grey")
        copy = await copy_of(changes)

        await copy.load(organisation.id)
        await copy.load(other_organisation.id)

        assert copy.of(organisation.id) == {"sky": "grey", "grass": "green"}
        assert copy.of(other_organisation.id) == {"sky": "blue", "grass": "green"}
        assert copy.of_installation() == {"sky": "blue", "grass": "green"}

    async def test_before_loading_is_refused(self, changes: LiveChanges, organisation: Organisation) -> None:
        copy = await copy_of(changes)

        with pytest.raises(NotLoaded):
            copy.of(organisation.id)
        with pytest.raises(NotLoaded):
            copy.of_installation()

    async def test_those_who_ask_at_once_share_one_question(
        self, changes: LiveChanges, organisation: Organisation
    ) -> None:
        asked = 0

        async def load(tx: Transaction) -> Colours:
            nonlocal asked
            asked += 1
            return await load_colours(tx)

        copy = LiveCopy(changes, load=load, merge=over)
        await copy.load_installation()
        asked = 0
        await asyncio.gather(*(copy.load(organisation.id) for _ in range(20)))

        assert asked == 1

    async def test_the_organisation_used_longest_ago_makes_room(
        self, changes: LiveChanges, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        copy = await copy_of(changes, most=1)

        await copy.load(organisation.id)
        await copy.load(other_organisation.id)

        assert len(copy) == 1
        with pytest.raises(NotLoaded):
            copy.of(organisation.id)


class TestAChange:
    async def test_is_seen_at_once_when_it_is_told(self, changes: LiveChanges, organisation: Organisation) -> None:
        slow = LiveChanges(changes.database, poll_seconds=3600)
        copy = await copy_of(slow)
        await copy.load(organisation.id)
        await changes.database.listener.subscribe(live.CHANNEL, heard=lambda _: None, lost=lambda: None)

        async def seen_after(attempt: int) -> float:
            await painted(changes.database, organisation.id, "sky", f"red {attempt}")
            return await seconds_until(lambda: copy.of(organisation.id) == {"sky": f"red {attempt}"})

        assert await best_of(20, seen_after, enough=0.5) < 0.5
        await slow.close()

    async def test_is_seen_within_a_second_when_the_message_is_lost(
        self, deaf: LiveChanges, organisation: Organisation
    ) -> None:
        copy = await copy_of(deaf)
        await copy.load(organisation.id)

        async def seen_after(attempt: int) -> float:
            # The worst moment for a change is right after a look.
            await looked(deaf)
            await painted(deaf.database, organisation.id, "sky", f"red {attempt}")
            return await seconds_until(lambda: copy.of(organisation.id) == {"sky": f"red {attempt}"})

        assert await best_of(20, seen_after, enough=1.0) < 1.0

    async def test_of_the_installation_is_seen_in_every_organisation(
        self, deaf: LiveChanges, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        copy = await copy_of(deaf)
        await copy.load(organisation.id)
        await copy.load(other_organisation.id)

        await painted(deaf.database, INSTALLATION, "sky", "red")

        await until(lambda: copy.of(organisation.id) == {"sky": "red"} == copy.of(other_organisation.id))
        assert copy.of_installation() == {"sky": "red"}

    async def test_that_commits_after_a_later_number_is_not_skipped(
        self, deaf: LiveChanges, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        copy = await copy_of(deaf)
        await copy.load(organisation.id)
        await copy.load(other_organisation.id)

        async with deaf.database.transaction(organisation.id) as slow:
            await paint(slow, "sky", "early number")
            await slow.run_before_commit()
            await painted(deaf.database, other_organisation.id, "sky", "late number")
            await until(lambda: copy.of(other_organisation.id) == {"sky": "late number"})
            revisions = {
                row["organisation_id"]: row["revision"] for row in await slow.fetch("select * from live_change")
            }
        assert revisions[organisation.id] < revisions[other_organisation.id]

        await until(lambda: copy.of(organisation.id) == {"sky": "early number"})

    async def test_while_the_rows_are_being_read_is_not_lost(
        self, deaf: LiveChanges, organisation: Organisation
    ) -> None:
        was_read, may_return = asyncio.Event(), asyncio.Event()

        async def load(tx: Transaction) -> Colours:
            found = await load_colours(tx)
            if tx.tenant == organisation.id and not may_return.is_set():
                was_read.set()
                await may_return.wait()
            return found

        copy = LiveCopy(deaf, load=load, merge=over)
        await copy.start()
        loading = asyncio.create_task(copy.load(organisation.id))
        await was_read.wait()
        await painted(deaf.database, organisation.id, "sky", "red")
        # Long enough for the look that sees the change to come by while the reading still goes on, and waits for it.
        await asyncio.sleep(1.0)
        may_return.set()

        assert await loading == {}
        await until(lambda: copy.of(organisation.id) == {"sky": "red"})

    async def test_that_is_rolled_back_is_none(self, deaf: LiveChanges, organisation: Organisation) -> None:
        copy = await copy_of(deaf)
        await copy.load(organisation.id)

        with contextlib.suppress(ZeroDivisionError):
            async with deaf.database.transaction(organisation.id) as tx:
                await paint(tx, "sky", "red")
                raise ZeroDivisionError
        await looked(deaf)

        assert copy.of(organisation.id) == {}

    async def test_is_told_by_its_own_organisation_alone(
        self, coloured: Database, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        async with coloured.transaction(organisation.id) as tx:
            with pytest.raises(ValueError, match="transaction of the organisation"):
                await live.changed(tx, other_organisation.id)

    async def test_written_in_another_cluster_is_not_looked_at_for_ever(
        self, deaf: LiveChanges, cluster: Cluster, database_name: str, organisation: Organisation
    ) -> None:
        await painted(deaf.database, organisation.id, "sky", "red")
        await cluster.execute(database_name, "update live_change set changed_in = '9000000000'::xid8")

        _, seen = await deaf._look()

        assert seen == {}


class TestALook:
    async def test_goes_before_requests_that_wait_for_a_connection(self, coloured: Database) -> None:
        """Requests hold what they may have, and more of them wait: the look has what is kept for such as it."""
        is_over = asyncio.Event()

        async def hold() -> None:
            async with coloured.transaction(None) as tx:
                await tx.fetchval("select 1")
                await is_over.wait()

        changes = LiveChanges(coloured)
        async with asyncio.TaskGroup() as group:
            for _ in range(2 * coloured.pool.limits.most):
                group.create_task(hold())
            await until(lambda: coloured.pool.figures().waiting >= coloured.pool.limits.most)
            looking = asyncio.create_task(changes._look())
            _, unanswered = await asyncio.wait([looking], timeout=60)
            still_wait = coloured.pool.figures().waiting >= coloured.pool.limits.most
            is_over.set()

        assert (unanswered, still_wait) == (set(), True)


class TestWithoutPostgreSQL:
    async def test_readers_keep_what_was_known_and_are_told_how_old_it_is(
        self, coloured: Database, cluster: Cluster, database_name: str, organisation: Organisation
    ) -> None:
        second = await open_database(cluster, database_name, size=2)
        changes = LiveChanges(second)
        await painted(coloured, organisation.id, "sky", "red")
        copy = await copy_of(changes)
        await copy.load(organisation.id)

        await second.stop_listening()
        await second.pool.close()
        await until(lambda: changes._is_failing and changes.age_seconds > 1.0)

        assert copy.of(organisation.id) == {"sky": "red"}
        with pytest.raises(Unavailable):
            await copy.load(OrganisationId(UUID(int=7)))
        await changes.close()

    async def test_what_could_not_be_read_again_is_read_as_soon_as_it_can_be(
        self, deaf: LiveChanges, organisation: Organisation
    ) -> None:
        fails, tries = False, 0

        async def load(tx: Transaction) -> Colours:
            nonlocal tries
            if fails:
                tries += 1
                raise Unavailable(retry_after_seconds=1)
            return await load_colours(tx)

        copy = LiveCopy(deaf, load=load, merge=over)
        await copy.start()
        await copy.load(organisation.id)
        fails = True
        await painted(deaf.database, organisation.id, "sky", "red")
        await until(lambda: tries >= 2)
        assert copy.of(organisation.id) == {}
        assert deaf.age_seconds > 0.7
        fails = False

        await until(lambda: copy.of(organisation.id) == {"sky": "red"})
