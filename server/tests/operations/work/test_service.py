"""Long work is seen and stopped by whoever began it, and by admins."""

from uuid import uuid4

import pytest

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.ids import OperationId, OrganisationId
from healthprotocol.foundation.jobs import dead_letters, operations
from healthprotocol.foundation.jobs.dead_letters import DeadLetter
from healthprotocol.foundation.jobs.operations import Operation, OperationUnknown
from healthprotocol.foundation.jobs.queue import enqueue
from healthprotocol.operations.work import schemas, service
from tests.support.people import Organisation


@pytest.fixture
async def operation(database: Database, organisation: Organisation) -> Operation:
    async with database.transaction(organisation.id) as tx:
        return await operations.create(
            tx, "assignment.bulk", created_by=organisation.coordinator.account_id, input={}, total=3
        )


async def got(database: Database, actor: Actor, operation_id: OperationId) -> Operation:
    async with database.transaction(actor.organisation_id, actor=actor) as tx:
        return await service.get(tx, actor, operation_id)


class TestGet:
    async def test_whoever_began_it_sees_it(
        self, database: Database, organisation: Organisation, operation: Operation
    ) -> None:
        assert await got(database, organisation.coordinator, operation.id) == operation

    async def test_an_admin_sees_it(self, database: Database, organisation: Organisation, operation: Operation) -> None:
        assert await got(database, organisation.admin, operation.id) == operation

    async def test_a_colleague_does_not(
        self, database: Database, organisation: Organisation, operation: Operation
    ) -> None:
        with pytest.raises(OperationUnknown):
            await got(database, organisation.clinician, operation.id)

    async def test_another_organisation_does_not(
        self, database: Database, other_organisation: Organisation, operation: Operation
    ) -> None:
        with pytest.raises(OperationUnknown):
            await got(database, other_organisation.admin, operation.id)

    async def test_what_is_not_there_is_unknown_too(self, database: Database, organisation: Organisation) -> None:
        with pytest.raises(OperationUnknown):
            await got(database, organisation.admin, OperationId(uuid4()))


class TestCancel:
    async def test_is_recorded_once(self, database: Database, organisation: Organisation, operation: Operation) -> None:
        cancelled = operation
        for _ in range(2):
            async with database.transaction(organisation.id, actor=organisation.coordinator) as tx:
                cancelled = await service.cancel(tx, organisation.coordinator, operation.id)

        async with database.transaction(organisation.id) as tx:
            events = await tx.fetch("select action, object_id from audit_event where action = 'operation.cancel'")
        assert cancelled.status == "cancelled"
        assert [event["object_id"] for event in events] == [operation.id]

    async def test_a_colleague_may_not(
        self, database: Database, organisation: Organisation, operation: Operation
    ) -> None:
        async with database.transaction(organisation.id) as tx:
            with pytest.raises(OperationUnknown):
                await service.cancel(tx, organisation.clinician, operation.id)


class TestDeadLetters:
    async def test_of_an_organisation_run_again_and_go_with_a_trace_in_its_log(
        self, database: Database, organisation: Organisation
    ) -> None:
        letters = [await died(database, organisation.id) for _ in range(2)]

        became = await service.revive(database, letters[0])
        is_gone = [await service.bury(database, letters[1]) for _ in range(2)]

        async with database.transaction(organisation.id) as tx:
            events = await tx.fetch("select action from audit_event where object_type = 'job' order by at, id")
        assert (became, is_gone) == ("revived", [True, False])
        assert [event["action"] for event in events] == ["job.revive", "job.bury"]

    async def test_of_the_installation_run_again_and_go(self, database: Database) -> None:
        revived, buried = [await died(database, None) for _ in range(2)]

        assert await service.revive(database, revived) == "revived"
        assert await service.bury(database, buried)


async def died(database: Database, organisation_id: OrganisationId | None) -> DeadLetter:
    async with database.transaction(organisation_id) as tx:
        job_id = await enqueue(tx, "count.boats", {})
        await tx.execute("update pgqueuer.pgqueuer set status = 'failed' where id = $1", job_id)
        [letter] = await dead_letters.list_dead(tx, job_id=job_id)
    return letter


class TestShape:
    async def test_is_the_promised_one(
        self, database: Database, organisation: Organisation, operation: Operation
    ) -> None:
        async with database.transaction(organisation.id) as tx:
            failed = await operations.fail(
                tx,
                operation,
                {"type": "patient-unknown", "title": "Unknown", "status": 404, "detail": "Unknown", "errors": []},
            )

        shown = schemas.operation(failed)
        assert (shown.status, shown.progress.done, shown.progress.total) == ("failed", 0, 3)
        assert shown.problem is not None
        assert shown.problem.type.endswith("/problems/patient-unknown")
