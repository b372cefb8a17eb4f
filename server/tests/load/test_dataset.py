"""The data set is what the product would have written: its own services find nothing to put right."""

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest

from healthprotocol.api.paging import ListQuery
from healthprotocol.care.adherence import service as adherence
from healthprotocol.care.alerts import service as alerts
from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.entries import service as entries
from healthprotocol.care.patients import service as patients
from healthprotocol.cli.installation import DATABASE, Installation
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.crypto.keys import KeyRing
from healthprotocol.foundation.db.embedded import EmbeddedServer
from healthprotocol.foundation.db.transaction import Database, Transaction, open_pool
from healthprotocol.foundation.ids import AccountId, OrganisationId

pytestmark = pytest.mark.slow


class _Undone(Exception):
    """Ends a transaction without keeping anything of it."""


async def snapshot(tx: Transaction) -> tuple[list[tuple[object, ...]], ...]:
    """Return everything that the jobs keep of plans."""
    tables = (
        "select * from adherence_day order by assignment_id, day, activity_key",
        "select * from adherence_sum order by protocol_id, day, activity_key",
        "select * from adherence_month order by assignment_id, month",
        "select assignment_id, recount_from, next_due_at, is_stale from adherence_cover order by 1",
    )
    return tuple([[tuple(row) for row in await tx.fetch(sql)] for sql in tables])


class TestTruth:
    async def test_a_recount_of_all_plans_changes_nothing(self, data_dir: Path) -> None:
        place = Installation(Settings(data_dir=data_dir, database_url=None))
        at = datetime.fromisoformat((data_dir / "dataset.at").read_text())
        with EmbeddedServer(data_dir, durable=False) as server:
            pool = await open_pool(place.application_url(server.url_of(DATABASE)), size=2, statement_timeout_seconds=60)
            database = Database(pool, keys=KeyRing(place.root_key))
            async with database.transaction(None) as tx:
                organisations = [row["id"] for row in await tx.fetch("select hp_organisations() as id")]
            for organisation_id in organisations:
                await self._recounted(database, OrganisationId(organisation_id), at)
            await database.close()

        assert len(organisations) == 3

    async def _recounted(self, database: Database, organisation_id: OrganisationId, at: datetime) -> None:
        with suppress(_Undone):
            async with database.transaction(organisation_id, now=at) as tx:
                before = await snapshot(tx)
                looks = await tx.fetch("select assignment_id, next_look_at from alert_watch order by 1")
                await adherence.rebuild(tx)
                while await adherence.refresh(tx):
                    pass
                await tx.execute("update alert_watch set is_stale = true")
                while await alerts.look(tx):
                    pass

                assert len(before[0]) > 50
                assert await snapshot(tx) == before
                assert await tx.fetch("select assignment_id, next_look_at from alert_watch order by 1") == looks
                await self._readable(tx)
                raise _Undone

    async def _readable(self, tx: Transaction) -> None:
        clinician: UUID = await tx.fetchval("select id from account where role = 'clinician'")
        actor = Actor(account_id=AccountId(clinician), organisation_id=tx.tenant, role="clinician")
        plan = (await assignments.ids_after(tx, limit=1))[0]
        whose = (await assignments.get(tx, actor, plan)).patient_id
        person = await patients.get(tx, actor, whose)
        told = await entries.since(tx, await assignments.by_ids(tx, [plan]), effective_from=person.created_at)
        first = person.demographics

        assert all(one.patient_id == whose for one in told)
        for wanted in (first.email, first.phone, first.identifiers[0].value, f"{first.family_name} {first.birth_date}"):
            found = await patients.page(tx, actor, ListQuery(), q=wanted or "")
            assert whose in {row.id for row in found.items}
