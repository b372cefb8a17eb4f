"""What is planned, as it stands and as it stood: the day, the pages of a plan, a preview of nobody's."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from healthprotocol.care.assignments.model import Assignment
from healthprotocol.care.entries import repository, service
from healthprotocol.care.entries.model import NewEntry, Occurrence
from healthprotocol.care.patients.errors import PatientNotFound
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols.errors import VersionNotFound
from healthprotocol.care.protocols.model import Activity, Schedule
from healthprotocol.foundation.clock import system_clock
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import BadRequest, Forbidden
from tests.care.assignments.plans import PRESSURE, WALK, Clinic, content_of, enrolled, published
from tests.support.people import Organisation

# Today, because entries are kept by the month in which they are recorded, and only months near the present are there.
NOON = datetime.combine(system_clock().date(), time(12), tzinfo=UTC)
TODAY = NOON.date()
DAY = timedelta(days=1)
WEEKLY = Activity(
    key="weight", kind="task", title="Weigh yourself", schedule=Schedule(frequency=1, period=1, period_unit="wk")
)


@pytest.fixture
async def clinic(database: Database, organisation: Organisation) -> Clinic:
    protocol_id = await published(database, organisation, content_of(WALK, PRESSURE, WEEKLY, days=100))
    [patient_id] = await enrolled(database, organisation, ["Elbe"])
    return Clinic(database, organisation, protocol_id, patient_id)


@pytest.fixture
async def assigned(clinic: Clinic) -> Assignment:
    return await clinic.assign(at=NOON - 10 * DAY, starts_on=TODAY - 10 * DAY, time_zone="UTC")


async def page(clinic: Clinic, assigned: Assignment, **asked: Any) -> tuple[list[Occurrence], str | None]:
    wanted: dict[str, Any] = {"from_on": None, "to_on": None, "page_size": 50, "page_token": None, **asked}
    async with clinic.acting(at=NOON) as tx:
        return await service.occurrences_of(tx, clinic.clinician, assigned.id, **wanted)


async def today(clinic: Clinic, **asked: Any) -> service.Today:
    async with clinic.acting(at=NOON) as tx:
        return await service.today(tx, clinic.clinician, clinic.patient_id, **{"on": None, **asked})


async def complete(clinic: Clinic, one: Occurrence, *, at: datetime = NOON) -> None:
    sent = NewEntry(client_id=uuid4(), occurrence_id=one.id, outcome="completed", effective_at=at)
    async with clinic.acting(at=at) as tx:
        await service.record_one(tx, clinic.clinician, sent)


def keys(occurrences: Sequence[Occurrence]) -> list[str]:
    return [one.activity_key for one in occurrences]


class TestPages:
    @pytest.mark.parametrize("page_size", [1, 7, 50, 200])
    async def test_hold_the_whole_plan_once(self, clinic: Clinic, assigned: Assignment, page_size: int) -> None:
        asked = {"from_on": TODAY - 10 * DAY, "to_on": TODAY + 30 * DAY, "page_size": page_size}
        found, token = await page(clinic, assigned, **asked)
        while token:
            more, token = await page(clinic, assigned, **asked, page_token=token)
            assert 0 < len(more) <= page_size
            found += more

        assert len(found) == len({one.id for one in found}) == 41 * 3 + 6
        assert found == sorted(found, key=lambda one: one.planned_local)

    async def test_hold_nothing_before_and_after_the_plan(self, clinic: Clinic, assigned: Assignment) -> None:
        before = await page(clinic, assigned, from_on=TODAY - 90 * DAY, to_on=TODAY - 20 * DAY)
        after = await page(clinic, assigned, from_on=TODAY + 200 * DAY, to_on=TODAY + 300 * DAY)

        assert before == after == ([], None)

    async def test_read_the_entries_of_few_days_only(
        self, clinic: Clinic, assigned: Assignment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spans: list[timedelta] = []
        original = repository.planned_between

        async def counted(tx: Any, ids: Any, *, from_on: Any, to_on: Any) -> Any:
            spans.append(to_on - from_on)
            return await original(tx, ids, from_on=from_on, to_on=to_on)

        monkeypatch.setattr(repository, "planned_between", counted)
        await page(clinic, assigned, page_size=5)

        assert len(spans) == 1
        assert spans[0] < 28 * DAY

    @pytest.mark.parametrize(
        "asked",
        [
            {"page_size": 0},
            {"page_size": 201},
            {"from_on": TODAY, "to_on": TODAY - DAY},
            {"from_on": TODAY - 400 * DAY, "to_on": TODAY},
            {"page_token": "no token"},
        ],
    )
    async def test_of_a_question_that_does_not_fit_are_refused(
        self, clinic: Clinic, assigned: Assignment, asked: dict[str, Any]
    ) -> None:
        with pytest.raises(BadRequest):
            await page(clinic, assigned, **asked)

    async def test_of_another_range_are_refused(self, clinic: Clinic, assigned: Assignment) -> None:
        _, token = await page(clinic, assigned, from_on=TODAY, to_on=TODAY + DAY, page_size=1)

        with pytest.raises(BadRequest):
            await page(clinic, assigned, from_on=TODAY, to_on=TODAY + 2 * DAY, page_size=1, page_token=token)


class TestToday:
    async def test_counts_what_is_due_and_what_is_done(self, clinic: Clinic, assigned: Assignment) -> None:
        before = await today(clinic)
        await complete(clinic, next(one for one in before.occurrences if one.activity_key == "walk"))
        after = await today(clinic)

        assert (before.date, before.time_zone) == (TODAY, "Europe/Berlin")
        assert keys(before.occurrences) == ["weight", "pressure", "walk", "pressure"]
        assert (before.done, before.due, after.done, after.due) == (0, 4, 1, 4)
        assert {one.activity.key for one in before.activities} == {"walk", "pressure", "weight"}

    async def test_shows_what_is_left_over_until_it_is_done(self, clinic: Clinic, assigned: Assignment) -> None:
        weekly = next(one for one in (await today(clinic)).occurrences if one.activity_key == "weight")

        await complete(clinic, weekly)

        assert weekly.planned_local.date() == TODAY - 3 * DAY
        assert "weight" in keys((await today(clinic)).occurrences)
        assert "weight" not in keys((await today(clinic, on=TODAY + DAY)).occurrences)

    async def test_of_another_day_is_that_day(self, clinic: Clinic, assigned: Assignment) -> None:
        assert keys((await today(clinic, on=TODAY - 9 * DAY)).occurrences)[-3:] == ["pressure", "walk", "pressure"]
        assert (await today(clinic, on=TODAY - 60 * DAY)).occurrences == ()

    async def test_as_it_stood_knows_nothing_of_what_came_later(self, clinic: Clinic, assigned: Assignment) -> None:
        walk = next(one for one in (await today(clinic)).occurrences if one.activity_key == "walk")
        await complete(clinic, walk, at=NOON - timedelta(minutes=30))

        assert (await today(clinic)).done == 1
        assert (await today(clinic, at=NOON - timedelta(minutes=20))).done == 1
        assert (await today(clinic, at=NOON - timedelta(minutes=40))).done == 0

    async def test_another_instant_is_for_staff(self, clinic: Clinic, assigned: Assignment) -> None:
        herself = clinic.organisation.patient(clinic.patient_id)

        async with clinic.acting(herself, at=NOON) as tx:
            assert (await service.today(tx, herself, clinic.patient_id, on=None)).due == 4
            with pytest.raises(Forbidden):
                await service.today(tx, herself, clinic.patient_id, on=None, at=NOON)

    async def test_of_nobody_is_not_found(self, clinic: Clinic) -> None:
        async with clinic.acting(at=NOON) as tx:
            with pytest.raises(PatientNotFound):
                await service.today(tx, clinic.clinician, PatientId(UUID(int=1)), on=None)


class TestPreview:
    async def test_shows_the_days_that_are_asked_for(self, clinic: Clinic) -> None:
        async with clinic.acting(at=NOON) as tx:
            days = await service.preview(
                tx, clinic.protocol_id, 1, starts_on=None, days=3, first_day=8, time_zone="UTC"
            )

        assert [day.date for day in days] == [TODAY + n * DAY for n in (7, 8, 9)]
        assert [len(day.occurrences) for day in days] == [4, 3, 3]
        assert {one.state for day in days for one in day.occurrences} == {"not_yet_open"}

    async def test_of_an_unreal_zone_or_version_is_refused(self, clinic: Clinic) -> None:
        async with clinic.acting(at=NOON) as tx:
            for version, zone, refusal in ((1, "Mars/Base", BadRequest), (9, "UTC", VersionNotFound)):
                with pytest.raises(refusal):
                    await service.preview(
                        tx, clinic.protocol_id, version, starts_on=TODAY, days=7, first_day=1, time_zone=zone
                    )


class TestStandingOf:
    async def test_names_the_entry_that_counts(self, clinic: Clinic, assigned: Assignment) -> None:
        walk = next(one for one in (await today(clinic)).occurrences if one.activity_key == "walk")
        await complete(clinic, walk)

        async with clinic.acting(at=NOON) as tx:
            standing = await service.standing_of(tx, assigned, from_on=TODAY, to_on=TODAY)

        assert [(id_, one.outcome) for id_, one in standing.items()] == [(walk.id, "completed")]
