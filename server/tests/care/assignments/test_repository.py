"""What is asked of assignments is served by an index: shown on PostgreSQL's own plan."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from healthprotocol.care.assignments import repository
from healthprotocol.care.assignments.repository.plans import _ROW, ASSIGNMENTS
from healthprotocol.care.patients.model import PatientId
from healthprotocol.foundation.db.transaction import Record, Transaction
from tests.care.assignments.plans import Clinic

FIELDS = sorted(name for name, field in ASSIGNMENTS.fields.items() if field.sortable)
FILTERS = {
    "id": 'id = "00000000-0000-0000-0000-000000000001"',
    "status": 'status = "paused"',
    "patient_id": 'patient_id = "00000000-0000-0000-0000-000000000001"',
    "protocol_id": 'protocol_id = "00000000-0000-0000-0000-000000000001"',
    "version": "version = 7",
    "starts_on": "starts_on >= 2026-03-02",
    "ends_on": "ends_on < 2026-03-02",
    "assigned_at": 'assigned_at > "2026-03-02T00:00:00Z"',
    "updated_at": 'updated_at > "2026-03-02T00:00:00Z"',
}


async def plan_of(clinic: Clinic, *, filter_: str = "", order_by: str = "") -> str:
    async with clinic.acting() as tx:
        listing = ASSIGNMENTS.parse(
            filter=filter_, order_by=order_by, signer=tx.keys.signer("page_token"), organisation_id=tx.tenant
        )
        sql, args = listing.sql(_ROW, "a.organisation_id = $1", 2)
        # In an empty table reading all of it is cheapest: forbid that, and see whether there is another way.
        await tx.execute(
            "set local enable_seqscan = off; set local enable_bitmapscan = off; set local enable_sort = off"
        )
        rows = await tx.fetch(f"explain {sql}", tx.tenant, *args)
    return "\n".join(row[0] for row in rows)


class TestPage:
    @pytest.mark.parametrize("field", FIELDS)
    async def test_an_index_gives_every_order(self, clinic: Clinic, field: str) -> None:
        for order_by in (field, f"{field} desc"):
            plan = await plan_of(clinic, order_by=order_by)
            assert "Index Scan" in plan
            assert "Sort" not in plan

    @pytest.mark.parametrize("field", FIELDS)
    async def test_an_index_finds_every_filter(self, clinic: Clinic, field: str) -> None:
        plan = await plan_of(clinic, filter_=FILTERS[field], order_by=field)

        [condition] = [line for line in plan.splitlines() if "Index Cond" in line]
        assert f"({field} " in condition


class TestWhileTheTableGrows:
    async def test_taken_reads_what_its_own_patients_have(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = await clinic.assign()
        wanted = [msgspec.structs.replace(made, patient_id=PatientId(uuid4())) for _ in range(20)]
        async with clinic.acting() as tx:
            plans = await grown(tx, monkeypatch)
            found = await repository.taken(tx, [*wanted, made])

        assert found == {20}
        assert blocks(plans) < 8 * len(wanted)

    async def test_following_reads_what_its_own_patients_have(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = await clinic.assign()
        others = [uuid4() for _ in range(20)]
        days = {"from_on": made.ends_on, "to_on": made.ends_on + timedelta(days=9)}
        async with clinic.acting() as tx:
            plans = await grown(tx, monkeypatch)
            found = await repository.following(tx, made.protocol_id, [*others, made.patient_id], **days)

        assert found == {made.patient_id}
        assert blocks(plans) < 8 * len(others)


async def grown(tx: Transaction, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Have many others follow the same protocol; return where the plan of what is asked next will be."""
    # PostgreSQL has not looked at the table since it was empty.
    await tx.execute(_OTHER_PATIENTS)
    await tx.execute(_OTHER_ASSIGNMENTS)
    fetch = tx.fetch
    plans: list[Any] = []

    async def explained(sql: str, *args: object) -> list[Record]:
        [row] = await fetch(f"explain (analyze, buffers, format json) {sql}", *args)
        plans.extend(row[0] if isinstance(row[0], list) else msgspec.json.decode(row[0]))
        return await fetch(sql, *args)

    monkeypatch.setattr(tx, "fetch", explained)
    return plans


def blocks(plans: list[Any]) -> int:
    [plan] = plans
    return plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]


_OTHER_PATIENTS = """
insert into patient (organisation_id, id, status, time_zone, created_at, created_by, updated_at)
select p.organisation_id, gen_random_uuid(), p.status, p.time_zone, p.created_at, p.created_by, p.updated_at
from patient p, generate_series(1, 4000)
"""
_OTHER_ASSIGNMENTS = """
insert into assignment (
  organisation_id, id, patient_id, protocol_id, version, status, starts_on, ends_on, time_zone, segments, assigned_at,
  assigned_by, updated_at
)
select a.organisation_id, gen_random_uuid(), p.id, a.protocol_id, a.version, a.status, a.starts_on, a.ends_on,
  a.time_zone, a.segments, a.assigned_at, a.assigned_by, a.updated_at
from assignment a join patient p on p.organisation_id = a.organisation_id and p.id <> a.patient_id
"""
