"""Bulk assignment: who is taken, who is left out and why, and that nobody is taken twice."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from healthprotocol.care.assignments import jobs, service
from healthprotocol.care.assignments.model import Adjustments, Assignment, AssignmentsStarted, BulkAssignment
from healthprotocol.care.assignments.service import bulk
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols.errors import ProtocolNotFound
from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import BadRequest, Invalid
from healthprotocol.foundation.events import Subscriptions
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.operations import Operation
from healthprotocol.foundation.jobs.registry import Job, JobRegistry
from healthprotocol.trust.accounts import service as accounts
from healthprotocol.trust.accounts.model import NewToken
from healthprotocol.trust.accounts.repository import tokens
from tests.care.assignments.plans import MONDAY, Clinic, make_clinic
from tests.support.people import Organisation
from tests.support.postgresql import Cluster, open_database

RIVERS = ("Weser", "Oder", "Isar", "Main", "Saale", "Spree", "Havel")
NOBODY = PatientId(UUID(int=1))


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "BATCH_SIZE", 3)
    monkeypatch.setattr(bulk, "_READ_AT_ONCE", 4)


def asked(clinic: Clinic, **more: Any) -> BulkAssignment:
    said: dict[str, Any] = {"protocol_id": clinic.protocol_id, "starts_on": MONDAY, **more}
    return BulkAssignment(**said)


async def submitted(clinic: Clinic, **more: Any) -> Operation:
    async with clinic.acting() as tx:
        return await service.submit_bulk(tx, clinic.clinician, asked(clinic, **more))


async def previewed(clinic: Clinic, **more: Any) -> Operation:
    async with clinic.acting() as tx:
        return await service.preview_bulk(tx, clinic.clinician, asked(clinic, **more))


async def driven(clinic: Clinic, operation: Operation) -> Operation:
    job = Job(
        id=1,
        name=service.BULK,
        attempt=1,
        most_attempts=3,
        payload={"operation_id": str(operation.id)},
        organisation_id=clinic.organisation.id,
        context=RequestContext(request_id="test"),
        stopping=asyncio.Event(),
    )
    await jobs.assign_many(clinic.database, job)
    async with clinic.acting() as tx:
        return await operations.get(tx, operation.id)


async def one_batch(clinic: Clinic, operation: Operation) -> Operation:
    async with clinic.acting() as tx:
        held = await operations.get_for_update(tx, operation.id)
        batch = await service.assign_batch(tx, held)
        return await operations.advance(
            tx, held, done=held.done + batch.count, cursor=batch.cursor, result=batch.result
        )


async def assigned(clinic: Clinic) -> list[Assignment]:
    async with clinic.acting() as tx:
        return await service.by_ids(tx, await service.ids_after(tx))


class TestSubmit:
    async def test_gives_each_patient_one(self, clinic: Clinic) -> None:
        cohort = await clinic.enrol(*RIVERS)

        after = await driven(clinic, await submitted(clinic, patient_ids=tuple(cohort)))

        made = await assigned(clinic)
        assert {one.patient_id for one in made} == set(cohort)
        assert (after.status, after.done, after.total) == ("succeeded", 7, 7)
        assert after.result == {
            "assigned": 7, "requested": 7, "already_assigned": 0, "archived": 0, "unknown": 0, "unknown_ids": [],
        }  # fmt: skip

    async def test_each_is_as_if_assigned_alone(self, clinic: Clinic) -> None:
        [weser] = await clinic.enrol("Weser")

        await driven(clinic, await submitted(clinic, patient_ids=(weser,)))

        [made] = await assigned(clinic)
        alone = await clinic.assign()
        differing = {name for name in Assignment.__struct_fields__ if getattr(made, name) != getattr(alone, name)}
        assert differing == {"id", "patient_id", "assigned_at", "updated_at"}
        assert made.adjustments == Adjustments()

    async def test_takes_whom_a_filter_selects(self, clinic: Clinic) -> None:
        cohort = await clinic.enrol(*RIVERS)
        async with clinic.acting() as tx:
            await patients.archive(tx, clinic.clinician, cohort[0], expected_revision=None)

        after = await driven(clinic, await submitted(clinic, patient_filter='status = "active"'))

        assert {one.patient_id for one in await assigned(clinic)} == {clinic.patient_id, *cohort[1:]}
        assert after.total == 7

    async def test_whoever_is_enrolled_later_is_not_taken(self, clinic: Clinic) -> None:
        operation = await submitted(clinic, patient_filter='status = "active"')
        await clinic.enrol("Weser")

        await driven(clinic, operation)

        assert [one.patient_id for one in await assigned(clinic)] == [clinic.patient_id]

    async def test_nobody_selected_is_nobody_assigned(self, clinic: Clinic) -> None:
        after = await driven(clinic, await submitted(clinic, patient_filter='status = "archived"'))

        assert (after.status, after.total) == ("succeeded", 0)
        assert await assigned(clinic) == []

    async def test_leaves_out_and_counts(self, clinic: Clinic) -> None:
        has_it, archived, free = await clinic.enrol("Weser", "Oder", "Isar")
        await clinic.assign(patient_id=has_it, starts_on=MONDAY + timedelta(days=20))
        async with clinic.acting() as tx:
            await patients.archive(tx, clinic.clinician, archived, expected_revision=None)

        after = await driven(clinic, await submitted(clinic, patient_ids=(has_it, archived, free, free)))

        assert after.result is not None
        assert {name: after.result[name] for name in ("requested", "assigned", "already_assigned", "archived")} == {
            "requested": 3, "assigned": 1, "already_assigned": 1, "archived": 1,
        }  # fmt: skip

    async def test_an_unknown_id_refuses_all_and_says_where(
        self, clinic: Clinic, other_organisation: Organisation
    ) -> None:
        elsewhere = await make_clinic(clinic.database, other_organisation)
        cohort = await clinic.enrol("Weser", "Oder")

        with pytest.raises(Invalid) as caught:
            await submitted(clinic, patient_ids=(cohort[0], NOBODY, cohort[1], elsewhere.patient_id))

        assert [fault.pointer for fault in caught.value.violations] == ["/patient_ids/1", "/patient_ids/3"]
        async with clinic.acting() as tx:
            assert await tx.fetchval("select count(*) from operation") == 0

    async def test_refuses_what_is_faulty_at_once(self, clinic: Clinic) -> None:
        with pytest.raises(Invalid) as caught:
            await submitted(clinic, starts_on=MONDAY + timedelta(days=3000))
        with pytest.raises(Invalid):
            await submitted(clinic, patient_ids=(clinic.patient_id,), patient_filter='status = "active"')
        with pytest.raises(BadRequest):
            await submitted(clinic, patient_filter="name = 'x'")
        with pytest.raises(ProtocolNotFound):
            await submitted(clinic, protocol_id=NOBODY, patient_ids=(clinic.patient_id,))
        assert [fault.pointer for fault in caught.value.violations] == ["/starts_on", "/patient_ids"]

    async def test_refuses_more_than_it_can_hold(self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bulk, "MOST_PATIENTS", 4)
        await clinic.enrol(*RIVERS)

        with pytest.raises(Invalid) as caught:
            await submitted(clinic, patient_filter='status = "active"')

        assert [fault.code for fault in caught.value.violations] == ["too_many"]

    async def test_keeps_no_list_of_patients_readable(self, clinic: Clinic) -> None:
        operation = await submitted(clinic, patient_ids=(clinic.patient_id,))

        async with clinic.acting() as tx:
            kept = await tx.fetchrow("select input, input_ct from operation where id = $1", operation.id)
        await driven(clinic, operation)
        async with clinic.acting() as tx:
            left = await tx.fetchval("select input_ct from operation where id = $1", operation.id)

        assert kept is not None
        assert clinic.patient_id.bytes not in kept["input_ct"]
        assert str(clinic.patient_id) not in str(kept["input"])
        assert left is None

    async def test_every_patients_record_tells_of_it(self, clinic: Clinic) -> None:
        cohort = await clinic.enrol(*RIVERS)

        operation = await driven(clinic, await submitted(clinic, patient_ids=tuple(cohort)))

        events = await clinic.audited()
        assert {subject for action, _, subject in events if action == "assignment.create"} == set(cohort)
        assert ("assignment.bulk", operation.id, None) in events
        async with clinic.acting() as tx:
            actors = await tx.fetch(
                "select distinct actor_id, actor_role from audit_event where object_type = 'assignment'"
            )
        assert [tuple(row) for row in actors] == [(clinic.clinician.account_id, "clinician")]


class TestPreview:
    async def test_counts_what_would_happen_and_does_nothing(self, clinic: Clinic) -> None:
        has_it, archived, *free = await clinic.enrol(*RIVERS)
        await clinic.assign(patient_id=has_it)
        async with clinic.acting() as tx:
            await patients.archive(tx, clinic.clinician, archived, expected_revision=None)

        operation = await previewed(clinic, patient_ids=(has_it, archived, NOBODY, *free))

        assert operation.result == {
            "dry_run": True,
            "would_assign": 5,
            "requested": 8,
            "already_assigned": 1,
            "archived": 1,
            "unknown": 1,
            "unknown_ids": [str(NOBODY)],
        }
        assert (operation.status, operation.done, operation.total) == ("succeeded", 8, 8)
        assert len(await assigned(clinic)) == 1

    async def test_is_over_for_whoever_asks_again(self, clinic: Clinic) -> None:
        operation = await previewed(clinic, patient_filter='status = "active"')

        assert await driven(clinic, operation) == operation
        assert await assigned(clinic) == []

    async def test_then_doing_it_does_the_same(self, clinic: Clinic) -> None:
        cohort = await clinic.enrol(*RIVERS)
        await clinic.assign(patient_id=cohort[0])

        preview = await previewed(clinic, patient_ids=tuple(cohort))
        after = await driven(clinic, await submitted(clinic, patient_ids=tuple(cohort)))

        assert preview.result is not None
        assert after.result is not None
        assert preview.result["would_assign"] == after.result["assigned"] == 6


class TestTwice:
    async def test_a_second_run_assigns_nobody(self, clinic: Clinic) -> None:
        operation = await submitted(clinic, patient_ids=tuple(await clinic.enrol(*RIVERS)))
        first = await driven(clinic, operation)

        assert await driven(clinic, operation) == first
        assert len(await assigned(clinic)) == 7

    async def test_a_batch_rolled_back_is_done_again_whole(
        self, cluster: Cluster, database_name: str, organisation: Organisation
    ) -> None:
        is_broken = True

        async def break_once(_tx: Transaction, event: AssignmentsStarted) -> None:
            nonlocal is_broken
            if is_broken and len(event.assignment_ids) == 1:
                is_broken = False
                raise ConnectionError

        database = await open_database(
            cluster, database_name, subscriptions=Subscriptions([(AssignmentsStarted, break_once)])
        )
        clinic = await make_clinic(database, organisation)
        operation = await submitted(clinic, patient_ids=tuple(await clinic.enrol(*RIVERS)))

        with pytest.raises(Exception, match="Not available"):
            await driven(clinic, operation)
        interrupted = len(await assigned(clinic))
        after = await driven(clinic, operation)
        made = len(await assigned(clinic))
        await database.close()

        assert (interrupted, made, after.done) == (6, 7, 7)

    async def test_two_operations_at_once_give_each_patient_one(self, clinic: Clinic) -> None:
        cohort = tuple(await clinic.enrol(*RIVERS))
        first, second = await submitted(clinic, patient_ids=cohort), await submitted(clinic, patient_ids=cohort)

        outcomes = await asyncio.gather(driven(clinic, first), driven(clinic, second))

        assert len(await assigned(clinic)) == 7
        assert sum(outcome.result["assigned"] for outcome in outcomes if outcome.result) == 7


class TestWhoAsked:
    async def test_and_may_no_more_ends_the_work_before_its_next_batch(self, clinic: Clinic) -> None:
        operation = await submitted(clinic, patient_ids=tuple(await clinic.enrol(*RIVERS)))
        operation = await one_batch(clinic, operation)
        async with clinic.acting() as tx:
            await tx.execute("update account set status = 'disabled' where id = $1", clinic.clinician.account_id)

        ended = await driven(clinic, operation)

        assert (ended.status, (ended.problem or {})["type"]) == ("failed", "asker-gone")
        assert len(await assigned(clinic)) == ended.done == 3

    @pytest.mark.parametrize(
        ("change", "permission"),
        [("revoked_at = now()", None), ("scopes = array_remove(scopes, 'assignment.write')", "assignment.write")],
        ids=["revoked", "narrowed"],
    )
    async def test_with_a_token_that_is_good_no_more_ends_it_too(
        self, clinic: Clinic, change: str, permission: str | None
    ) -> None:
        admin = clinic.organisation.admin
        async with clinic.database.transaction(clinic.organisation.id, actor=admin) as tx:
            scopes = ("assignment.write", "protocol.read", "patient.read")
            new = NewToken(name="bridge", scopes=scopes, lifetime=timedelta(days=1), account_id=None)
            _, secret = await accounts.create_token(tx, admin, new, is_live=False)
            credential = await tokens.get_credential(tx, secret.hash)
        assert credential is not None
        cohort = tuple(await clinic.enrol(*RIVERS))
        async with clinic.database.transaction(clinic.organisation.id, actor=credential.actor) as tx:
            operation = await service.submit_bulk(tx, credential.actor, asked(clinic, patient_ids=cohort))
        operation = await one_batch(clinic, operation)
        async with clinic.acting() as tx:
            await tx.execute(f"update api_token set {change}")

        ended = await driven(clinic, operation)

        problem = ended.problem or {}
        assert (ended.status, problem["type"], problem.get("permission")) == ("failed", "token-gone", permission)
        assert len(await assigned(clinic)) == ended.done == 3


class TestRegister:
    def test_the_worker_knows_the_job(self) -> None:
        registry = JobRegistry()

        jobs.register(registry)

        assert [(spec.name, spec.timeout) for spec in registry.specs] == [("assignment.bulk", None)]
