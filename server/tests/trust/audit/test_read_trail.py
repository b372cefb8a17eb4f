"""Reads at the same time share one write of their events, and none is answered before its own is durable."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from healthprotocol.api.paging import ListQuery
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.db.trial import trial
from healthprotocol.foundation.errors import Unavailable
from healthprotocol.trust.audit import repository, service
from healthprotocol.trust.audit.model import StoredEvent
from tests.support.people import Organisation

AT_ONCE = 4


@pytest.fixture
def inserted(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events each statement wrote."""
    database.attach(service.ReadTrail(database))
    sizes: list[int] = []
    insert = repository.insert

    async def counted(tx: Transaction, events: Sequence[StoredEvent]) -> None:
        sizes.append(len(events))
        await insert(tx, events)

    monkeypatch.setattr(repository, "insert", counted)
    return sizes


async def read_at_once(database: Database, organisation: Organisation, *, reads: bool = True) -> list[Any]:
    """Open transactions, and let them end only when all have read."""
    together = asyncio.Barrier(AT_ONCE)

    async def one() -> None:
        async with database.transaction(organisation.id, is_read=reads) as tx:
            await service.record(tx, organisation.clinician, "patient.read")
            await together.wait()

    async with asyncio.timeout(120):
        return await asyncio.gather(*(one() for _ in range(AT_ONCE)), return_exceptions=True)


async def fail_after_recording(database: Database, organisation: Organisation, *, is_read: bool) -> None:
    with suppress(ZeroDivisionError):
        async with database.transaction(organisation.id, is_read=is_read) as tx:
            await service.record_ahead(tx, organisation.clinician, "patient.read")
            raise ZeroDivisionError


async def recorded(database: Database, organisation: Organisation) -> int:
    async with database.transaction(organisation.id) as tx:
        events = (await service.list_events(tx, organisation.auditor, ListQuery())).items
    return sum(event.action == "patient.read" for event in events)


class TestReadTrail:
    async def test_reads_at_once_share_writes(
        self, database: Database, organisation: Organisation, inserted: list[int]
    ) -> None:
        await read_at_once(database, organisation)
        sizes = list(inserted)

        assert await recorded(database, organisation) == AT_ONCE
        assert sum(sizes) == AT_ONCE
        assert len(sizes) < AT_ONCE

    async def test_a_read_alone_keeps_its_event_in_its_own_transaction(
        self, database: Database, organisation: Organisation, inserted: list[int]
    ) -> None:
        async with database.transaction(organisation.id, is_read=True) as tx:
            await service.record(tx, organisation.clinician, "patient.read")
            await tx.run_before_commit()

            assert inserted == [1]
            assert tx._before_answer == []

    async def test_an_act_that_changes_something_keeps_its_event(
        self, database: Database, organisation: Organisation, inserted: list[int]
    ) -> None:
        await read_at_once(database, organisation, reads=False)

        assert inserted == [1] * AT_ONCE

    async def test_what_a_read_only_tries_leaves_no_event(
        self, database: Database, organisation: Organisation, inserted: list[int]
    ) -> None:
        async with (
            database.transaction(organisation.id),
            database.transaction(organisation.id, is_read=True) as tx,
            trial(tx),
        ):
            await service.record(tx, organisation.clinician, "patient.read")

        assert await recorded(database, organisation) == 0

    async def test_nobody_is_answered_whose_event_cannot_be_written(
        self, database: Database, organisation: Organisation, inserted: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def away(*_: object) -> None:
            raise Unavailable(retry_after_seconds=1)

        monkeypatch.setattr(repository, "insert", away)

        ends = await read_at_once(database, organisation)

        assert [type(end) for end in ends] == [Unavailable] * AT_ONCE


class TestRecordAhead:
    async def test_the_read_goes_on_while_its_event_is_written_and_is_answered_after(
        self, database: Database, organisation: Organisation, inserted: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()
        insert = repository.insert

        async def slow(tx: Transaction, events: Sequence[StoredEvent]) -> None:
            begun.set()
            await go_on.wait()
            await insert(tx, events)

        monkeypatch.setattr(repository, "insert", slow)

        async def read() -> int:
            async with database.transaction(organisation.id, is_read=True) as tx:
                await service.record_ahead(tx, organisation.clinician, "patient.read")
                await begun.wait()
                return await tx.fetchval("select 1")

        answer = asyncio.create_task(read())
        _, unanswered = await asyncio.wait([answer], timeout=0.3)
        go_on.set()

        assert unanswered == {answer}
        assert await answer == 1
        assert await recorded(database, organisation) == 1

    async def test_a_read_whose_event_cannot_be_written_is_not_answered(
        self, database: Database, organisation: Organisation, inserted: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def away(*_: object) -> None:
            raise Unavailable(retry_after_seconds=1)

        monkeypatch.setattr(repository, "insert", away)

        with pytest.raises(Unavailable):
            async with database.transaction(organisation.id, is_read=True) as tx:
                await service.record_ahead(tx, organisation.clinician, "patient.read")

    async def test_a_read_that_fails_afterwards_leaves_its_event(
        self, database: Database, organisation: Organisation, inserted: list[int]
    ) -> None:
        await fail_after_recording(database, organisation, is_read=True)
        trail = database.parts[service.ReadTrail]
        assert isinstance(trail, service.ReadTrail)
        await trail.close()

        assert await recorded(database, organisation) == 1

    async def test_an_act_that_changes_something_keeps_its_event(
        self, database: Database, organisation: Organisation, inserted: list[int]
    ) -> None:
        await fail_after_recording(database, organisation, is_read=False)

        assert await recorded(database, organisation) == 0
