"""The job that keeps the counts right, and adherence over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from healthprotocol.care.adherence import jobs, service
from healthprotocol.care.transfers.service import importing
from healthprotocol.foundation.clock import system_clock
from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.registry import HandedOver, Job, JobRegistry
from tests.care.assignments.plans import Clinic, make_clinic
from tests.support.door import Door, opened
from tests.support.people import Organisation

TODAY = system_clock().date()
DAY = timedelta(days=1)
NOBODY = "01890000-0000-7000-8000-000000000001"


@pytest.fixture
async def clinic(database: Database, organisation: Organisation) -> Clinic:
    return await make_clinic(database, organisation)


@pytest.fixture
async def door(clinic: Clinic) -> AsyncIterator[Door]:
    actors = {"clinician": clinic.clinician, "elbe": clinic.organisation.patient(clinic.patient_id)}
    async with opened(clinic.database, actors) as one:
        yield one


def job() -> Job:
    return Job(
        id=1,
        name=jobs.REFRESH,
        attempt=1,
        most_attempts=1,
        payload={},
        organisation_id=None,
        context=RequestContext(request_id="test"),
        stopping=asyncio.Event(),
    )


async def begun(clinic: Clinic, *, patients: int = 1) -> None:
    ids = [clinic.patient_id, *await clinic.enrol(*(f"Oder {n}" for n in range(patients - 1)))]
    for patient_id in ids:
        await clinic.assign(
            at=system_clock() - 5 * DAY, starts_on=TODAY - 5 * DAY, time_zone="UTC", patient_id=patient_id
        )


async def stale(clinic: Clinic) -> int:
    async with clinic.acting() as tx:
        return await tx.fetchval("select count(*) from adherence_cover where is_stale")


async def bringing(clinic: Clinic, *, ago: timedelta, moved_ago: timedelta) -> None:
    """Have entries of a file come in, begun and last got on so long ago."""
    now = system_clock()
    async with clinic.database.transaction(clinic.organisation.id) as tx:
        tx.now = now - ago
        kind, person = service.FILE_OF_ENTRIES, clinic.clinician.account_id
        operation = await operations.create(tx, kind, created_by=person, input={})
        tx.now = now - moved_ago
        await operations.start(tx, operation)


class TestRefreshBesideAFile:
    @pytest.mark.parametrize(
        ("ago", "moved_ago", "is_left"),
        [(3, 0.2, True), (11, 0.2, False), (3, 2, False)],
        ids=["is put off", "is not for ever", "is not when nobody works at it"],
    )
    async def test_of_entries(self, clinic: Clinic, ago: float, moved_ago: float, is_left: bool) -> None:
        await begun(clinic, patients=2)
        await bringing(clinic, ago=timedelta(minutes=ago), moved_ago=timedelta(minutes=moved_ago))

        await jobs.refresh(clinic.database, job())

        assert await stale(clinic) == (2 if is_left else 0)

    def test_goes_by_the_kind_of_its_operation(self) -> None:
        assert importing.kind_of("entries") == service.FILE_OF_ENTRIES


class TestRefresh:
    async def test_goes_on_until_nothing_is_stale(self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "BATCH", 2)
        original = service.refresh
        monkeypatch.setattr(service, "refresh", lambda tx: original(tx, limit=2))
        await begun(clinic, patients=5)
        assert await stale(clinic) == 5

        await jobs.refresh(clinic.database, job())

        assert await stale(clinic) == 0

    async def test_is_handed_over_when_the_worker_ends(self, clinic: Clinic) -> None:
        run = job()
        run.stopping.set()

        with pytest.raises(HandedOver):
            await jobs.refresh(clinic.database, run)

    def test_recurs_one_at_a_time(self) -> None:
        registry = JobRegistry()

        jobs.register(registry)

        assert [(spec.name, spec.at_once) for spec in registry.specs] == [(jobs.REFRESH, 1)]
        assert [schedule.name for schedule in registry.schedules] == [jobs.REFRESH]


class TestOverHttp:
    async def test_every_sum_counts_the_same(self, door: Door, clinic: Clinic) -> None:
        await begun(clinic)
        await jobs.refresh(clinic.database, job())
        assignment = (await door.ask("clinician", "GET", "/assignments")).json()["items"][0]["id"]
        until = f"from={TODAY - 5 * DAY}&to={TODAY - DAY}"

        paths = [
            f"/patients/{clinic.patient_id}/adherence?{until}",
            f"/assignments/{assignment}/adherence?{until}",
            f"/protocols/{clinic.protocol_id}/adherence?{until}",
            f"/organisation/adherence?{until}",
        ]
        found: list[dict[str, Any]] = [(await door.ask("clinician", "GET", path)).json() for path in paths]

        assert [one["missed"] for one in found] == [15] * 4
        assert {one["ratio"] for one in found} == {0.0}

    async def test_a_last_day_alone_is_enough(self, door: Door, clinic: Clinic) -> None:
        for path in (f"/protocols/{clinic.protocol_id}/adherence", "/organisation/adherence", "/adherence"):
            answer = await door.ask("clinician", "GET", f"{path}?to={TODAY - 300 * DAY}")
            assert answer.status_code == 200, path

    async def test_of_nothing_is_not_found_and_of_too_much_refused(self, door: Door, clinic: Clinic) -> None:
        gone = await door.ask("clinician", "GET", f"/protocols/{NOBODY}/adherence")
        long = await door.ask("clinician", "GET", f"/organisation/adherence?from=1999-01-01&to={TODAY}")

        assert (gone.status_code, long.status_code) == (404, 400)

    async def test_sums_and_other_times_are_for_staff(self, door: Door, clinic: Clinic) -> None:
        await begun(clinic)
        own = f"/patients/{clinic.patient_id}/adherence"

        assert (await door.ask("elbe", "GET", own)).status_code == 200
        assert (await door.ask("elbe", "GET", f"{own}?at=2026-01-01T00:00:00Z")).status_code == 403
        for path in ("/organisation/adherence", "/adherence"):
            assert (await door.ask("elbe", "GET", path)).status_code == 403

    async def test_sums_leave_their_trace(self, door: Door, clinic: Clinic) -> None:
        await door.ask("clinician", "GET", "/organisation/adherence")
        await door.ask("clinician", "GET", "/adherence?group_by=protocol")

        async with clinic.acting() as tx:
            rows = await tx.fetch("select action from audit_event where action like 'adherence.%' order by id")
        assert [row["action"] for row in rows] == ["adherence.sum", "adherence.rank"]
