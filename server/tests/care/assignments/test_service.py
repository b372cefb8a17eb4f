"""Assignments against a real database: given, changed, ended, and whose they are."""

import asyncio
from datetime import date, time, timedelta
from typing import Any
from uuid import UUID

import pytest

from healthprotocol.api.paging import ListQuery
from healthprotocol.care.assignments import service
from healthprotocol.care.assignments.errors import (
    AlreadyAssigned,
    AlreadyOnVersion,
    AssignmentAlreadyPaused,
    AssignmentClosed,
    AssignmentNotFound,
    AssignmentNotStarted,
    PastCannotChange,
)
from healthprotocol.care.assignments.model import (
    ActivityAdjustment,
    Adjustments,
    Assignment,
    AssignmentChanged,
    AssignmentId,
    AssignmentStarted,
    DayPart,
    Move,
    Pause,
)
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.errors import PatientIsArchived, PatientNotFound
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.errors import ProtocolIsRetired, ProtocolNotFound, VersionNotFound
from healthprotocol.care.protocols.model import ProtocolId
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import BadRequest, Invalid, PreconditionFailed
from healthprotocol.foundation.events import Subscriptions
from tests.care.assignments.plans import (
    DIARY,
    MONDAY,
    MONDAY_NOON,
    PRESSURE,
    WALK,
    Clinic,
    content_of,
    make_clinic,
    published,
)
from tests.support.people import Organisation
from tests.support.postgresql import Cluster, open_database

NO_WALK = Adjustments(activities=(ActivityAdjustment(activity_key="walk", skip=True),))
SOON = MONDAY_NOON + timedelta(days=2)
NOBODY = UUID(int=1)


async def listed(clinic: Clinic, actor: Actor | None = None, **asked: Any) -> list[Assignment]:
    actor = actor or clinic.clinician
    async with clinic.acting(actor) as tx:
        return (await service.page(tx, actor, ListQuery(**asked))).items


class TestAssign:
    async def test_gives_the_newest_version_in_the_patients_own_zone(self, clinic: Clinic) -> None:
        made = await clinic.assign()

        assert (made.status, made.version, made.time_zone) == ("active", 1, "Europe/Berlin")
        assert (made.starts_on, made.ends_on) == (MONDAY, date(2026, 3, 29))
        assert made.assigned_by == clinic.clinician.account_id
        assert await clinic.read(made) == made

    async def test_keeps_adjustments_unreadable(self, clinic: Clinic) -> None:
        made = await clinic.assign(adjustments=NO_WALK)

        async with clinic.acting() as tx:
            stored = str(await tx.fetch("select a.* from assignment a"))
        assert "walk" not in stored
        assert (await clinic.read(made)).adjustments == NO_WALK

    async def test_keeps_the_patients_own_parts_of_the_day(self, clinic: Clinic) -> None:
        late_riser = Adjustments(day_parts=(DayPart(when="MORN", time=time(11)),))

        made = await clinic.assign(adjustments=late_riser)

        assert (await clinic.read(made)).adjustments == late_riser

    async def test_a_proposed_one_waits_to_be_started(self, clinic: Clinic) -> None:
        made = await clinic.assign(is_proposed=True)

        async with clinic.acting() as tx:
            with pytest.raises(AssignmentNotStarted):
                await service.pause(tx, clinic.clinician, made.id)
            started = await service.start(tx, clinic.clinician, made.id)
        assert (made.status, started.status) == ("proposed", "active")

    async def test_lists_every_fault_at_once(self, clinic: Clinic) -> None:
        unknown = Adjustments(activities=(ActivityAdjustment(activity_key="swim", skip=True),))

        with pytest.raises(Invalid) as caught:
            await clinic.assign(starts_on=date(1850, 1, 1), time_zone="Mars/Base", adjustments=unknown)

        assert [fault.pointer for fault in caught.value.violations] == [
            "/starts_on", "/time_zone", "/adjustments/activities/0/activity_key",
        ]  # fmt: skip

    @pytest.mark.parametrize("days", [-367, 732])
    async def test_refuses_a_first_day_far_off(self, clinic: Clinic, days: int) -> None:
        with pytest.raises(Invalid):
            await clinic.assign(starts_on=MONDAY + timedelta(days=days))

    async def test_refuses_what_does_not_exist(self, clinic: Clinic) -> None:
        with pytest.raises(ProtocolNotFound):
            await clinic.assign(protocol_id=NOBODY)
        with pytest.raises(VersionNotFound):
            await clinic.assign(version=7)
        with pytest.raises(PatientNotFound):
            await clinic.assign(patient_id=NOBODY)

    async def test_refuses_an_archived_patient(self, clinic: Clinic) -> None:
        async with clinic.acting() as tx:
            await patients.archive(tx, clinic.clinician, clinic.patient_id, expected_revision=None)

        with pytest.raises(PatientIsArchived):
            await clinic.assign()

    async def test_refuses_a_retired_protocol(self, clinic: Clinic) -> None:
        async with clinic.acting() as tx:
            await protocols.retire(tx, clinic.clinician, clinic.protocol_id)

        with pytest.raises(ProtocolIsRetired):
            await clinic.assign()

    async def test_refuses_another_organisations_patient_and_protocol(
        self, clinic: Clinic, other_organisation: Organisation
    ) -> None:
        elsewhere = await make_clinic(clinic.database, other_organisation)

        with pytest.raises(PatientNotFound):
            await clinic.assign(patient_id=elsewhere.patient_id)
        with pytest.raises(ProtocolNotFound):
            await clinic.assign(protocol_id=elsewhere.protocol_id)

    async def test_refuses_the_same_protocol_on_the_same_days(self, clinic: Clinic) -> None:
        await clinic.assign()

        with pytest.raises(AlreadyAssigned):
            await clinic.assign(starts_on=date(2026, 3, 29))
        assert (await clinic.assign(starts_on=date(2026, 3, 30))).starts_on == date(2026, 3, 30)

    async def test_a_closed_one_stands_in_nobodys_way(self, clinic: Clinic) -> None:
        made = await clinic.assign()
        async with clinic.acting() as tx:
            await service.stop(tx, clinic.clinician, made.id, reason="Moved away")

        assert (await clinic.assign()).id != made.id

    async def test_two_at_the_same_moment_give_one(self, clinic: Clinic) -> None:
        outcomes = await asyncio.gather(*(clinic.assign() for _ in range(3)), return_exceptions=True)

        assert sorted(type(outcome).__name__ for outcome in outcomes) == [
            "AlreadyAssigned", "AlreadyAssigned", "Assignment",
        ]  # fmt: skip
        assert len(await listed(clinic)) == 1

    async def test_is_recorded_with_its_patient(self, clinic: Clinic) -> None:
        made = await clinic.assign()

        assert await clinic.audited() == [("assignment.create", made.id, clinic.patient_id)]


class TestGet:
    async def test_an_outsider_finds_nothing(self, clinic: Clinic, other_organisation: Organisation) -> None:
        made = await clinic.assign()
        outsider = other_organisation.clinician

        async with clinic.database.transaction(other_organisation.id, actor=outsider) as tx:
            with pytest.raises(AssignmentNotFound):
                await service.get(tx, outsider, made.id)

    async def test_a_patient_finds_her_own_only(self, clinic: Clinic) -> None:
        [oder] = await clinic.enrol("Oder")
        hers, others = await clinic.assign(), await clinic.assign(patient_id=oder)
        elbe = clinic.organisation.patient(clinic.patient_id)

        async with clinic.acting(elbe) as tx:
            assert (await service.get(tx, elbe, hers.id)).id == hers.id
            with pytest.raises(AssignmentNotFound):
                await service.get(tx, elbe, others.id)
        assert [one.id for one in await listed(clinic, elbe)] == [hers.id]

    async def test_an_auditor_sees_no_patient(self, clinic: Clinic) -> None:
        made = await clinic.assign()
        auditor = clinic.organisation.auditor

        async with clinic.acting(auditor) as tx:
            with pytest.raises(AssignmentNotFound):
                await service.get(tx, auditor, made.id)
        assert await listed(clinic, auditor) == []

    async def test_a_read_is_recorded(self, clinic: Clinic) -> None:
        made = await clinic.assign()

        await clinic.read(made)
        await listed(clinic)

        assert sorted(action for action, _, _ in await clinic.audited()) == [
            "assignment.create", "assignment.list", "assignment.read",
        ]  # fmt: skip

    async def test_of_an_erased_patient_says_what_is_plain(self, clinic: Clinic) -> None:
        made = await clinic.assign(adjustments=NO_WALK)
        async with clinic.acting() as tx:
            await tx.keys.destroy_subject(tx, clinic.patient_id)

        read = await clinic.read(made)

        assert (read.status, read.adjustments) == ("active", Adjustments())


class TestPage:
    @pytest.mark.parametrize(
        "filter_",
        [
            'status = "active" AND starts_on >= "2026-01-01"',
            "version = 1 AND ends_on = 2026-03-29",
            'assigned_at > "2026-03-01T00:00:00Z" AND updated_at > "2026-03-01T00:00:00Z"',
        ],
    )
    async def test_filters_by_what_is_promised(self, clinic: Clinic, filter_: str) -> None:
        made = await clinic.assign()

        assert await listed(clinic, filter=filter_) == [made]
        assert await listed(clinic, filter=f"NOT ({filter_})") == []

    async def test_filters_by_patient_and_protocol(self, clinic: Clinic) -> None:
        [oder] = await clinic.enrol("Oder")
        await clinic.assign()
        wanted = await clinic.assign(patient_id=oder)

        found = await listed(clinic, filter=f'patient_id = "{oder}" AND protocol_id = "{clinic.protocol_id}"')

        assert found == [wanted]

    @pytest.mark.parametrize("order_by", ["starts_on", "ends_on desc", "assigned_at", "updated_at desc", "status"])
    async def test_pages_in_every_order_without_loss(self, clinic: Clinic, order_by: str) -> None:
        for number, patient_id in enumerate(await clinic.enrol("Weser", "Oder", "Isar", "Main", "Saale")):
            await clinic.assign(patient_id=patient_id, starts_on=MONDAY + timedelta(days=number % 3))

        seen: list[AssignmentId] = []
        token: str | None = None
        for _ in range(3):
            async with clinic.acting() as tx:
                query = ListQuery(order_by=order_by, page_size=2, page_token=token)
                page = await service.page(tx, clinic.clinician, query)
            token = page.next_page_token
            seen += [row.id for row in page.items]

        assert token is None
        assert len(set(seen)) == len(seen) == 5

    @pytest.mark.parametrize("filter_", ["reason = 'x'", "status = 'waiting'", "starts_on = 'soon'", "(((("])
    async def test_refuses_other_filters(self, clinic: Clinic, filter_: str) -> None:
        with pytest.raises(BadRequest):
            await listed(clinic, filter=filter_)


class TestPauseAndResume:
    async def test_a_pause_lasts_until_resumed(self, clinic: Clinic) -> None:
        made = await clinic.assign()

        async with clinic.acting() as tx:
            paused = await service.pause(tx, clinic.clinician, made.id, reason="In hospital")
        async with clinic.acting(at=SOON) as tx:
            resumed = await service.resume(tx, clinic.clinician, made.id)

        assert (paused.status, paused.pauses, paused.reason) == ("paused", (Pause(from_at=MONDAY_NOON),), "In hospital")
        assert (resumed.status, resumed.ends_on, resumed.reason) == ("active", made.ends_on, None)
        assert await clinic.read(made) == resumed

    async def test_with_shift_the_rest_moves_by_the_days_paused(self, clinic: Clinic) -> None:
        made = await clinic.assign(adjustments=NO_WALK)
        async with clinic.acting() as tx:
            await service.pause(tx, clinic.clinician, made.id)

        async with clinic.acting(at=SOON) as tx:
            resumed = await service.resume(tx, clinic.clinician, made.id, shift=True)

        assert resumed.ends_on == made.ends_on + timedelta(days=2)
        assert [segment.plan_starts_on for segment in resumed.segments] == [MONDAY, MONDAY + timedelta(days=2)]
        assert [segment.adjustments for segment in (await clinic.read(made)).segments] == [NO_WALK, NO_WALK]

    async def test_twice_is_refused(self, clinic: Clinic) -> None:
        made = await clinic.assign()
        async with clinic.acting() as tx:
            await service.pause(tx, clinic.clinician, made.id)

        async with clinic.acting() as tx:
            with pytest.raises(AssignmentAlreadyPaused):
                await service.pause(tx, clinic.clinician, made.id)

    async def test_the_reason_is_unreadable(self, clinic: Clinic) -> None:
        made = await clinic.assign()

        async with clinic.acting() as tx:
            await service.pause(tx, clinic.clinician, made.id, reason="In hospital")
            stored = str(await tx.fetch("select a.* from assignment a"))

        assert "hospital" not in stored

    async def test_a_stale_revision_is_refused(self, clinic: Clinic) -> None:
        made = await clinic.assign()

        async with clinic.acting() as tx:
            with pytest.raises(PreconditionFailed):
                await service.pause(tx, clinic.clinician, made.id, expected_revision=9)


class TestEnd:
    async def test_a_stop_says_when_and_why(self, clinic: Clinic) -> None:
        made = await clinic.assign()

        async with clinic.acting(at=SOON) as tx:
            stopped = await service.stop(tx, clinic.clinician, made.id, reason="Moved away")

        assert (stopped.status, stopped.stopped_at, stopped.reason) == ("stopped", SOON, "Moved away")
        assert await clinic.read(made) == stopped

    async def test_what_is_over_does_not_change(self, clinic: Clinic) -> None:
        made = await clinic.assign()
        async with clinic.acting() as tx:
            completed = await service.complete(tx, clinic.clinician, made.id)

        async with clinic.acting() as tx:
            with pytest.raises(AssignmentClosed):
                await service.pause(tx, clinic.clinician, made.id)
            with pytest.raises(AssignmentClosed):
                await service.move(tx, clinic.clinician, made.id, Move(to_version=1))
        assert completed.status == "completed"

    async def test_a_mistake_can_be_said_of_any(self, clinic: Clinic) -> None:
        made = await clinic.assign()
        async with clinic.acting() as tx:
            await service.stop(tx, clinic.clinician, made.id, reason="Wrong person")
            mistaken = await service.mark_entered_in_error(tx, clinic.clinician, made.id)

        assert mistaken.status == "entered_in_error"

    async def test_an_outsider_ends_nothing(self, clinic: Clinic, other_organisation: Organisation) -> None:
        made = await clinic.assign()
        outsider = other_organisation.clinician

        async with clinic.database.transaction(other_organisation.id, actor=outsider) as tx:
            with pytest.raises(AssignmentNotFound):
                await service.stop(tx, outsider, made.id, reason="Mine now")
        assert (await clinic.read(made)).status == "active"


class TestAdjust:
    async def test_the_past_keeps_its_plan(self, clinic: Clinic) -> None:
        made = await clinic.assign()

        async with clinic.acting(at=SOON) as tx:
            adjusted = await service.adjust(tx, clinic.clinician, made.id, adjustments=NO_WALK, expected_revision=1)

        assert [(one.from_on, one.adjustments) for one in adjusted.segments] == [
            (MONDAY, Adjustments()),
            (MONDAY + timedelta(days=2), NO_WALK),
        ]
        assert adjusted.revision == 2
        assert await clinic.read(made) == adjusted

    async def test_refuses_what_the_protocol_does_not_have(self, clinic: Clinic) -> None:
        made = await clinic.assign()
        unknown = Adjustments(activities=(ActivityAdjustment(activity_key="swim", skip=True),))

        async with clinic.acting() as tx:
            with pytest.raises(Invalid) as caught:
                await service.adjust(tx, clinic.clinician, made.id, adjustments=unknown, expected_revision=1)

        assert [fault.pointer for fault in caught.value.violations] == ["/adjustments/activities/0/activity_key"]

    async def test_holds_to_every_version_ahead(self, clinic: Clinic) -> None:
        made = await clinic.assign()
        await clinic.publish_next(content_of(PRESSURE))
        async with clinic.acting() as tx:
            ahead = Move(to_version=2, from_on=MONDAY + timedelta(days=7))
            await service.move(tx, clinic.clinician, made.id, ahead)

        async with clinic.acting() as tx:
            with pytest.raises(Invalid):
                await service.adjust(tx, clinic.clinician, made.id, adjustments=NO_WALK, expected_revision=2)

    async def test_refuses_a_day_that_is_past(self, clinic: Clinic) -> None:
        made = await clinic.assign()

        async with clinic.acting(at=SOON) as tx:
            with pytest.raises(PastCannotChange):
                await service.adjust(
                    tx, clinic.clinician, made.id, adjustments=NO_WALK, from_on=MONDAY, expected_revision=None
                )


class TestMove:
    async def test_follows_the_other_version_from_that_day(self, clinic: Clinic) -> None:
        made = await clinic.assign()
        await clinic.publish_next(content_of(WALK, DIARY, days=56))

        async with clinic.acting(at=SOON) as tx:
            moved = await service.move(tx, clinic.clinician, made.id, Move(to_version=2))

        after = moved.assignment
        assert [(one.version, one.from_on) for one in after.segments] == [(1, MONDAY), (2, date(2026, 3, 4))]
        assert (after.version, after.ends_on) == (2, date(2026, 4, 26))
        assert [one.activity_key for one in moved.preview.begins] == ["diary"]
        assert [one.activity_key for one in moved.preview.ends] == ["pressure"]
        assert [one.activity_key for one in moved.preview.changes] == ["walk"]
        assert await clinic.read(made) == after

    async def test_a_dry_run_says_the_same_and_changes_nothing(self, clinic: Clinic) -> None:
        made = await clinic.assign()
        await clinic.publish_next(content_of(WALK, DIARY, days=56))
        to = Move(to_version=2, from_on=MONDAY + timedelta(days=7), restart=True)

        async with clinic.acting() as tx:
            tried = await service.preview_move(tx, clinic.clinician, made.id, to)
            unchanged = await service.get_visible(tx, clinic.clinician, made.id)
            moved = await service.move(tx, clinic.clinician, made.id, to)

        assert tried.preview == moved.preview
        assert tried.assignment == unchanged == made
        assert moved.assignment.segments[-1].plan_starts_on == MONDAY + timedelta(days=7)

    async def test_adjustments_of_what_ends_are_dropped(self, clinic: Clinic) -> None:
        late = ActivityAdjustment(activity_key="pressure", time_of_day=(time(10),))
        both = Adjustments(activities=(*NO_WALK.activities, late))
        made = await clinic.assign(adjustments=both)
        await clinic.publish_next(content_of(PRESSURE))

        async with clinic.acting() as tx:
            moved = await service.move(tx, clinic.clinician, made.id, Move(to_version=2))

        assert moved.assignment.adjustments == Adjustments(activities=(late,))

    async def test_adjustments_that_no_longer_fit_must_be_given_anew(self, clinic: Clinic) -> None:
        earlier = Adjustments(activities=(ActivityAdjustment(activity_key="walk", shift_minutes=-30),))
        made = await clinic.assign(adjustments=earlier)
        await clinic.publish_next(content_of(DIARY.__class__(key="walk", kind="exercise", title="Walk")))

        async with clinic.acting() as tx:
            with pytest.raises(Invalid):
                await service.move(tx, clinic.clinician, made.id, Move(to_version=2))
            moved = await service.move(tx, clinic.clinician, made.id, Move(to_version=2, adjustments=Adjustments()))

        assert moved.assignment.adjustments == Adjustments()

    async def test_refuses_the_version_it_follows(self, clinic: Clinic) -> None:
        made = await clinic.assign()

        async with clinic.acting() as tx:
            with pytest.raises(AlreadyOnVersion):
                await service.move(tx, clinic.clinician, made.id, Move(to_version=1))
            with pytest.raises(VersionNotFound):
                await service.preview_move(tx, clinic.clinician, made.id, Move(to_version=3))

    async def test_a_stale_revision_is_refused(self, clinic: Clinic) -> None:
        made = await clinic.assign()

        async with clinic.acting() as tx:
            for act in (service.move, service.preview_move):
                with pytest.raises(PreconditionFailed):
                    await act(tx, clinic.clinician, made.id, Move(to_version=2), expected_revision=9)


class TestEvents:
    async def test_others_hear_of_every_change_in_the_same_transaction(
        self, cluster: Cluster, database_name: str, organisation: Organisation
    ) -> None:
        heard: list[object] = []

        async def hear(_tx: Transaction, event: object) -> None:
            heard.append(event)

        subscriptions = Subscriptions([(AssignmentStarted, hear), (AssignmentChanged, hear)])
        database = await open_database(cluster, database_name, subscriptions=subscriptions)
        clinic = await make_clinic(database, organisation)
        made = await clinic.assign(starts_on=MONDAY - timedelta(days=5))
        async with clinic.acting() as tx:
            await service.pause(tx, clinic.clinician, made.id)
            await service.mark_entered_in_error(tx, clinic.clinician, made.id)
        await database.close()

        assert heard == [
            AssignmentStarted(made.id, clinic.patient_id),
            AssignmentChanged(made.id, clinic.patient_id, MONDAY),
            AssignmentChanged(made.id, clinic.patient_id, made.starts_on),
        ]


class TestForOtherSlices:
    async def test_of_patient_finds_what_can_be_planned_then(self, clinic: Clinic) -> None:
        made = await clinic.assign()
        other = await published(clinic.database, clinic.organisation, content_of(DIARY, title="Sleep"))
        await clinic.assign(protocol_id=other, is_proposed=True)

        async with clinic.acting() as tx:
            for from_on, to_on, expected in (
                (MONDAY, MONDAY, [made]),
                (made.ends_on, date(2027, 1, 1), [made]),
                (date(2026, 1, 1), date(2026, 3, 1), []),
                (date(2026, 3, 30), date(2026, 4, 30), []),
            ):
                found = await service.of_patient(tx, clinic.patient_id, from_on=from_on, to_on=to_on)
                assert found == expected

    async def test_contents_come_by_protocol_and_version(self, clinic: Clinic) -> None:
        made = await clinic.assign()
        await clinic.publish_next(content_of(DIARY))
        async with clinic.acting(at=SOON) as tx:
            moved = await service.move(tx, clinic.clinician, made.id, Move(to_version=2))
            contents = (await service.load_with_contents(tx, [moved.assignment]))[clinic.protocol_id]

        assert {version: len(content.phases[0].activities) for version, content in contents.items()} == {1: 2, 2: 1}

    async def test_ids_can_be_walked(self, clinic: Clinic) -> None:
        made = [await clinic.assign(patient_id=one) for one in await clinic.enrol("Oder", "Isar", "Main")]
        ids = sorted(one.id for one in made)

        async with clinic.acting() as tx:
            first = await service.ids_after(tx, limit=2)
            rest = await service.ids_after(tx, after=first[-1], limit=2, protocol_id=clinic.protocol_id)
            none = await service.ids_after(tx, protocol_id=ProtocolId(NOBODY))
            loaded = await service.by_ids(tx, [*ids, NOBODY])

        assert [*first, *rest] == ids
        assert none == []
        assert [one.id for one in loaded] == ids
