"""Nodes that write, read, miss what they are told and die: no read is stale past the bound, and the check is sharp."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

import pytest

from healthprotocol.foundation.cache import CacheOptions, changes, tenant
from healthprotocol.foundation.cache.entry import made
from healthprotocol.foundation.cache.epochs import EpochBook, Seen, see
from healthprotocol.foundation.cache.node import CHANGED, CacheNode
from healthprotocol.foundation.cache.tenant import TenantCache
from healthprotocol.foundation.db.transaction import Database
from tests.faults.caching import Event, Node, deaf, make_registers, violations
from tests.faults.storm import ENOUGH_READS, ENOUGH_WRITES, Storm
from tests.support.people import make_organisation
from tests.support.postgresql import Cluster, open_database
from tests.support.redis import redis_server

SECONDS = 8.0


@pytest.fixture
async def organisations(cluster: Cluster, database_name: str, database: Database) -> list[UUID]:
    made_ = [(await make_organisation(database, name)).id for name in ("Delta Clinic", "Estuary Clinic")]
    await make_registers(cluster.admin_url(database_name), made_)
    return [UUID(int=one.int) for one in made_]


@pytest.mark.slow
class TestStorm:
    async def test_leaves_no_read_stale_past_the_bound(
        self, cluster: Cluster, database_name: str, organisations: list[UUID], tmp_path: Path
    ) -> None:
        with redis_server(tmp_path) as redis:
            storm = Storm(cluster, database_name, redis, organisations)
            await storm.rage(nodes=3, seconds=SECONDS)

        assert violations(storm.events) == []
        assert sum(event.kind == "read" for event in storm.events) > ENOUGH_READS
        assert sum(event.kind == "write" for event in storm.events) > ENOUGH_WRITES
        assert all(storm.done.values()), storm.done


def believes_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """No epoch is asked for again."""
    monkeypatch.setattr(
        EpochBook,
        "agrees",
        lambda self, epochs: all(  # what it knows, however old
            self._known.get(name, (epoch,))[0] == epoch for name, epoch in epochs.items()
        ),
    )


def reads_epochs_after_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """The classic race: what changes while a value is loaded is missed for ever."""

    async def make_in(self: TenantCache, unit: Any, asked: Any, flight: Any) -> Any:
        begun = monotonic()
        value = await asked.load(unit)
        seen = await see(unit, asked.names)
        entry, body = made(value, epochs=seen.epochs, made_at=begun, cost_seconds=0.01)
        if not seen.has_written:
            self._cache.learn(seen)
            await self._keep(asked, entry, body)
        return entry

    monkeypatch.setattr(TenantCache, "_make_in", make_in)


def shares_what_is_not_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction's own writes are kept for everybody."""

    async def see_nothing_written(unit: Any, names: Any) -> Seen:
        seen = await see(unit, names)
        return Seen(seen.epochs, has_written=False, asked_at=seen.asked_at)

    monkeypatch.setattr(tenant, "see", see_nothing_written)


def forgets_its_own_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the others are told of a change."""

    async def tell(self: CacheNode, unit: Any) -> None:
        self._teller.tell([(unit.tenant, one) for one in unit.pending.pop(CHANGED)])

    monkeypatch.setattr(CacheNode, "_tell", tell)


def bumps_outside_the_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs change before what they stand for does."""
    bump = changes.bump

    async def bump_apart(unit: Any, tags: Any) -> None:
        async with unit._database.transaction(unit.tenant) as apart:
            await bump(apart, tags)
        await asyncio.sleep(0.02)

    monkeypatch.setattr(changes, "bump", bump_apart)


def forgets_dependencies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value does not know what it was made of."""
    monkeypatch.setattr(TenantCache, "_depend_on", lambda self, epochs: None)


def changes_no_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change is told, and not written."""

    async def bump(unit: Any, tags: Any) -> None:
        """Nothing."""

    monkeypatch.setattr(changes, "bump", bump)


PLANTED = (
    believes_for_ever,
    reads_epochs_after_the_load,
    shares_what_is_not_committed,
    forgets_its_own_changes,
    bumps_outside_the_transaction,
    forgets_dependencies,
    changes_no_epoch,
)


class TestCheck:
    @pytest.fixture
    async def nodes(
        self, cluster: Cluster, database_name: str, organisations: list[UUID]
    ) -> AsyncIterator[tuple[list[Node], list[Event]]]:
        """Two nodes in this process that hear nothing of each other."""
        opened = [
            await open_database(cluster, database_name, size=6, cache=CacheOptions(listens=True)) for _ in range(2)
        ]
        events: list[Event] = []
        for one in opened:
            deaf(one, dropped=1.0, delayed=0.0)
        yield [Node(f"node-{number}", one, organisations, events.append) for number, one in enumerate(opened)], events
        for one in opened:
            await one.close()

    @pytest.mark.parametrize("plant", PLANTED)
    async def test_finds(
        self,
        nodes: tuple[list[Node], list[Event]],
        monkeypatch: pytest.MonkeyPatch,
        plant: Callable[[pytest.MonkeyPatch], None],
    ) -> None:
        plant(monkeypatch)
        running, events = nodes

        found: list[str] = []
        # What is planted shows by chance, in most runs within ten seconds.
        for _ in range(120):
            await asyncio.gather(*(node.run(seconds=0.5) for node in running))
            found = violations(events)
            if found:
                break

        assert found

    async def test_finds_nothing_where_nothing_is_planted(self, nodes: tuple[list[Node], list[Event]]) -> None:
        running, events = nodes

        await asyncio.gather(*(node.run(seconds=4) for node in running))
        for _ in range(120):
            if len(events) > 200:
                break
            await asyncio.gather(*(node.run(seconds=0.5) for node in running))

        assert violations(events) == []
        assert len(events) > 200
