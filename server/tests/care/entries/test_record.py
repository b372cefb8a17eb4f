"""What stands against an entry, and what becomes of each item of a batch."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from healthprotocol.api.paging import ListQuery
from healthprotocol.care.assignments.model import Assignment
from healthprotocol.care.entries import service
from healthprotocol.care.entries.errors import (
    ClientIdTaken,
    EntryAlreadyReplaced,
    EntryNotFound,
    OccurrenceNotFound,
)
from healthprotocol.care.entries.model import EntriesRecorded, Entry, EntryId, NewEntry, Occurrence
from healthprotocol.care.entries.service import Item, Recorded
from healthprotocol.foundation.clock import system_clock
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import BadRequest, Invalid, Problem
from tests.care.assignments.plans import DIARY, WALK, Clinic, content_of, enrolled, published
from tests.support.people import Organisation

NOON = datetime.combine(system_clock().date(), time(12), tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
async def clinic(database: Database, organisation: Organisation) -> Clinic:
    protocol_id = await published(database, organisation, content_of(WALK, DIARY))
    [patient_id] = await enrolled(database, organisation, ["Elbe"])
    return Clinic(database, organisation, protocol_id, patient_id)


@pytest.fixture
async def assigned(clinic: Clinic) -> Assignment:
    return await clinic.assign(at=NOON - 2 * DAY, starts_on=NOON.date() - 2 * DAY, time_zone="UTC")


@pytest.fixture
async def walk(clinic: Clinic, assigned: Assignment) -> Occurrence:
    async with clinic.acting(at=NOON) as tx:
        found = await service.today(tx, clinic.clinician, clinic.patient_id, on=None)
    return next(one for one in found.occurrences if one.activity_key == "walk")


def entry(of: Occurrence | None = None, **more: Any) -> NewEntry:
    fields: dict[str, Any] = {"client_id": uuid4(), "outcome": "completed", "effective_at": NOON, **more}
    return NewEntry(**fields) if of is None else NewEntry(**fields, occurrence_id=of.id)


async def record(clinic: Clinic, *sent: NewEntry | Problem) -> list[Recorded]:
    items = [Item(str(one.client_id) if isinstance(one, NewEntry) else None, one) for one in sent]
    async with clinic.acting(at=NOON) as tx:
        return await service.record(tx, clinic.clinician, items)


async def record_one(clinic: Clinic, sent: NewEntry) -> Entry:
    async with clinic.acting(at=NOON) as tx:
        made = (await service.record_one(tx, clinic.clinician, sent)).entry
    assert made is not None
    return made


async def retract(clinic: Clinic, entry_id: EntryId) -> Entry:
    async with clinic.acting(at=NOON) as tx:
        return await service.retract(tx, clinic.clinician, entry_id)


def problems(results: list[Recorded]) -> list[str | None]:
    return [None if one.problem is None else type(one.problem).__name__ for one in results]


class TestPlace:
    async def test_is_an_occurrence_or_an_activity_and_never_both(
        self, clinic: Clinic, assigned: Assignment, walk: Occurrence
    ) -> None:
        results = await record(
            clinic,
            entry(walk, activity_key="walk"),
            entry(),
            entry(activity_key="walk"),
            entry(occurrence_id="no such thing"),
            entry(assignment_id=UUID(int=1), activity_key="walk"),
            entry(assignment_id=assigned.id, activity_key="dance"),
            entry(assignment_id=assigned.id, activity_key="walk"),
        )

        assert problems(results) == [
            "Invalid", "Invalid", "Invalid", "OccurrenceNotFound", "OccurrenceNotFound", "Invalid", None,
        ]  # fmt: skip
        missing = results[1].problem
        assert missing is not None
        assert [one.pointer for one in missing.violations] == ["/assignment_id", "/activity_key"]

    async def test_of_a_plan_that_has_no_such_occurrence_is_not_found(self, clinic: Clinic, walk: Occurrence) -> None:
        with pytest.raises(OccurrenceNotFound):
            await record_one(clinic, entry(occurrence_id=walk.id[:-1] + ("A" if walk.id[-1] != "A" else "B")))


class TestBatch:
    async def test_gives_each_item_a_result_in_its_place(self, clinic: Clinic, walk: Occurrence) -> None:
        first = entry(walk)
        results = await record(clinic, BadRequest("unreadable"), first, first, entry(walk, effective_at=NOON + DAY))
        again = await record(clinic, first, entry(walk, client_id=first.client_id, note="other"))

        assert problems(results) == ["BadRequest", None, "ClientIdTaken", "Invalid"]
        assert problems(again) == [None, "ClientIdTaken"]
        assert (results[1].is_new, again[0].is_new) == (True, False)
        assert again[0].entry == results[1].entry

    async def test_of_two_corrections_of_one_entry_keeps_the_first(self, clinic: Clinic, walk: Occurrence) -> None:
        made = await record_one(clinic, entry(walk))

        results = await record(clinic, entry(walk, replaces=made.id), entry(walk, replaces=made.id))

        assert problems(results) == [None, "EntryAlreadyReplaced"]

    async def test_tells_of_plans_in_one_order_whatever_its_own(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        patients = await clinic.enrol("Oder", "Isar", "Main")
        plans = [
            await clinic.assign(at=NOON, starts_on=NOON.date(), time_zone="UTC", patient_id=patient)
            for patient in patients
        ]
        told: list[UUID] = []

        async def publish(_tx: Transaction, event: object) -> None:
            if isinstance(event, EntriesRecorded):
                told.append(event.assignment_id)

        monkeypatch.setattr(Transaction, "publish", publish)
        backwards = sorted((one.id for one in plans), reverse=True)
        await record(clinic, *(entry(assignment_id=one, activity_key="walk") for one in backwards))

        assert told == sorted(told)
        assert len(told) == 3

    async def test_of_nothing_that_can_be_kept_writes_nothing(self, clinic: Clinic, walk: Occurrence) -> None:
        assert problems(await record(clinic, entry())) == ["Invalid"]
        assert await record(clinic) == []


class TestCorrection:
    async def test_is_of_what_it_replaces(self, clinic: Clinic, assigned: Assignment, walk: Occurrence) -> None:
        planned = await record_one(clinic, entry(walk))
        unplanned = await record_one(clinic, entry(assignment_id=assigned.id, activity_key="walk"))

        results = await record(
            clinic,
            entry(walk, replaces=unplanned.id),
            entry(assignment_id=assigned.id, activity_key="walk", replaces=planned.id),
            entry(assignment_id=assigned.id, activity_key="diary", replaces=unplanned.id),
            entry(walk, replaces=uuid4()),
            entry(assignment_id=assigned.id, activity_key="walk", replaces=unplanned.id),
        )

        assert problems(results) == ["Invalid", "Invalid", "Invalid", "EntryNotFound", None]


class TestRetract:
    async def test_of_a_plan_that_was_stopped_still_undoes(
        self, clinic: Clinic, assigned: Assignment, walk: Occurrence
    ) -> None:
        made = await record_one(clinic, entry(walk, note="by mistake"))
        async with clinic.acting(at=NOON) as tx:
            await tx.execute("update assignment set status = 'stopped', stopped_at = $1 where true", NOON)

        undo = await retract(clinic, made.id)
        again = await retract(clinic, made.id)

        assert (undo.outcome, undo.replaces, undo.note, undo.late) == ("retracted", made.id, None, False)
        assert again.id == undo.id

    async def test_of_what_was_corrected_is_refused(self, clinic: Clinic, walk: Occurrence) -> None:
        made = await record_one(clinic, entry(walk))
        await record_one(clinic, entry(walk, replaces=made.id))

        with pytest.raises(EntryAlreadyReplaced):
            await retract(clinic, made.id)
        with pytest.raises(EntryNotFound):
            await retract(clinic, EntryId(uuid4()))


class TestErased:
    async def test_nothing_is_added_for_somebody_without_a_key(
        self, clinic: Clinic, assigned: Assignment, walk: Occurrence
    ) -> None:
        made = await record_one(clinic, entry(walk))
        [oder] = await clinic.enrol("Oder")
        other = await clinic.assign(at=NOON, starts_on=NOON.date(), time_zone="UTC", patient_id=oder)
        async with clinic.acting(at=NOON) as tx:
            await tx.keys.destroy_subject(tx, clinic.patient_id)

        results = await record(
            clinic,
            entry(walk),
            entry(assignment_id=assigned.id, activity_key="walk"),
            entry(assignment_id=other.id, activity_key="walk"),
        )

        assert problems(results) == ["OccurrenceNotFound", "OccurrenceNotFound", None]
        with pytest.raises(EntryNotFound):
            await retract(clinic, made.id)
        async with clinic.acting(at=NOON) as tx:
            with pytest.raises(EntryNotFound):
                await service.get(tx, clinic.clinician, made.id)


class TestRead:
    async def test_of_one_and_of_many_within_sight(self, clinic: Clinic, walk: Occurrence) -> None:
        made = await record_one(clinic, entry(walk))
        [oder] = await clinic.enrol("Oder")
        herself, stranger = clinic.organisation.patient(clinic.patient_id), clinic.organisation.patient(oder)
        asked = ListQuery(page_size=5)

        async with clinic.acting(at=NOON) as tx:
            assert await service.get(tx, herself, made.id) == made
            assert [one.id for one in (await service.page(tx, herself, asked)).items] == [made.id]
            assert (await service.page(tx, stranger, asked)).items == []
            for unseen in (made.id, EntryId(uuid4())):
                with pytest.raises(EntryNotFound):
                    await service.get(tx, stranger, unseen)
            with pytest.raises(BadRequest):
                await service.measurements(
                    tx, clinic.clinician, clinic.patient_id, from_on=NOON.date(), to_on=NOON.date() - DAY, code=None
                )

    async def test_an_entry_never_changes_and_neither_does_its_tag(self, clinic: Clinic, walk: Occurrence) -> None:
        made = await record_one(clinic, entry(walk))
        await record_one(clinic, entry(walk, replaces=made.id))

        assert made.revision == 1


class TestRecordOne:
    async def test_raises_what_stands_against_it(self, clinic: Clinic, walk: Occurrence) -> None:
        sent = entry(walk)
        await record_one(clinic, sent)

        with pytest.raises(ClientIdTaken):
            await record_one(clinic, entry(walk, client_id=sent.client_id, outcome="skipped"))
        with pytest.raises(Invalid):
            await record_one(clinic, entry(walk, outcome="skipped", answers=(), values=(), effective_at=NOON + DAY))
