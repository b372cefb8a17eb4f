"""Entries are found by the protocol that they are of, however they came and in whatever order."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import Assignment, NewAssignment
from healthprotocol.care.entries import service as entries
from healthprotocol.care.entries.model import GivenValue, NewEntry
from healthprotocol.care.entries.service import Item
from healthprotocol.foundation.clock import system_clock
from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.listing import Asked, walking
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.ids import OrganisationId
from tests.care.assignments.plans import content_of, published
from tests.care.transfers.files import ENTRY_COLUMNS, FEVER, TEMPERATURE, Ward, csv_of, make_ward
from tests.support.people import Organisation
from tests.support.postgresql import Cluster

EXPECTED = """
select a.protocol_id, e.recorded_at, e.id as entry_id, e.effective_at, e.planned_on
from entry e join assignment a on a.organisation_id = e.organisation_id and a.id = e.assignment_id
order by e.recorded_at, e.id
"""
KEPT = """
select protocol_id, recorded_at, entry_id, effective_at, planned_on from entry_of_protocol
order by recorded_at, entry_id
"""


@pytest.fixture
async def ward(database: Database, organisation: Organisation) -> Ward:
    return await make_ward(database, organisation)


async def other_plan(ward: Ward) -> Assignment:
    """Give one of the patients another protocol."""
    protocol_id = await published(ward.database, ward.organisation, content_of(FEVER))
    actor = ward.organisation.clinician
    wanted = NewAssignment(
        protocol_id=protocol_id,
        patient_id=ward.patient_ids[0],
        starts_on=system_clock().date() - timedelta(days=9),
    )
    async with ward.database.transaction(ward.organisation.id, actor=actor) as tx:
        return await assignments.assign(tx, actor, wanted)


async def record(ward: Ward, plan: Assignment, *, count: int) -> None:
    """Record unplanned entries, each an hour after the other, the last of them now."""
    actor = ward.organisation.clinician
    async with ward.database.transaction(ward.organisation.id, actor=actor) as tx:
        items = [
            Item(
                None,
                NewEntry(
                    client_id=uuid4(),
                    assignment_id=plan.id,
                    activity_key="fever",
                    outcome="completed",
                    effective_at=tx.now - timedelta(hours=number),
                    values=(GivenValue(code=TEMPERATURE, value=36.6, unit="Cel"),),
                ),
            )
            for number in range(count)
        ]
        assert all(one.problem is None for one in await entries.record(tx, actor, items))


async def ids(ward: Ward, source: str, order_by: str = "") -> tuple[list[UUID], list[UUID]]:
    """The ids of all entries found: by the pages there, and by those back."""
    actor = ward.organisation.clinician

    async def page(token: str | None) -> Any:
        async with ward.database.transaction(ward.organisation.id, actor=actor) as tx:
            asked = Asked(filter=source, order_by=order_by, page_size=7, page_token=token)
            return await entries.page(tx, actor, asked)

    there = [await page(None)]
    while token := there[-1].next_page_token:
        there.append(await page(token))
    back = [there[-1]]
    while token := back[-1].previous_page_token:
        back.append(await page(token))
    return [one.id for each in there for one in each.items], [one.id for each in reversed(back) for one in each.items]


class TestTheKeysOfAProtocol:
    async def test_stand_beside_each_entry_however_it_came(self, ward: Ward) -> None:
        plan = await other_plan(ward)
        await ward.bring("entries", csv_of(ENTRY_COLUMNS, ward.entries(30)))
        await record(ward, plan, count=5)

        kept = await ward.rows(KEPT)

        assert kept == await ward.rows(EXPECTED)
        assert [row["protocol_id"] for row in kept].count(plan.protocol_id) == 5
        assert len(kept) == 35

    async def test_are_made_of_entries_that_stood_before(
        self, ward: Ward, cluster: Cluster, database_name: str
    ) -> None:
        await ward.bring("entries", csv_of(ENTRY_COLUMNS, ward.entries(20)))
        before = await ward.rows(KEPT)
        [fill] = [one for one in migrate.revisions() if one.title.endswith("fill_entry_of_protocol")]
        [statement] = [one.text for one in fill.forwards.statements if one.backfill == "entry"]
        owner = await asyncpg.connect(cluster.admin_url(database_name))
        await owner.execute("delete from entry_of_protocol")

        # Twice, as after a migrator that was killed.
        made = [await owner.execute(statement.replace(":batch", "true")) for _ in range(2)]

        await owner.close()
        assert made == ["INSERT 0 20", "INSERT 0 0"]
        assert await ward.rows(KEPT) == before

    async def test_are_seen_by_their_organisation_only(self, ward: Ward) -> None:
        await ward.bring("entries", csv_of(ENTRY_COLUMNS, ward.entries(3)))

        async with ward.database.transaction(ward.organisation.id) as tx:
            mine = await tx.fetchval("select count(*) from entry_of_protocol")
        async with ward.database.transaction(OrganisationId(uuid4())) as tx:
            others = await tx.fetchval("select count(*) from entry_of_protocol")

        assert (mine, others) == (3, 0)


class TestEntriesOfAProtocol:
    @pytest.mark.parametrize("order_by", ["", "recorded_at", "effective_at desc", "effective_at", "id"])
    @pytest.mark.parametrize(
        "bound", ["", " AND effective_at < now - 10h", ' AND recorded_at >= "2020-01-01T00:00:00Z"']
    )
    async def test_are_the_same_there_and_back_in_every_order(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch, order_by: str, bound: str
    ) -> None:
        monkeypatch.setattr(walking, "NEAREST", 3)
        plan = await other_plan(ward)
        await ward.bring("entries", csv_of(ENTRY_COLUMNS, ward.entries(25)))
        await record(ward, plan, count=20)

        there, back = await ids(ward, f'assignment.protocol_id = "{plan.protocol_id}"{bound}', order_by)

        by = order_by or ("effective_at desc" if "effective" in bound else "recorded_at desc")
        tiebreak = "" if by == "id" else (", e.id desc" if by.endswith("desc") else ", e.id")
        within = "e.effective_at < now() - '10h'::interval" if "effective" in bound else "true"
        rows = await ward.rows(
            f"select e.id from entry e where e.assignment_id = $1 and {within} order by e.{by}{tiebreak}", plan.id
        )
        assert there == back == [row["id"] for row in rows]
