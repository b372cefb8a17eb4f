"""What keeps the house in order by itself."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from healthprotocol.api import idempotency
from healthprotocol.assembly import jobs
from healthprotocol.foundation.clock import system_clock
from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs.registry import HandedOver, Job, JobRegistry
from healthprotocol.operations.maintenance import jobs as maintenance
from tests.support.people import Organisation


def job(name: str) -> Job:
    return Job(
        id=1,
        name=name,
        attempt=1,
        most_attempts=1,
        payload={},
        organisation_id=None,
        context=RequestContext(request_id="test"),
        stopping=asyncio.Event(),
    )


async def partitions(database: Database) -> set[str]:
    async with database.transaction(None) as tx:
        rows = await tx.fetch(
            "select inhrelid::regclass::text as name from pg_inherits where inhparent in "
            "('entry'::regclass, 'audit_event'::regclass)"
        )
    return {row["name"] for row in rows}


async def keep(database: Database, organisation: Organisation, *, hours_ago: int, count: int = 1) -> None:
    at = system_clock() - timedelta(hours=hours_ago)
    async with database.transaction(organisation.id, now=at) as tx:
        for _ in range(count):
            await idempotency.replay_or_reserve(tx, organisation.admin, str(uuid4()), b"x")


async def kept(database: Database, organisation: Organisation) -> int:
    async with database.transaction(organisation.id) as tx:
        return await tx.fetchval("select count(*) from idempotency")


class TestRegister:
    def test_all_recur_and_the_worker_knows_them(self) -> None:
        registry = JobRegistry()

        maintenance.register(registry)

        names = {maintenance.PARTITIONS, maintenance.SWEEP, maintenance.QUEUE}
        assert {spec.name for spec in registry.specs} == names
        assert {schedule.name for schedule in registry.schedules} == names
        assert names <= {spec.name for spec in jobs().specs}


class TestMakePartitions:
    async def test_makes_the_months_ahead_and_twice_is_once(self, database: Database) -> None:
        later = Database(database.pool, keys=database.keys, clock=lambda: system_clock() + timedelta(days=200))
        before = await partitions(database)

        for _ in range(2):
            await maintenance.make_partitions(later, job(maintenance.PARTITIONS))

        made = await partitions(database) - before
        assert len(made) >= 4
        assert any(name.startswith("entry") for name in made)
        assert any(name.startswith("audit_event") for name in made)


class TestSweep:
    async def test_deletes_what_is_older_than_a_day_in_every_organisation(
        self, database: Database, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        for one in (organisation, other_organisation):
            await keep(database, one, hours_ago=25)
            await keep(database, one, hours_ago=23)

        await maintenance.sweep(database, job(maintenance.SWEEP))

        assert [await kept(database, one) for one in (organisation, other_organisation)] == [1, 1]

    async def test_goes_on_until_nothing_is_left(
        self, database: Database, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await keep(database, organisation, hours_ago=25, count=7)
        monkeypatch.setattr(idempotency, "SWEPT_AT_ONCE", 3)
        original = idempotency.sweep
        monkeypatch.setattr(idempotency, "sweep", lambda tx: original(tx, limit=3))

        await maintenance.sweep(database, job(maintenance.SWEEP))

        assert await kept(database, organisation) == 0

    async def test_is_handed_over_when_the_worker_ends(self, database: Database, organisation: Organisation) -> None:
        run = job(maintenance.SWEEP)
        run.stopping.set()

        with pytest.raises(HandedOver):
            await maintenance.sweep(database, run)
