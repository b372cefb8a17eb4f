"""The counts that a job keeps are equal to the computed truth, whatever happened to the plan."""

import asyncio
import contextlib
import random
from datetime import UTC, date, datetime, timedelta
from typing import cast
from uuid import UUID, uuid4

import msgspec
import pytest

from healthprotocol.care.adherence import repository, service
from healthprotocol.care.adherence.model import DayCount, Tally
from healthprotocol.care.adherence.repository import Cover, Group, Recount
from healthprotocol.care.adherence.rules.ratios import ratio, tally
from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import Assignment, AssignmentId, NewAssignment
from healthprotocol.care.entries import service as entries
from healthprotocol.care.entries.model import NewEntry
from healthprotocol.care.entries.service import Item
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import Amendment, Demographics, PatientId
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import Activity, Phase, ProtocolContent, ProtocolId, Schedule
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import BadRequest, Forbidden
from tests.support.people import Organisation

BEGINS = datetime(2026, 3, 20, 6, 0, tzinfo=UTC)
CONTENT = ProtocolContent(
    title="Three things",
    duration_days=40,
    phases=(
        Phase(
            title="All",
            start_day=1,
            length_days=40,
            activities=(
                Activity(
                    key="walk", kind="exercise", title="Walk", schedule=Schedule(frequency=2, period=1, period_unit="d")
                ),
                Activity(key="week", kind="task", title="Week", schedule=Schedule(period=1, period_unit="wk")),
                Activity(
                    key="pill",
                    kind="medication",
                    title="Pill",
                    schedule=Schedule(period=8, period_unit="h", window_minutes=240),
                ),
            ),
        ),
    ),
)


class Plan:
    """A patient in Berlin with a running plan, and a clock that the test moves."""

    def __init__(self, database: Database, actor: Actor) -> None:
        self.database = database
        self.actor = actor
        self.now = BEGINS
        self.patient_id = PatientId(UUID(int=0))
        self.protocol_id = ProtocolId(UUID(int=0))
        self.assignment_id = AssignmentId(UUID(int=0))

    def tx(self):  # noqa: ANN201 - what transaction() gives
        return self.database.transaction(self.actor.organisation_id, actor=self.actor, now=self.now)

    async def begin(self) -> None:
        async with self.tx() as tx:
            patient = await patients.create(
                tx,
                self.actor,
                Demographics(
                    given_name="A", family_name="Havel", birth_date=date(1970, 1, 1), time_zone="Europe/Berlin"
                ),
            )
            made = await protocols.create(tx, self.actor, CONTENT)
            await protocols.publish(tx, self.actor, made.protocol_id)
        self.patient_id, self.protocol_id = patient.id, made.protocol_id
        async with self.tx() as tx:
            wanted = NewAssignment(protocol_id=made.protocol_id, patient_id=patient.id, starts_on=self.now.date())
            self.assignment_id = (await assignments.assign(tx, self.actor, wanted)).id

    async def record_some(self, rng: random.Random) -> None:
        """Complete or skip about half of what takes an entry now, late ones too."""
        async with self.tx() as tx:
            day = self.now.date()
            assignment = await assignments.get_visible(tx, self.actor, self.assignment_id)
            ones: list[Item] = []
            for _, found in await entries.computed(
                tx, [assignment], from_on=day - timedelta(days=3), to_on=day, at=self.now
            ):
                for one in found:
                    if one.state in {"open", "missed"} and rng.random() < 0.4:
                        sent = NewEntry(
                            client_id=uuid4(),
                            outcome="skipped" if rng.random() < 0.3 else "completed",
                            effective_at=self.now,
                            occurrence_id=one.id,
                        )
                        ones.append(Item(str(sent.client_id), sent))
            await entries.record(tx, self.actor, ones)

    async def kept(self) -> list[DayCount]:
        """Bring the counts up to date, and return them."""
        async with self.tx() as tx:
            while await service.refresh(tx):
                pass
            rows = await tx.fetch("select * from adherence_day order by day, activity_key")
            return [DayCount(**{name: row[name] for name in DayCount.__struct_fields__}) for row in rows]

    async def summed(self) -> list[DayCount]:
        """Return the sums of the protocol by day and activity, as if they were the one plan's."""
        async with self.tx() as tx:
            last = BEGINS.date() + timedelta(days=300)
            sums = await repository.counts(tx, from_on=BEGINS.date(), to_on=last, protocol_id=None)
        return [msgspec.structs.replace(one, assignment_id=self.assignment_id) for one in sums]

    async def tallied(self, from_on: date, to_on: date) -> Tally:
        """Return the total of the running plan between two days, from its running totals."""
        async with self.tx() as tx:
            rows = await repository.grouped(tx, "assignment", from_on=from_on, to_on=to_on, order_by="ratio", limit=5)
        return rows[0].tally if rows else Tally()

    async def computed(self) -> list[DayCount]:
        async with self.tx() as tx:
            assignment = await assignments.get_visible(tx, self.actor, self.assignment_id)
            return await service.computed_counts(tx, [assignment], assignment.starts_on, assignment.ends_on, self.now)


class Paused:
    """A transaction that, after it deleted, lets the other one delete too, when that gets there at all."""

    def __init__(self, tx: Transaction, deleted: asyncio.Barrier) -> None:
        self.tenant = tx.tenant
        self._tx = tx
        self._deleted = deleted

    async def execute(self, query: str, *values: object) -> None:
        await self._tx.execute(query, *values)
        if "delete from adherence_day" in query:
            with contextlib.suppress(TimeoutError, asyncio.BrokenBarrierError):
                await asyncio.wait_for(self._deleted.wait(), timeout=0.5)


def counted(assignment: Assignment, from_on: date, *, on: date) -> Recount:
    """A recount that found one thing done, on one day."""
    done = DayCount(
        assignment_id=assignment.id, activity_key="walk", day=on, completed=1, skipped=0, missed=0, on_time=1
    )
    cover = Cover(assignment.id, from_on)
    return Recount(assignment=assignment, cover=cover, counts=[done], next_from=from_on, next_due_at=None)


@pytest.fixture
async def plan(database: Database, organisation: Organisation) -> Plan:
    one = Plan(database, organisation.clinician)
    await one.begin()
    return one


class TestRefresh:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    async def test_is_equal_to_the_computed_truth_through_a_whole_plan(self, plan: Plan, seed: int) -> None:
        rng = random.Random(seed)
        compared = 0

        for step in range(36):
            plan.now += timedelta(hours=rng.choice([3, 11, 25, 49]))
            if rng.random() < 0.8:
                await plan.record_some(rng)
            async with plan.tx() as tx:
                if step == 10:
                    await assignments.pause(tx, plan.actor, plan.assignment_id)
                elif step == 14:
                    await assignments.resume(tx, plan.actor, plan.assignment_id, shift=bool(seed % 2))
                elif step == 30:
                    await assignments.stop(tx, plan.actor, plan.assignment_id, reason="moved away")
            kept = await plan.kept()
            assert kept == await plan.computed(), (step, plan.now)
            assert await plan.summed() == kept
            compared += len(kept)
            first = BEGINS.date() + timedelta(days=rng.randrange(60))
            last = first + timedelta(days=rng.randrange(60))
            # What is closed is in no ranking.
            if step < 30:
                assert await plan.tallied(first, last) == tally(one for one in kept if first <= one.day <= last)

        assert compared > 500

    async def test_leaves_nothing_due_when_the_plan_is_over(self, plan: Plan) -> None:
        plan.now += timedelta(days=60)
        await plan.kept()

        plan.now += timedelta(days=60)
        async with plan.tx() as tx:
            again = await service.refresh(tx)

        assert again == 0

    async def test_two_writers_of_one_protocol_never_wait_for_each_other_both(self, plan: Plan) -> None:
        days = [BEGINS.date(), BEGINS.date() + timedelta(days=1)]
        async with plan.tx() as tx:
            first = await assignments.get_visible(tx, plan.actor, plan.assignment_id)
        other = msgspec.structs.replace(first, id=AssignmentId(UUID(int=7)))
        async with plan.tx() as tx:
            await repository.replace_days(
                tx, [counted(first, days[0], on=days[1]), counted(other, days[0], on=days[0])]
            )
        deleted = asyncio.Barrier(2)

        async def move(assignment: Assignment, day: date) -> None:
            async with plan.tx() as tx:
                paused = Paused(tx, deleted)
                await repository.replace_days(cast("Transaction", paused), [counted(assignment, days[0], on=day)])

        done = await asyncio.gather(move(first, days[0]), move(other, days[1]), return_exceptions=True)

        assert done == [None, None]
        assert [one.day for one in await plan.summed() if one.completed] == days

    async def test_a_rebuild_gives_the_same(self, plan: Plan) -> None:
        rng = random.Random(7)
        for _ in range(6):
            plan.now += timedelta(days=1)
            await plan.record_some(rng)
        before = await plan.kept()

        async with plan.tx() as tx:
            await tx.execute("update adherence_day set completed = completed + 5 where true")
            assert await service.rebuild(tx) == plan.assignment_id
            assert await service.rebuild(tx, after=plan.assignment_id) is None

        assert await plan.kept() == before
        assert await plan.summed() == before

    async def test_what_was_counted_before_the_sums_were_there_is_filled_in(self, plan: Plan) -> None:
        plan.now += timedelta(days=5)
        before = await plan.kept()
        days = (BEGINS.date(), plan.now.date())
        totals = await plan.tallied(*days)

        async with plan.tx() as tx:
            await tx.execute("update adherence_sum set missed = 99")
            await tx.execute("delete from adherence_month")
            await tx.execute("select hp_adherence_refill_sums(organisation_id, id) from protocol")
            await tx.execute("select hp_adherence_refill_months(organisation_id, assignment_id) from adherence_cover")

        assert await plan.summed() == before
        assert await plan.tallied(*days) == totals


class TestOfProtocol:
    async def test_adds_up_the_same_as_the_one_patient(self, plan: Plan) -> None:
        rng = random.Random(5)
        for _ in range(5):
            plan.now += timedelta(days=1)
            await plan.record_some(rng)
        await plan.kept()

        async with plan.tx() as tx:
            total = await service.of_protocol(tx, plan.actor, plan.protocol_id, from_on=None, to_on=None)
            person = await service.of_patient(tx, plan.actor, plan.patient_id, from_on=None, to_on=None, at=None)

        assert total.as_of == plan.now
        assert total.adherence.ratio == person.adherence.ratio
        assert total.by_day == person.by_day

    async def test_says_when_it_is_behind(self, plan: Plan) -> None:
        await plan.kept()
        covered_at = plan.now

        plan.now += timedelta(days=3)
        async with plan.tx() as tx:
            total = await service.of_protocol(tx, plan.actor, None, from_on=None, to_on=None)

        assert total.as_of == covered_at

    async def test_is_not_for_patients(self, plan: Plan, organisation: Organisation) -> None:
        herself = organisation.patient(plan.patient_id)

        with pytest.raises(Forbidden):
            async with plan.tx() as tx:
                await service.of_protocol(tx, herself, None, from_on=None, to_on=None)

    async def test_refuses_a_range_without_end(self, plan: Plan) -> None:
        with pytest.raises(BadRequest):
            async with plan.tx() as tx:
                await service.of_protocol(tx, plan.actor, None, from_on=date(1, 1, 1), to_on=None)


class TestRanking:
    async def test_names_what_it_is_of(self, plan: Plan) -> None:
        plan.now += timedelta(days=4)
        await plan.kept()

        async with plan.tx() as tx:
            titles: dict[Group, str] = {"assignment": "A Havel", "patient": "A Havel", "protocol": "Three things"}
            for group, title in titles.items():
                [(row, named)] = await service.ranking(
                    tx, plan.actor, group, from_on=None, to_on=None, order_by="ratio", limit=5
                )
                assert named.title == title
                assert ratio(row.tally) == 0.0
                assert row.tally.missed > 10

    async def test_knows_who_is_called_otherwise_and_records_each_showing(self, plan: Plan) -> None:
        plan.now += timedelta(days=4)
        await plan.kept()

        assert await ranked(plan) == ["A Havel"]
        assert await ranked(plan) == ["A Havel"]
        async with plan.tx() as tx:
            renamed = [Amendment(plan.patient_id, lambda old: msgspec.structs.replace(old, family_name="Isar"))]
            await patients.amend_many(tx, plan.actor, renamed)
        assert await ranked(plan) == ["A Isar"]
        async with plan.tx() as tx:
            shown = await tx.fetch("select subject_ids from audit_event where action = 'patient.list'")
        assert [row["subject_ids"] for row in shown] == [[plan.patient_id]] * 3

    async def test_of_someone_erased_shows_nothing(self, plan: Plan) -> None:
        plan.now += timedelta(days=4)
        await plan.kept()
        assert await ranked(plan) == ["A Havel"]

        async with plan.tx() as tx:
            await patients.erase(tx, plan.actor, plan.patient_id, reason="asked for")

        assert await ranked(plan) == []


async def ranked(plan: Plan) -> list[str]:
    async with plan.tx() as tx:
        rows = await service.ranking(tx, plan.actor, "patient", from_on=None, to_on=None, order_by="ratio", limit=5)
    return [named.title for _, named in rows]
