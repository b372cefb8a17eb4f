import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from healthprotocol.api.paging import ListQuery
from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import BadRequest, Forbidden
from healthprotocol.trust.audit import service
from healthprotocol.trust.audit.model import AuditEvent, StoredEvent
from healthprotocol.trust.audit.rules import leaf_of
from tests.support.people import Organisation
from tests.support.postgresql import Cluster

CONTEXT = RequestContext(request_id="req-1", address="192.0.2.7")
THE_ELBE, THE_ODER, PLAN = UUID(int=1), UUID(int=2), UUID(int=3)

CHANGES = ("update audit_event set outcome = 'success'", "delete from audit_event", "truncate audit_event")


async def record_some(database: Database, organisation: Organisation) -> None:
    async with database.transaction(organisation.id, context=CONTEXT) as tx:
        await service.record(
            tx, organisation.clinician, "assignment.pause", PLAN, subject_id=THE_ELBE, detail={"reason": "travel"}
        )
        await service.record(tx, organisation.clinician, "patient.list", subject_ids=[THE_ELBE, THE_ODER])


async def read(database: Database, organisation: Organisation, query: ListQuery | None = None) -> list[AuditEvent]:
    async with database.transaction(organisation.id) as tx:
        return (await service.list_events(tx, organisation.auditor, query or ListQuery())).items


class TestRecord:
    async def test_says_who_did_what_of_whom_and_from_where(
        self, database: Database, organisation: Organisation
    ) -> None:
        await record_some(database, organisation)

        listed, paused = sorted(await read(database, organisation), key=lambda event: event.action, reverse=True)
        assert paused.actor_id == organisation.clinician.account_id
        assert (paused.actor_role, paused.action, paused.object_type) == ("clinician", "assignment.pause", "assignment")
        assert (paused.object_id, paused.subject_id, paused.detail) == (PLAN, THE_ELBE, {"reason": "travel"})
        assert (paused.outcome, paused.purpose) == ("success", "TREAT")
        assert (paused.request_id, paused.address) == ("req-1", "192.0.2.7")
        assert (listed.object_id, listed.subject_id, listed.subject_ids) == (None, None, (THE_ELBE, THE_ODER))

    async def test_stands_and_falls_with_the_act(self, database: Database, organisation: Organisation) -> None:
        with pytest.raises(RuntimeError):
            await self._record_then_fail(database, organisation)

        assert await read(database, organisation) == []

    async def _record_then_fail(self, database: Database, organisation: Organisation) -> None:
        async with database.transaction(organisation.id) as tx:
            await service.record(tx, organisation.clinician, "patient.read", THE_ELBE)
            raise RuntimeError

    async def test_writes_all_events_of_a_transaction_in_one_statement(
        self, database: Database, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        statements: list[str] = []
        async with database.transaction(organisation.id) as tx:
            execute = tx.execute

            async def counted(sql: str, *args: object) -> str:
                statements.append(sql)
                return await execute(sql, *args)

            monkeypatch.setattr(tx, "execute", counted)
            for _ in range(200):
                await service.record(tx, organisation.clinician, "patient.read", THE_ELBE, subject_id=THE_ELBE)
            assert statements == []

        assert len(statements) == 1
        assert len(await read(database, organisation, ListQuery(page_size=200))) == 200

    async def test_names_nobody_where_nobody_acts(self, database: Database, organisation: Organisation) -> None:
        async with database.transaction(organisation.id) as tx:
            await service.record(tx, None, "rollup.rebuild")
        async with database.transaction(organisation.id, context=CONTEXT) as tx:
            await service.record(tx, None, "session.create", outcome="failure")

        roles = {event.action: (event.actor_id, event.actor_role) for event in await read(database, organisation)}
        assert roles == {"rollup.rebuild": (None, "system"), "session.create": (None, "anonymous")}

    async def test_a_refusal_is_recorded_though_its_transaction_is_rolled_back(
        self, database: Database, organisation: Organisation
    ) -> None:
        await service.record_denied(database, organisation.auditor, CONTEXT, "patient.read")

        (event,) = await read(database, organisation)
        assert (event.action, event.outcome, event.object_type) == ("patient.read", "denied", "patient")

    async def test_an_instant_outside_all_months_still_finds_a_place(
        self, database: Database, organisation: Organisation
    ) -> None:
        for year in (1990, 2090):
            async with database.transaction(organisation.id, now=datetime(year, 1, 1, tzinfo=UTC)) as tx:
                await service.record(tx, organisation.clinician, "patient.read", THE_ELBE)

        assert [event.at.year for event in await read(database, organisation)] == [2090, 1990]


class TestTheStoredRow:
    async def test_its_leaf_commits_to_every_column(self, database: Database, organisation: Organisation) -> None:
        await record_some(database, organisation)

        async with database.transaction(organisation.id) as tx:
            rows = await tx.fetch("select * from audit_event")
        for row in rows:
            fields: dict[str, Any] = dict(row)
            leaf = fields.pop("leaf")
            fields["subject_ids"] = tuple(fields["subject_ids"])
            event = StoredEvent(**fields)
            assert leaf_of(event) == leaf
            assert len({leaf_of(changed) for changed in changes(event)} | {leaf}) == len(fields) + 1

    async def test_says_nothing_in_clear_that_could_name_a_person(
        self, cluster: Cluster, database_name: str, database: Database, organisation: Organisation
    ) -> None:
        await record_some(database, organisation)

        connection = await asyncpg.connect(cluster.admin_url(database_name))
        text = json.dumps([str(row) for row in await connection.fetch("select audit_event::text from audit_event")])
        await connection.close()
        assert "assignment.pause" in text
        for secret in ("travel", "192.0.2.7", b"travel".hex(), b"192.0.2.7".hex()):
            assert secret not in text

    async def test_is_never_changed_by_the_application(self, database: Database, organisation: Organisation) -> None:
        await record_some(database, organisation)

        for statement in CHANGES:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await run(database, organisation, statement)

    async def test_is_not_even_changed_by_an_administrator_by_mistake(
        self, cluster: Cluster, database_name: str, database: Database, organisation: Organisation
    ) -> None:
        await record_some(database, organisation)
        connection = await asyncpg.connect(cluster.admin_url(database_name))

        for statement in CHANGES:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="never changed"):
                await connection.execute(statement)

        await connection.close()

    async def test_is_out_of_reach_through_its_partitions(self, database: Database, organisation: Organisation) -> None:
        await record_some(database, organisation)
        async with database.transaction(organisation.id) as tx:
            partition = await tx.fetchval("select min(tableoid::regclass::text) from audit_event")

        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(database, organisation, f"select from {partition}")


class TestListEvents:
    async def test_another_role_may_not(self, database: Database, organisation: Organisation) -> None:
        async with database.transaction(organisation.id) as tx:
            for actor in (organisation.clinician, organisation.coordinator, organisation.patient(THE_ELBE)):
                with pytest.raises(Forbidden):
                    await service.list_events(tx, actor, ListQuery())

    async def test_another_organisation_sees_none_of_it(
        self, database: Database, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        await record_some(database, organisation)

        assert await read(database, other_organisation) == []

    async def test_filters(self, database: Database, organisation: Organisation) -> None:
        await record_some(database, organisation)
        counts = {
            'action = "patient.list"': 1,
            'object_type = "assignment"': 1,
            f'patient_id = "{THE_ELBE}"': 1,
            f'patient_id = "{THE_ELBE}" OR patient_ids:"{THE_ELBE}"': 2,
            f'actor_id = "{THE_ELBE}"': 0,
            'outcome = "denied"': 0,
            'at >= "2020-01-01T00:00:00Z" AND action != "audit.list"': 2,
            'at >= "2100-01-01T00:00:00Z"': 0,
        }

        found = {one: len(await read(database, organisation, ListQuery(filter=one))) for one in counts}

        assert found == counts

    async def test_pages_lead_through_the_whole_log(self, database: Database, organisation: Organisation) -> None:
        for _ in range(3):
            await record_some(database, organisation)
        before = datetime.now(UTC)
        seen: list[UUID] = []
        token: str | None = None

        while True:
            query = ListQuery(page_size=2, page_token=token, filter=f'at < "{before.isoformat()}"')
            async with database.transaction(organisation.id) as tx:
                page = await service.list_events(tx, organisation.auditor, query)
            seen += [event.id for event in page.items]
            token = page.next_page_token
            if token is None:
                break

        assert len(seen) == len(set(seen)) == 6

    async def test_reading_is_recorded_too(self, database: Database, organisation: Organisation) -> None:
        await read(database, organisation)

        (event,) = await read(database, organisation)
        assert (event.action, event.actor_id) == ("audit.list", organisation.auditor.account_id)

    async def test_an_unknown_field_is_refused(self, database: Database, organisation: Organisation) -> None:
        with pytest.raises(BadRequest):
            await read(database, organisation, ListQuery(filter='password = "x"'))


async def run(database: Database, organisation: Organisation, statement: str) -> None:
    async with database.transaction(organisation.id) as tx:
        await tx.execute(statement)


def changes(event: StoredEvent) -> list[StoredEvent]:
    """Return the event with each column changed in turn."""
    other: dict[type, object] = {UUID: UUID(int=99), str: "other", bytes: b"other", int: 7, tuple: (UUID(int=98),)}
    changed: list[StoredEvent] = []
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if isinstance(value, datetime):
            new: object = value.replace(microsecond=(value.microsecond + 1) % 1_000_000)
        elif value is None:
            new = UUID(int=97) if name.endswith("_id") else b""
        else:
            new = other[type(value) if type(value) in other else UUID]
        changed.append(msgspec.structs.replace(event, **{name: new}))
    return changed
